"""Learning rates, early stopping, accumulation and clipping follow their definitions; defaults are what they were."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import nn

from survviz.data.cohort import Cohort
from survviz.data.splits import Split, stratified_kfold
from survviz.errors import InputError
from survviz.training import TrainConfig, TrainReport, cross_validate
from survviz.training.choosing import Best, EpochScore
from survviz.training.fold import run_fold
from survviz.training.optimisation import Schedule, create_optimizer


def schedule(config: TrainConfig, steps: int = 10) -> tuple[Schedule, torch.optim.Optimizer]:
    optimizer = create_optimizer([nn.Parameter(torch.zeros(1))], config)
    return Schedule(optimizer, config, steps), optimizer


def rates(config: TrainConfig, n: int, steps: int = 10) -> list[float]:
    one, _ = schedule(config, steps)
    return [one.factor(step) for step in range(n)]


def test_the_learning_rate_rises_then_falls_to_zero_along_a_cosine() -> None:
    values = rates(TrainConfig(epochs=5, warmup_epochs=1), 51)
    assert values[:10] == [(step + 1) / 11 for step in range(10)]
    np.testing.assert_allclose(values[10:], 0.5 * (1 + np.cos(np.pi * np.arange(41) / 40)), atol=1e-15)


def test_the_cosine_equals_torchs_schedule() -> None:
    config = TrainConfig(epochs=3, warmup_epochs=0, lr=0.01)
    ours, optimizer = schedule(config)
    other = create_optimizer([nn.Parameter(torch.zeros(1))], config)
    theirs = torch.optim.lr_scheduler.CosineAnnealingLR(other, T_max=30)
    for _ in range(30):
        assert optimizer.param_groups[0]["lr"] == pytest.approx(other.param_groups[0]["lr"], rel=1e-12)
        other.step()
        theirs.step()
        ours.step()


def test_a_constant_rate_stays_after_the_warm_up() -> None:
    assert set(rates(TrainConfig(epochs=5, warmup_epochs=1, scheduler="constant"), 50)[10:]) == {1.0}


def test_a_plateau_halves_the_rate_and_a_better_epoch_starts_the_count_again() -> None:
    one, optimizer = schedule(TrainConfig(scheduler="plateau", plateau=2, warmup_epochs=0, lr=1.0))
    found = []
    for merit in (0.1, 0.1, 0.2, 0.2, 0.1, 0.2, 0.2):
        one.after_epoch(merit)
        found.append(optimizer.param_groups[0]["lr"])
    assert found == [1, 1, 1, 1, 0.5, 0.5, 0.25]


def test_a_schedule_goes_on_from_its_numbers() -> None:
    config = TrainConfig(scheduler="plateau", plateau=1, warmup_epochs=1)
    one, _ = schedule(config)
    for merit in (0.3, 0.2):
        for _ in range(7):
            one.step()
        one.after_epoch(merit)
    other, optimizer = schedule(config)
    other.restore(one.state())
    assert other.state() == one.state()
    assert optimizer.param_groups[0]["lr"] == one.lr


@pytest.mark.parametrize("name", ["radam", "adamw", "adam"])
def test_only_adam_mixes_weight_decay_into_the_gradient(name: str) -> None:
    """After one step without a loss gradient, decoupled decay has shrunk the weight by lr x decay; Adam steps by lr."""
    weight = nn.Parameter(torch.ones(1))
    config = TrainConfig.model_validate({"optimizer": name, "lr": 0.01, "weight_decay": 0.5})
    weight.grad = torch.zeros(1)
    create_optimizer([weight], config).step()
    expected = 1 - (0.01 if name == "adam" else 0.01 * 0.5)
    assert float(weight.detach()) == pytest.approx(expected, abs=1e-6)


def test_patience_counts_epochs_since_the_last_better_one() -> None:
    best, model = Best(TrainConfig(patience=2)), nn.Linear(1, 1)
    over = []
    for epoch, loss in enumerate((0.5, 0.4, 0.4, 0.4), start=1):
        best.offer(model, epoch, loss, None)  # type: ignore[arg-type]
        over.append(best.is_over(epoch))
    assert over == [False, False, False, True]
    assert best.epoch == 4, "a tie goes to the later epoch, but is no improvement"


def halves(cohort: Cohort) -> Split:
    ids = [case for case in cohort.case_ids if case not in cohort.holdout]
    return stratified_kfold(ids, cohort.event.loc[ids], n_folds=2, inner_val=0.3)[0]


def test_early_stopping_trains_the_same_epochs_and_then_no_more(tiny: Cohort, quick: TrainConfig) -> None:
    """A constant, far too high rate: validation losses go up and down."""
    settings = {"epochs": 12, "lr": 0.3, "scheduler": "constant", "warmup_epochs": 0}
    runs: dict[int | None, list[EpochScore]] = {None: [], 2: []}
    for patience, seen in runs.items():
        config = quick.model_copy(update={**settings, "patience": patience})
        run_fold(tiny, config, halves(tiny), modalities=("pathology", "clinical", "genomic"), on_epoch=seen.append)
    losses, stopped = ([one.validation_loss or math.nan for one in seen] for seen in runs.values())
    ends = [epoch for epoch in range(3, 13) if int(np.argmin(losses[:epoch])) == epoch - 3]
    assert len(losses) == 12
    assert ends, "no two epochs without a better one; raise lr"
    assert stopped == losses[: ends[0]]


def test_progress_reaches_the_end_after_early_stops(tiny: Cohort, quick: TrainConfig) -> None:
    told: list[tuple[int, int]] = []
    config = quick.model_copy(update={"epochs": 9, "patience": 1, "lr": 0.1, "warmup_epochs": 0})
    cross_validate(tiny, config, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (18, 18)
    assert (9, 18) in told
    assert told == sorted(told)
    assert len(told) < 18


@pytest.mark.parametrize("precision", ["fp32", "auto"])
def test_accumulated_batches_make_the_step_of_one_large_batch(tiny: Cohort, quick: TrainConfig, precision: str) -> None:
    """The loss is a mean over cases: one step over uneven batches of 4 is the step over all cases at once."""
    base = quick.model_copy(
        update={"model": "abmil", "model_settings": {"d_embed": 16, "d_attention": 8, "dropout": 0.0}, "epochs": 2}
    )
    small = base.model_copy(update={"batch_size": 4, "accumulate": 9, "precision": precision})
    large = base.model_copy(update={"batch_size": 36, "precision": precision})
    one, other = (run_fold(tiny, config, halves(tiny), modalities=("pathology",)) for config in (small, large))
    tolerance = 1e-5 if precision == "fp32" else 2e-2
    np.testing.assert_allclose(one.test.risk, other.test.risk, atol=tolerance)


def test_accumulation_is_refused_where_the_loss_compares_cases(tiny: Cohort, quick: TrainConfig) -> None:
    config = quick.model_copy(update={"accumulate": 2, "loss": "ranking"})
    with pytest.raises(InputError, match="Set risk_set"):
        cross_validate(tiny, config)


def test_a_clipped_gradient_has_the_norm_that_was_set(tiny: Cohort, quick: TrainConfig) -> None:
    """Plain Adam forgets the size of the gradient but for eps; a tiny norm therefore stops training almost."""
    config = quick.model_copy(update={"optimizer": "adam", "weight_decay": 0.0, "clip_norm": 1e-12})
    still = run_fold(tiny, config, halves(tiny), modalities=("pathology", "clinical", "genomic"))
    start = run_fold(
        tiny, config.model_copy(update={"lr": 1e-12}), halves(tiny), modalities=("pathology", "clinical", "genomic")
    )
    for name, value in still.fitted.state.items():
        torch.testing.assert_close(value, start.fitted.state[name], atol=2e-6, rtol=0)


def test_the_defaults_still_train_as_they_did(report: TrainReport, tiny: Cohort, quick: TrainConfig) -> None:
    """Spelling the old behaviour out changes no bit."""
    spelled = quick.model_copy(
        update={"optimizer": "radam", "scheduler": "cosine", "patience": None, "accumulate": 1, "precision": "fp32"}
    )
    np.testing.assert_array_equal(cross_validate(tiny, spelled).risks["risk"], report.risks["risk"])


@pytest.mark.parametrize(
    "settings",
    [
        {"choose_by": "last", "patience": 3},
        {"choose_by": "last", "scheduler": "plateau"},
        {"precision": "fp16"},
        {"clip_norm": 0},
        {"accumulate": 0},
        {"threads": 0},
    ],
)
def test_impossible_settings_are_refused(settings: dict) -> None:
    with pytest.raises(ValidationError):
        TrainConfig.model_validate(settings)


def test_half_a_cosine_ends_where_it_should() -> None:
    assert rates(TrainConfig(epochs=4, warmup_epochs=0), 21)[20] == pytest.approx(0.5 * (1 + math.cos(math.pi / 2)))
