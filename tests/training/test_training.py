"""The trainer is honest: the test part chooses nothing, the same seed gives the same weights, and signal is found."""

from __future__ import annotations

import importlib.util
import json
import math
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from survviz.checkpoint import load_checkpoint
from survviz.data.cohort import Cohort
from survviz.data.preprocess import Sample
from survviz.errors import CancelledError, InputError
from survviz.models import create_model, model_config
from survviz.training import TrainConfig, TrainReport, cross_validate
from survviz.training.batches import Part, draw_patches, drop_modalities, evaluation_batches
from survviz.training.choosing import merit
from survviz.training.fitting import start_at_base_rate
from survviz.types import Inputs


def tiny_module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("tiny_cohort", Path(__file__).parent / "tiny_cohort.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_case_but_the_holdout_is_scored_once(tiny: Cohort, report: TrainReport) -> None:
    assert set(report.risks.index) == set(tiny.case_ids) - {"CASE-000"}
    assert report.risks["risk"].between(-3, 0).all()
    assert report.risks["risk"].nunique() > 30


def test_outcomes_stand_beside_the_right_case(tiny: Cohort, report: TrainReport) -> None:
    np.testing.assert_array_equal(report.risks["time"], tiny.time.loc[report.risks.index])
    np.testing.assert_array_equal(report.risks["event"], tiny.event.loc[report.risks.index])


def test_out_of_fold_risk_is_what_the_saved_fold_answers(tiny: Cohort, report: TrainReport) -> None:
    """Cases without slides, without expression and without clinical fields among them."""
    assert report.folder is not None
    checkpoint = load_checkpoint(report.folder)
    models = [checkpoint.model(fold) for fold in range(checkpoint.n_folds)]
    for case_id in [f"CASE-00{index}" for index in range(1, 7)]:
        fold = int(report.risks.loc[case_id, "fold"])
        preprocess = checkpoint.preprocess(fold)
        inputs = preprocess.collate([preprocess.transform(tiny.case(case_id))])
        with torch.inference_mode():
            risk = float(models[fold](inputs).risk[0])
        assert risk == pytest.approx(report.risks.loc[case_id, "risk"], abs=1e-5)


def test_the_test_part_does_not_influence_its_own_model(tiny: Cohort, quick: TrainConfig, report: TrainReport) -> None:
    """Outcomes of the cases of fold 0 are shuffled among them, event and time together: fold 0 learns the same."""
    tested = report.risks.index[report.risks["fold"] == 0]
    tested = [case for case in tested if tiny.event[case]]
    time = tiny.time.copy()
    time.loc[tested] = time.loc[tested[::-1]].to_numpy()
    from dataclasses import replace

    other = cross_validate(replace(tiny, time=time), quick)
    rows = report.risks["fold"] == 0
    np.testing.assert_array_equal(other.risks["fold"], report.risks["fold"])
    np.testing.assert_allclose(other.risks.loc[rows, "risk"], report.risks.loc[rows, "risk"], atol=1e-7)
    assert not np.allclose(other.risks.loc[~rows, "risk"], report.risks.loc[~rows, "risk"], atol=1e-4)


def test_the_same_seed_gives_the_same_risks_and_another_seed_others(
    tiny: Cohort, quick: TrainConfig, report: TrainReport
) -> None:
    torch.manual_seed(123)
    again = cross_validate(tiny, quick)
    np.testing.assert_array_equal(again.risks["risk"], report.risks["risk"])
    other = cross_validate(tiny, quick.model_copy(update={"seed": 1}))
    assert not np.allclose(other.risks["risk"], report.risks["risk"])


def test_training_leaves_the_global_random_state_alone(tiny: Cohort, quick: TrainConfig) -> None:
    before = torch.get_rng_state()
    cross_validate(tiny, quick.model_copy(update={"epochs": 1}))
    assert torch.equal(torch.get_rng_state(), before)


def test_time_bins_and_scalers_differ_between_folds(report: TrainReport) -> None:
    """They would be equal if they had been fitted on everybody."""
    assert report.folder is not None
    checkpoint = load_checkpoint(report.folder)
    first, second = checkpoint.preprocess(0), checkpoint.preprocess(1)
    assert first.bins.edges != second.bins.edges


def test_the_checkpoint_pins_every_setting_of_the_model(report: TrainReport) -> None:
    """A default that changes later must not change an old checkpoint."""
    assert report.folder is not None
    config = load_checkpoint(report.folder).config
    for fold in config.folds:
        assert set(fold) == set(model_config(config.model).model_fields)


def test_metrics_rest_on_out_of_fold_risks(report: TrainReport) -> None:
    metrics = report.reference.metrics
    assert metrics.c_index is not None
    assert metrics.low is not None
    assert metrics.high is not None
    assert metrics.low < metrics.c_index < metrics.high
    assert len(metrics.folds) == 2
    assert sum(fold.n_test for fold in metrics.folds) == len(report.risks)
    assert sum(fold.n_events_test for fold in metrics.folds) == int(report.risks["event"].sum())


def test_the_run_log_has_a_line_for_every_epoch(report: TrainReport) -> None:
    assert report.folder is not None
    lines = [json.loads(line) for line in (report.folder / "training.jsonl").read_text().splitlines()]
    assert [line["event"] for line in lines] == ["start", *["epoch"] * 3, "fold", *["epoch"] * 3, "fold", "end"]
    for fold, scored in enumerate(report.folds):
        losses = {x["epoch"]: x["validation_loss"] for x in lines if x["event"] == "epoch" and x["fold"] == fold}
        assert losses[scored.epoch] == min(losses.values())


def test_progress_is_told_after_every_epoch_and_may_cancel(tiny: Cohort, quick: TrainConfig, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []

    def cancel(done: int, total: int) -> None:
        told.append((done, total))
        if done == 2:
            raise CancelledError("stopped")

    with pytest.raises(CancelledError):
        cross_validate(tiny, quick, tmp_path / "cancelled", progress=cancel)
    assert told == [(1, 6), (2, 6)]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("model", "modalities"),
    [("abmil", None), ("survpgc", ("clinical",)), ("survpgc", ("genomic",)), ("survpgc", ("pathology", "clinical"))],
)
def test_every_baseline_trains_on_its_own_cases(
    tiny: Cohort, quick: TrainConfig, model: str, modalities: tuple[str, ...] | None
) -> None:
    settings = {"d_embed": 16, "d_attention": 8}
    config = quick.model_copy(
        update={"model": model, "modalities": modalities, "model_settings": settings, "epochs": 1, "n_folds": 2}
    )
    report = cross_validate(tiny, config)
    lacking = {("abmil", None): {"CASE-001", "CASE-002"}, ("survpgc", ("genomic",)): {"CASE-003"}}
    lacking[("survpgc", ("clinical",))] = {"CASE-004"}
    assert set(report.excluded) == lacking.get((model, modalities), set())


def test_planted_signal_is_found(tmp_path: Path) -> None:
    cohort = tiny_module().tiny_cohort(tmp_path, n_cases=150, n_patches=20)
    config = TrainConfig(preprocess={"programmes": str(cohort.folder / "sets.gmt")}, epochs=10, n_folds=2, lr=2e-3)
    report = cross_validate(cohort, config)
    assert report.c_index is not None
    assert report.c_index > 0.65


def test_training_starts_at_the_hazards_of_the_training_part() -> None:
    """Two cases die in bin 0; of the two that reach bin 1, one dies there and one is censored."""
    model = create_model("abmil", d_patch=2, n_bins=2)
    bins, event = torch.tensor([0, 0, 1, 1]), torch.tensor([True, True, True, False])
    start_at_base_rate(model, Part(("A", "B", "C", "D"), (), bins, event, np.ones(4)))
    np.testing.assert_allclose(model.output_layer.bias.detach().sigmoid(), [2.5 / 5, 1.5 / 3], rtol=1e-6)


def test_the_epoch_is_chosen_by_what_the_settings_say() -> None:
    by = {name: TrainConfig(choose_by=name) for name in ("loss", "c-index", "last")}
    assert merit(by["loss"], 3, 0.5, 0.9) == -0.5
    assert merit(by["c-index"], 3, 0.5, 0.9) == 0.9
    assert merit(by["c-index"], 3, 0.5, None) == -math.inf
    assert merit(by["last"], 3, 0.5, 0.9) == 3


def test_a_case_never_loses_its_last_modality() -> None:
    flags = torch.ones(500, dtype=torch.bool)
    only = torch.zeros(500, dtype=torch.bool)
    inputs = Inputs(torch.zeros(500, 1, 1), flags.unsqueeze(1), present={"pathology": flags, "clinical": only})
    random = torch.Generator().manual_seed(0)
    dropped = drop_modalities(inputs, 0.5, ("pathology", "clinical"), random).present
    assert dropped["pathology"].all()
    assert not dropped["clinical"].any()
    both = Inputs(torch.zeros(500, 1, 1), flags.unsqueeze(1), present={"pathology": flags, "clinical": flags})
    dropped = drop_modalities(both, 0.5, ("pathology", "clinical"), random).present
    assert (dropped["pathology"] | dropped["clinical"]).all()
    assert 0.7 < float(dropped["pathology"].float().mean()) < 0.8
    assert flags.all()


def test_patches_are_drawn_without_replacement_in_order() -> None:
    sample = Sample("A", np.arange(50, dtype=np.float32).reshape(50, 1), present=frozenset({"pathology"}))
    drawn = draw_patches(sample, 20, torch.Generator().manual_seed(0)).patches[:, 0]
    assert len(set(drawn.tolist())) == 20
    assert (np.diff(drawn) > 0).all()
    assert draw_patches(sample, 50, torch.Generator()) is sample


def test_evaluation_batches_hold_every_case_in_order_and_bound_their_padded_size() -> None:
    sizes = [5, 1, 60, 2, 2, 2, 70, 0]
    samples = [Sample(str(i), np.zeros((n, 1), dtype=np.float32)) for i, n in enumerate(sizes)]
    part = Part(tuple("ABCDEFGH"), samples, torch.arange(8), torch.ones(8, dtype=torch.bool), np.ones(8))
    seen: list[list[int]] = []

    def collate(chosen: list[Sample]) -> Inputs:
        seen.append([int(sample.case_id) for sample in chosen])
        return Inputs(torch.zeros(len(chosen), 1, 1), torch.ones(len(chosen), 1, dtype=torch.bool))

    bins = [batch.bin.tolist() for batch in evaluation_batches(part, collate, max_cases=3, max_patches=64)]
    assert seen == bins == [[0, 1], [2], [3, 4, 5], [6], [7]]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"modalities": ("pathology",), "model": "abmil", "beta": 0.3}, "needs both clinical and genomic"),
        ({"modalities": ("clinical",), "model": "abmil"}, "reads pathology, not clinical"),
        ({"model": "survpg"}, "Did you mean"),
        ({"preprocess": {"n_bin": 3}}, "preprocessing settings"),
    ],
)
def test_settings_that_do_not_fit_are_said_in_words(tiny: Cohort, settings: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        cross_validate(tiny, TrainConfig(n_folds=2, epochs=1, **settings))


@pytest.mark.parametrize("settings", [{"inner_val": 0}, {"modalities": ()}, {"epoch": 3}, {"lr": -1}])
def test_impossible_settings_are_refused(settings: dict) -> None:
    with pytest.raises(ValidationError):
        TrainConfig(**settings)
