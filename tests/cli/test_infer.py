"""`survviz infer`: says how many were scored, with what, and who was not."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from survviz.pipeline.cohort.results import CohortResults
from tests.pipeline.cohort_folders import ROOT, copy_of_sample

CHECKPOINT = ROOT / "checkpoints" / "demo-survpgc"
Run = Callable[..., subprocess.CompletedProcess[str]]


def without_event(table: pd.DataFrame) -> pd.DataFrame:
    """The second case has no usable event."""
    table.iloc[1, table.columns.get_loc("event")] = "perhaps"
    return table


def test_results_are_written_and_counted(survviz: Run, tmp_path: Path) -> None:
    folder = copy_of_sample(tmp_path / "cohort", slice(0, 3), clinical=without_event)
    command = ["infer", "-c", CHECKPOINT, "--cohort", folder, "--out", tmp_path / "out", "--device", "cpu"]
    done = survviz(*command, "--json")
    said = json.loads(done.stdout)
    assert (done.returncode, said["n_scored"], said["n_out_of_fold"]) == (0, 2, 1)
    assert [row["case_id"] for row in said["not_scored"]] == ["SV07-0002"]
    assert len(CohortResults.load(tmp_path / "out")) == 2
    again = survviz(*command)
    assert "2 cases scored" in again.stdout
    assert "1 are of the training cohort" in again.stdout


def test_bundle_of_scored_patients_is_reproduced_and_another_cohort_refused(survviz: Run, tmp_path: Path) -> None:
    folder, file = copy_of_sample(tmp_path / "cohort", slice(0, 12)), tmp_path / "analysis.zip"
    plan = tmp_path / "plan.json"
    plan.write_text('{"groups": "median"}')
    then = ("-c", CHECKPOINT, "--cohort", folder, "--device", "cpu")
    survviz("infer", "-c", CHECKPOINT, "--cohort", folder, "--out", tmp_path / "out", "--device", "cpu")
    made = survviz("bundle", "--results", tmp_path / "out", "--plan", plan, "--out", file)
    assert made.returncode == 0, made.stderr
    assert "same        every number" in survviz("reproduce", file, *then).stdout
    (folder / "clinical.csv").write_text((folder / "clinical.csv").read_text().replace("Stage II,", "Stage IV,"))
    done = survviz("reproduce", file, *then)
    assert done.returncode == 2
    assert "its content differs" in done.stderr
    plan.write_text('{"groups": "by eye"}')
    assert "groups" in survviz("bundle", "--results", tmp_path / "out", "--plan", plan, "--out", file).stderr
