"""Where a checkpoint's maps lie over a cohort, below the workbench."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from survviz import jobs
from survviz.jobs.state import JobStatus, job_folder, write_state
from survviz.pipeline.cohort.region_files import document_of, write_region_files
from survviz.pipeline.cohort.regions import CaseRegion, over_patients
from survviz.server.computations import register_job
from survviz.workspace import workspace

OpenPage = Callable[..., AppTest]
CHECKPOINT = Path(__file__).parents[2] / "checkpoints" / "demo-survpgc"

pytestmark = pytest.mark.xdist_group("demo")


def rows() -> list[CaseRegion]:
    values = {("clinical", "all"): (1.4, 1.6), ("clinical", "Stage"): (0.9, 1.2), ("case", "all"): (1.0, 1.0)}
    return [
        CaseRegion(f"c{i}", query, "pathology", token, region, 9.0, 0.1, 0.2, value + shift)
        for (query, token), pair in values.items()
        for i, value in enumerate(pair)
        for region, shift in (("tumour", 0.0), ("fat", -0.6))
    ]


def finished(folder: Path, status: JobStatus) -> None:
    """As the worker leaves a job that is done."""
    found = rows()
    document = document_of(
        found, over_patients(found), checkpoint="demo", cohort="two", regions="masks", resamples=1000, seed=0
    )
    write_region_files(folder, found, document)
    done = replace(status, state="done", error="", result={"folder": str(folder)})
    write_state(job_folder(status.id), done)


def words(app: AppTest) -> str:
    return " ".join(one.value for kind in (app.caption, app.error) for one in kind)


def test_failed_and_finished_tables_are_there_after_a_reload(open_page: OpenPage, demo: str) -> None:
    from pages.components.cohort_table import JOB

    app = open_page("slide_attention.py", case=demo)
    assert app.selectbox(key="regions_cohort").options[0] == "Sample"
    assert not app.table
    owner = app.session_state["_survviz_owner"]
    nowhere = {"checkpoint": str(CHECKPOINT), "cohort": str(workspace("nowhere"))}
    job = jobs.submit("regions", nowhere, owner=owner)
    register_job(owner, job, JOB.about())
    for _ in range(600):
        if jobs.status(job).finished:
            break
        threading.Event().wait(0.1)
    app.run()
    assert "cohort.toml" in words(app)
    finished(workspace("regions", "made"), jobs.status(job))
    app.run()
    assert not app.exception
    (table,) = app.table
    assert list(table.value.index) == ["tumour", "fat"]
    assert table.value["Enrichment"].tolist() == ["1.50 *", "0.90"]
    assert app.selectbox(key="regions_map").options == [
        "Clinic → pathology: all sentences", "Clinic → pathology: Stage", "Model → pathology", "All maps",
    ]  # fmt: skip
    app.selectbox(key="regions_map").select("All maps")
    app.run()
    assert app.dataframe[0].value["Map"].tolist() == list(app.selectbox(key="regions_map").options)[:3]
    assert "2 patients with regions" in words(app)
    assert "For Research Use Only" in words(app)
