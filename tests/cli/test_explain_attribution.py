"""`survviz explain --attribution` and `--faithfulness`: the files of a case and of a cohort."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from survviz.data.cohort import load_cohort

Run = Callable[..., subprocess.CompletedProcess[str]]

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "checkpoints" / "demo-survpgc"
SAMPLE = ROOT / "sample_data"
CASE = "SV07-0026"


def test_attribution_of_a_case_is_one_answer_in_three_files(survviz: Run, tmp_path: Path) -> None:
    run = survviz(
        "explain", "-c", DEMO, "--cohort", SAMPLE, "--case", CASE, "--attribution", "--method", "relevance",
        "--target", "survival:36", "--out", tmp_path, "--json",
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    document = json.loads((tmp_path / "attribution.json").read_text())
    table = pd.read_csv(tmp_path / "attribution.csv")
    assert document["change"] == pytest.approx(document["output"] - document["reference"])
    modalities = table[table["level"] == "modality"]
    assert modalities["value"].sum() + document["rest"] == pytest.approx(document["change"], abs=1e-4)
    page = (tmp_path / "attribution.html").read_text()
    assert "pushes the survival at 36 months up" in page
    assert "For Research Use Only. Not for use in diagnostic procedures." in page
    assert {Path(name).name for name in json.loads(run.stdout)["written"]} == {path.name for path in tmp_path.iterdir()}


def test_attribution_of_a_cohort_shares_it_among_modalities(survviz: Run, tmp_path: Path) -> None:
    cohort, out = tmp_path / "cohort", tmp_path / "out"
    shutil.copytree(SAMPLE, cohort, ignore=shutil.ignore_patterns("slides", "truth", "reader_study"))
    clinical = pd.read_csv(cohort / "clinical.csv")
    few = clinical[clinical["case_id"].isin(load_cohort(SAMPLE).holdout)]
    few.to_csv(cohort / "clinical.csv", index=False)
    run = survviz(
        "explain",
        "-c",
        DEMO,
        "--cohort",
        cohort,
        "--attribution",
        "--method",
        "shapley",
        "--baseline",
        "zero",
        "--out",
        out,
    )
    assert run.returncode == 0, run.stderr
    shares = pd.read_csv(out / "shares.csv")
    everyone = shares[shares["group"] == "all"]
    assert everyone["share"].sum() == pytest.approx(1)
    assert np.all(everyone["low"] <= everyone["share"])
    assert pd.read_csv(out / "attribution_by_case.csv")["case_id"].nunique() == len(few)


def test_faithfulness_tests_each_direction_onto_the_patches(survviz: Run, tmp_path: Path) -> None:
    features = SAMPLE / "features" / f"{CASE}-DX1.h5"
    row = tmp_path / "row.csv"
    row.write_text("field,value\nAge,64\nSex,female\nStage,III\n")
    run = survviz(
        "explain", "-c", DEMO, "--features", features, "--clinical", row, "--faithfulness", "--out", tmp_path / "out"
    )
    assert run.returncode == 0, run.stderr
    (test,) = json.loads((tmp_path / "out" / "faithfulness.json").read_text())["tests"]
    assert test["map"] == "attention:clinical:pathology:all"
    assert test["words"] in run.stdout
