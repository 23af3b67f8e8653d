"""What the jobs over a cohort do; that jobs run in processes of their own is shown in test_jobs.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from survviz import jobs
from survviz.checkpoint import doctor
from survviz.errors import CancelledError, InputError
from survviz.jobs.cohort_kinds import InferenceArguments, TrainingArguments, infer, train
from survviz.pipeline.cohort.results import CohortResults
from tests.pipeline.cohort_folders import ROOT, copy_of_sample

CHECKPOINT = ROOT / "checkpoints" / "demo-survpgc"


def nothing(done: int, total: int) -> None:
    """A progress that nobody watches."""


def settings(folder: Path) -> dict[str, Any]:
    """A run of two folds of a clinical network, as the page asks for it."""
    splits = {"kind": "k-fold", "n_folds": 2, "seed": 0}
    asked = {"model": "mlp-clinic", "modalities": ["clinical"], "splits": splits, "epochs": 3, "choose_by": "loss"}
    cohort = copy_of_sample(folder / "cohort", slice(0, 60))
    return {"cohort": str(cohort), "out": str(folder / "mine"), "settings": asked, "device": "cpu"}


def test_scoring_leaves_results_in_the_workspace(tmp_path: Path) -> None:
    cohort = copy_of_sample(tmp_path / "cohort", slice(0, 4))
    arguments = InferenceArguments(checkpoint=str(CHECKPOINT), cohort=str(cohort), device="cpu")
    seen: list[tuple[int, int]] = []
    found = infer(arguments, lambda done, total: seen.append((done, total)))
    assert (found["n_scored"], found["n_not_scored"]) == (4, 0)
    assert len(CohortResults.load(found["folder"])) == 4
    assert seen[-1] == (4, 4)
    assert infer(arguments, nothing) == found


def test_training_stopped_by_a_person_goes_on_to_a_healthy_checkpoint(tmp_path: Path) -> None:
    arguments = settings(tmp_path)

    def stop(done: int, total: int) -> None:
        if done > 3:
            raise CancelledError("Cancelled on request.")

    with pytest.raises(CancelledError, match="kept"):
        train(TrainingArguments(**arguments), stop)
    assert (tmp_path / "mine.partial" / "fold0.json").is_file()
    seen: list[int] = []
    found = train(TrainingArguments(**arguments), lambda done, total: seen.append(done))
    assert next(done for done in seen if done) > 1, "the first fold was not trained again"
    assert not (tmp_path / "mine.partial").exists()
    assert all(check.ok for check in doctor(found["folder"]))


def test_arguments_that_do_not_fit_are_refused_before_anything_starts() -> None:
    with pytest.raises(InputError, match="cohort"):
        jobs.submit("cohort-inference", {"checkpoint": "c"})
    with pytest.raises(InputError, match="settings"):
        jobs.submit("training", {"cohort": "c", "out": "o"})
