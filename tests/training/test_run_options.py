"""Split plans, bf16, TensorBoard, threads, and the same seed in another process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from survviz.checkpoint import load_checkpoint
from survviz.checkpoint.layout import RUN_LOG, WEIGHTS
from survviz.data.cohort import Cohort
from survviz.data.split_plans import SplitPlan
from survviz.errors import InputError
from survviz.losses import discrete_nll
from survviz.models import list_models
from survviz.models.inputs import random_inputs
from survviz.training import TrainConfig, TrainReport, cross_validate
from survviz.training.precision import call, choose_precision, has_bf16
from tests.models.small import small_model

CPU = torch.device("cpu")


def with_plan(config: TrainConfig, **plan: object) -> TrainConfig:
    document = config.model_dump(exclude={"n_folds", "inner_val", "splits"})
    return TrainConfig(**document, splits=SplitPlan.model_validate(plan))


def test_a_plan_of_folds_makes_a_checkpoint(tiny: Cohort, quick: TrainConfig, tmp_path: Path) -> None:
    config = with_plan(quick, n_folds=3, seed=4)
    report = cross_validate(tiny, config, tmp_path / "planned")
    assert config.splits is not None
    for index, named in enumerate(config.splits.splits(tiny)):
        assert set(report.risks.index[report.risks["fold"] == index]) == set(named.split.test)
    assert load_checkpoint(tmp_path / "planned").n_folds == 3


def test_a_case_that_no_fold_tested_counts_as_trained_on_by_all(
    tiny: Cohort, quick: TrainConfig, tmp_path: Path
) -> None:
    """As in a published train/test file: its train cases must not be taken for cases from outside."""
    report = cross_validate(tiny, with_plan(quick, kind="monte-carlo", n_splits=1, test_share=0.3), tmp_path / "one")
    assert set(report.risks["fold"]) == {0}
    assert 8 <= len(report.risks) <= 14
    checkpoint = load_checkpoint(tmp_path / "one")
    tested = set(report.risks.index)
    for case in tiny.case_ids:
        expected = set() if case in tested or case in tiny.holdout else {0}
        assert checkpoint.trained_on(case) == expected, case


def test_repeated_splits_are_sent_to_the_benchmark(tiny: Cohort, quick: TrainConfig) -> None:
    with pytest.raises(InputError, match="survviz benchmark"):
        cross_validate(tiny, with_plan(quick, n_folds=2, repeats=2))


def test_folds_are_not_set_in_two_places() -> None:
    with pytest.raises(ValueError, match="belong to splits"):
        TrainConfig(n_folds=3, splits=SplitPlan())
    assert TrainConfig(splits=SplitPlan(inner_val=0), choose_by="last").protocol == "last-epoch"
    assert TrainConfig(splits=SplitPlan(inner_val=0.2)).protocol == "nested"


def test_bf16_trains_close_to_fp32_and_reports_in_fp32(tiny: Cohort, quick: TrainConfig, report: TrainReport) -> None:
    """Where the processor lacks bf16 it is refused, and "auto" is fp32."""
    config = quick.model_copy(update={"precision": "bf16"})
    if not has_bf16(CPU):
        with pytest.raises(InputError, match="Use 'fp32', or 'auto'"):
            cross_validate(tiny, config)
        assert choose_precision("auto", CPU) == "fp32"
        return
    assert choose_precision("auto", CPU) == "bf16"
    risks = cross_validate(tiny, config).risks["risk"]
    assert not np.array_equal(risks, report.risks["risk"])
    np.testing.assert_allclose(risks, report.risks["risk"], atol=0.1)


@pytest.mark.parametrize("name", list_models())
def test_every_model_trains_in_bf16(name: str) -> None:
    """Output in fp32, near the fp32 one; finite gradients of fp32 weights."""
    model = small_model(name).train(False)
    inputs = random_inputs(model.config.reads, (6, 3, 4), seed=1)
    exact, output = call(model, inputs, "fp32"), call(model, inputs, "bf16")
    assert output.logits.dtype == torch.float32
    assert {value.dtype for value in output.embeddings.values()} <= {torch.float32}
    torch.testing.assert_close(output.logits, exact.logits, atol=0.1, rtol=0.1)
    if output.kind == "discrete-hazard":
        bins = torch.zeros(3, dtype=torch.int64)
        loss = discrete_nll(output.logits, bins, torch.tensor([True, False, True]))
    else:
        loss = output.logits.square().sum()
    loss.backward()
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    assert gradients
    assert all(gradient.dtype == torch.float32 and gradient.isfinite().all() for gradient in gradients)


def test_the_number_of_threads_is_set_for_the_run_only(tiny: Cohort, quick: TrainConfig) -> None:
    before, during = torch.get_num_threads(), []
    config = quick.model_copy(update={"threads": before + 1, "epochs": 1})
    cross_validate(tiny, config, progress=lambda done, total: during.append(torch.get_num_threads()))
    assert during[0] == before + 1
    assert torch.get_num_threads() == before


def test_tensorboard_draws_what_the_log_tells(tiny: Cohort, quick: TrainConfig, tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    config = quick.model_copy(update={"epochs": 2})
    cross_validate(tiny, config, tmp_path / "run", tensorboard=tmp_path / "board")
    events = accumulator.EventAccumulator(str(tmp_path / "board"))
    events.Reload()
    log = [json.loads(line) for line in (tmp_path / "run" / RUN_LOG).read_text().splitlines()]
    told = {one["epoch"]: one["train_loss"] for one in log if one["event"] == "epoch" and one["fold"] == 1}
    drawn = {one.step: one.value for one in events.Scalars("train_loss/fold 2")}
    assert drawn == pytest.approx(told)


def test_tensorboard_that_is_not_installed_is_said_in_words(
    tiny: Cohort, quick: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("tensorboard", "torch.utils.tensorboard"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(InputError, match=r"pip install 'survviz\[tensorboard\]'"):
        cross_validate(tiny, quick, tmp_path / "run", tensorboard=tmp_path / "board")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_the_same_seed_gives_the_same_weights_in_another_process(tiny: Cohort, tmp_path: Path) -> None:
    settings = {"n_folds": 2, "n_bins": 3, "epochs": 2, "threads": 1, "model_settings.d_embed": 16}
    options = [text for name, value in settings.items() for text in ("--set", f"{name}={value}")]
    for run in ("first", "second"):
        subprocess.run(
            [
                sys.executable, "-m", "survviz.cli", "train", "--cohort", tiny.folder, "--out", tmp_path / run,
                "--model", "abmil", *options,
            ],
            check=True, capture_output=True,
        )  # fmt: skip
    assert (tmp_path / "first" / WEIGHTS).read_bytes() == (tmp_path / "second" / WEIGHTS).read_bytes()
