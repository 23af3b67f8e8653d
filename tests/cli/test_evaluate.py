"""`survviz evaluate`."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pandas as pd
import pytest

from survviz.cli.evaluate import NAMES
from survviz.evaluation import summarise

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "checkpoints" / "demo-survpgc"
SAMPLE = ROOT / "sample_data"
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def evaluate(survviz: Run) -> Run:
    """Runs the verb."""
    return partial(survviz, "evaluate")


def test_json_holds_every_metric_and_out_holds_every_case(evaluate: Run, tmp_path: Path) -> None:
    run = evaluate("-c", DEMO, "--cohort", SAMPLE, "--json", "--out", tmp_path / "result", "--resamples", "50")
    assert run.returncode == 0, run.stderr
    document = json.loads(run.stdout)
    assert document["n_scored"] == 6
    assert document["n_not_scored"] == {"training": 194}
    assert set(document["metrics"]) == set(NAMES) - {"within_c"}
    for one in document["metrics"].values():
        assert (one["value"] is None) == (one["low"] is None and bool(one["reason"])) or one["value"] is not None
    risks, survival = (pd.read_csv(tmp_path / "result" / name) for name in ("risks.csv", "survival.csv"))
    assert risks["case_id"].tolist() == survival["case_id"].tolist()
    assert survival["36"].to_numpy() == pytest.approx(risks["survival_36"].to_numpy())
    assert json.loads((tmp_path / "result" / "evaluation.json").read_text())["metrics"] == document["metrics"]


def test_words_say_the_protocol_and_that_it_is_research(evaluate: Run, tmp_path: Path) -> None:
    run = evaluate("-c", DEMO, "--cohort", SAMPLE, "--resamples", "20")
    assert run.returncode == 0, run.stderr
    assert "Held-out cases of a cohort that demo-survpgc was trained on" in run.stdout
    assert "undefined" in run.stdout  # nobody of the six is followed beyond 60 months
    assert "For Research Use Only" in run.stdout


def test_a_mistake_is_answered_in_words(evaluate: Run, tmp_path: Path) -> None:
    run = evaluate("-c", DEMO, "--cohort", tmp_path)
    assert run.returncode == 2
    assert "Traceback" not in run.stderr
    assert "cohort.toml" in run.stderr


def test_every_statistic_has_a_name_for_people() -> None:
    found = summarise([1.0, 2.0], [1.0, 2.0], [True, True], train_time=[1.0], train_event=[True], strata=["a", "b"])
    assert set(found) == set(NAMES)
