"""Tuning is honest: it sees no test case and states the budget it spent, and its choice is what a fold is run with."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from survviz.checkpoint import load_checkpoint
from survviz.checkpoint.layout import CARD, RUN_LOG, WEIGHTS
from survviz.data.cohort import Cohort
from survviz.data.splits import Split, stratified_kfold
from survviz.errors import InputError
from survviz.training import TrainConfig, cross_validate
from survviz.training.fold import run_fold
from survviz.training.search import Range, Search, changed
from survviz.training.tuning import Trial, Tuned, documents, tune_fold
from survviz.types import Modality

EVERYTHING: tuple[Modality, ...] = ("pathology", "clinical", "genomic")
SPACE = {"lr": Range(low=1e-4, high=0.1, log=True), "model_settings.d_head": (4, 8, 16)}


def first_fold(cohort: Cohort) -> Split:
    ids = [case for case in cohort.case_ids if case not in cohort.holdout]
    return stratified_kfold(ids, cohort.event.loc[ids], n_folds=2, inner_val=0.4)[0]


def tune(
    cohort: Cohort, config: TrainConfig, search: Search, model: str = "survpgc", split: Split | None = None
) -> Tuned:
    config = config.model_copy(update={"model": model, "epochs": 2})
    modalities = EVERYTHING if model == "survpgc" else ("clinical", "genomic")
    return tune_fold(cohort, config, split or first_fold(cohort), search, modalities=modalities, seed=3)


def what(tuned: Tuned) -> list[tuple]:
    return [(trial.values, trial.merit) for trial in tuned.trials]


@pytest.mark.parametrize(
    ("model", "search"),
    [
        ("survpgc", Search(trials=3, space=SPACE)),
        ("survpgc", Search(trials=3, space=SPACE, metric="loss")),
        ("survpgc", Search(trials=2, space=SPACE, folds=2)),
        ("cox", Search(trials=3, space={"preprocess.max_genes": (2, 4, 8)})),
    ],
    ids=["c-index", "loss", "inner folds", "linear"],
)
def test_nothing_about_the_test_cases_changes_what_is_chosen(
    tiny: Cohort, quick: TrainConfig, model: str, search: Search
) -> None:
    """Their outcomes are turned round, their fields and expression blanked: every trial scores the same."""
    if model == "cox":
        linear = {"model_settings": {}, "preprocess": {"genes": "variable"}, "ridges": (1.0, 0.1)}
        quick = quick.model_copy(update=linear)
    split = first_fold(tiny)
    test = list(split.test)
    time, event, clinical = tiny.time.copy(), tiny.event.copy(), tiny.clinical.copy()
    time.loc[test] = 500 - time.loc[test]
    event.loc[test] = ~event.loc[test]
    clinical.loc[test, list(tiny.fields)] = None
    assert tiny.rna is not None
    rna = tiny.rna.copy()
    rna.loc[[case for case in test if case in rna.index]] = 0.0
    other = replace(tiny, time=time, event=event, clinical=clinical, rna=rna)
    mine, theirs = (tune(cohort, quick, search, model, split) for cohort in (tiny, other))
    assert what(theirs) == what(mine)
    assert theirs.config == mine.config
    assert len({trial.merit for trial in mine.trials}) > 1, "the trials differ, so the proof is not empty"


def test_the_choice_is_the_trial_of_the_highest_merit(tiny: Cohort, quick: TrainConfig) -> None:
    tuned = tune(tiny, quick, Search(trials=4, space=SPACE))
    merits = [trial.merit for trial in tuned.trials]
    assert None not in merits
    assert tuned.chosen == int(np.argmax(merits))  # type: ignore[arg-type]
    values = tuned.trials[tuned.chosen].values
    assert tuned.config.lr == values.get("lr", quick.lr)
    assert tuned.config.model_settings["d_embed"] == 16, "the other settings stay"
    assert tuned.config.search is None
    assert tuned.trials[0].values == {}, "the given settings are tried first"


def test_a_time_limit_ends_the_search_but_not_before_one_trial(tiny: Cohort, quick: TrainConfig) -> None:
    tuned = tune(tiny, quick, Search(trials=50, seconds=1e-6, space=SPACE))
    assert len(tuned.trials) == 1
    assert tuned.summary()["trials"] == 1


def test_finished_trials_are_not_run_again(tiny: Cohort, quick: TrainConfig) -> None:
    config, search = quick.model_copy(update={"epochs": 1}), Search(trials=3, space=SPACE)
    kept: list[Sequence[Trial]] = []
    whole = tune_fold(
        tiny, config, first_fold(tiny), search, modalities=EVERYTHING, on_trial=lambda trials: kept.append(list(trials))
    )
    ran: list[int] = []
    again = tune_fold(
        tiny, config, first_fold(tiny), search, modalities=EVERYTHING, done=json.loads(json.dumps(documents(kept[1]))),
        on_epoch=lambda fit, _: ran.append(fit),
    )  # fmt: skip
    assert ran == [2]
    assert what(again) == what(whole)


def test_the_same_seed_draws_the_same_trials_inside_the_ranges() -> None:
    space = {
        "lr": Range(low=1e-4, high=1e-1, log=True),
        "epochs": Range(low=2, high=5, whole=True),
        "alpha": Range(low=0, high=0.5),
        "optimizer": ("adam", "adamw"),
    }
    draws = [Search(trials=300, space=space, seed=1).draw(trial) for trial in range(1, 300)]
    assert draws == [Search(trials=300, space=space, seed=1).draw(trial) for trial in range(1, 300)]
    assert draws[0] != Search(space=space, seed=2).draw(1)
    assert all(1e-4 <= one["lr"] <= 1e-1 and 0 <= one["alpha"] <= 0.5 for one in draws)
    assert {one["epochs"] for one in draws} == {2, 3, 4, 5}
    assert {one["optimizer"] for one in draws} == {"adam", "adamw"}
    below = np.mean([one["lr"] < 10**-2.5 for one in draws])
    assert 0.4 < below < 0.6, "half of a log range lies below its geometric middle"


@pytest.mark.parametrize(
    ("search", "message"),
    [
        ({"space": {"n_folds": [2, 3]}}, "n_folds"),
        ({"space": {"learning_rate": [0.1, 0.2]}}, "learning_rate"),
        ({"space": {"n_bins": [2, 3]}, "metric": "loss"}, "cannot be compared"),
        ({"metric": "loss", "folds": 3}, "use 'c-index'"),
        ({"space": {"lr": {"low": 1, "high": 0.1}}}, "low must be smaller"),
        ({"trials": 1}, "greater than or equal to 2"),
    ],
)
def test_a_search_that_cannot_be_fair_is_refused(search: dict, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        TrainConfig.model_validate({"search": search})


def test_a_drawn_value_that_is_not_allowed_is_said_in_words(tiny: Cohort, quick: TrainConfig) -> None:
    with pytest.raises(InputError, match="lr"):
        tune(tiny, quick, Search(trials=2, space={"lr": (-1.0, -2.0)}))


def test_a_fold_does_not_pass_over_a_search_in_silence(tiny: Cohort, quick: TrainConfig) -> None:
    config = quick.model_copy(update={"search": Search(space=SPACE)})
    with pytest.raises(InputError, match="tune_fold"):
        run_fold(tiny, config, first_fold(tiny), modalities=EVERYTHING)


def test_settings_in_groups_are_changed_without_touching_the_rest() -> None:
    before = {"lr": 1, "model_settings": {"a": 1, "b": 2}}
    assert changed(before, {"model_settings.b": 3, "preprocess.c": 4}) == {
        "lr": 1,
        "model_settings": {"a": 1, "b": 3},
        "preprocess": {"c": 4},
    }
    assert before["model_settings"] == {"a": 1, "b": 2}


def test_a_tuned_run_states_its_budget_and_goes_on_after_an_interruption(
    tiny: Cohort, quick: TrainConfig, tmp_path: Path
) -> None:
    config = quick.model_copy(update={"epochs": 2, "inner_val": 0.4, "search": Search(trials=2, space=SPACE)})

    def stop(done: int, total: int) -> None:
        assert total == 12
        if done == 9:  # the second trial of the second fold
            raise KeyboardInterrupt

    told: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        cross_validate(tiny, config, tmp_path / "tuned", progress=stop)
    report = cross_validate(tiny, config, tmp_path / "tuned", progress=lambda done, total: told.append(done))
    cross_validate(tiny, config, tmp_path / "whole")
    assert (tmp_path / "tuned" / WEIGHTS).read_bytes() == (tmp_path / "whole" / WEIGHTS).read_bytes()
    assert told == [6, 9, 10, 11, 12]
    assert [one["trials"] for one in report.tuned] == [2, 2]
    card = (tmp_path / "tuned" / CARD).read_text()
    assert "2, 2 settings (lr, model_settings.d_head) were tried by random search" in card
    checkpoint = load_checkpoint(tmp_path / "tuned")
    for fold, tuned in zip(checkpoint.config.folds, checkpoint.config.training["tuned"], strict=True):
        assert fold["d_head"] == tuned["values"].get("model_settings.d_head", 8)
    events = [json.loads(line)["event"] for line in (tmp_path / "tuned" / RUN_LOG).read_text().splitlines()]
    fitted = ["epoch", "epoch", "fold"]
    assert events == ["start", "trial", "trial", *fitted, "trial", "resume", "trial", *fitted, "end"]
