"""The tab Over a cohort of Why this risk: what a job left is there after a reload, and its words are true."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from survviz.jobs.state import JobStatus, new_id, write_state
from survviz.server.computations import register_job
from survviz.workspace import workspace

OpenPage = Callable[..., AppTest]
VIEW = "Over a cohort"

pytestmark = pytest.mark.xdist_group("demo")


@pytest.fixture
def member() -> str:
    """A case of the training cohort with every modality, which only one model never saw."""
    from pages.components.cases import sample_cohort

    cohort = sample_cohort()
    training = (name for name in cohort.case_ids if name not in cohort.holdout)
    return next(name for name in training if (one := cohort.case(name)).bags and one.rna and one.clinical)


def finished(owner: str, member: str) -> None:
    """As the worker leaves a job that is done: the open case and another, by relevance."""
    from pages.components import session
    from pages.components.cases import sample_cohort
    from pages.components.why_cohort import JOB
    from survviz.pipeline.cohort.attribution import attribute_cohort
    from survviz.pipeline.cohort.attribution_files import write_attribution_files

    cohort = sample_cohort()
    other = next(name for name in cohort.case_ids if name != member and name not in cohort.holdout)
    found = attribute_cohort(session.predictor(), cohort.subset([member, other]), method="relevance")
    folder = workspace("attribution", "made")
    write_attribution_files(found, folder)
    job, now = new_id(), time.time()
    result = {"folder": str(folder)}
    status = JobStatus(job, "attribution", "done", 2, 2, result=result, owner=owner, created=now, updated=now)
    write_state(workspace("jobs", job), status)
    register_job(owner, job, JOB.about())


def words(app: AppTest) -> str:
    kinds = (app.markdown, app.caption, app.warning, app.info, app.error, app.subheader)
    return " ".join(one.value for kind in kinds for one in kind)


def test_what_a_job_left_is_shown_with_what_it_was_asked(open_page: OpenPage, member: str) -> None:
    app = open_page("why_this_risk.py", case=f"sample:{member}", view=VIEW, by="Relevance propagation")
    assert not app.exception
    assert "each only by models that never saw them" in words(app)
    finished(app.session_state["_survviz_owner"], member)
    app.run()
    assert not app.exception
    assert not app.error
    said = words(app)
    assert "**risk score** of 2 patients, against the baseline *training mean*" in said
    assert "by relevance propagation." in said
    assert "have changed since" not in said
    assert " of 2.**" in said
    assert "another order than the one in which the head was trained" in said
    assert app.table[0].value.loc["Clinic branch"].tolist() == ["44.6 %", "17.8 %", "66.1 %"]
    assert len(app.get("plotly_chart")) == 2
    assert app.dataframe[0].value["Patient"][0] == f"{member} ◆"
    app.selectbox(key="against").set_value("zero").run()
    assert "have changed since" in words(app)


def test_drivers_are_counted_in_words() -> None:
    from pages.components.why_cohort import driven_words

    text = driven_words(["clinical"] * 4 + ["pathology"] * 2 + ["none"])
    assert text == "**Clinical record drives most patients: 4 of 7.** Slide: 2; No modality: 1."
    assert driven_words(["clinical", "clinical", "pathology", "none"]).startswith(
        "**Clinical record drives the largest group: 2 of 4.**"
    )


def test_own_values_are_scaled_by_the_cohort_and_the_open_case_is_found() -> None:
    from pages.components.why_cohort import swarm_of

    one = {"name": "Age", "case_ids": ["a", "b", "c"], "values": [0.1, 0.2, 0.3], "own": ["50", "70", "unknown"]}
    swarm = swarm_of(one | {"own_numbers": [50.0, 70.0, None]}, "sentence", None)
    np.testing.assert_array_equal(swarm.standing, [-1, 1, np.nan])
    assert swarm.marked is None
    assert np.isnan(swarm_of(one | {"own_numbers": [None, None, None]}, "sentence", None).standing).all()
    assert np.isnan(swarm_of(one | {"own_numbers": [60.0, 60.0, 60.0]}, "sentence", None).standing).all()
