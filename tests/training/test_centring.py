"""The free constant of a log-hazard is taken out of every fold, and nothing else changes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from survviz.checkpoint import load_checkpoint
from survviz.data.cohort import Cohort
from survviz.pipeline import Predictor
from survviz.training import TrainConfig, cross_validate
from survviz.training.centring import centred
from survviz.training.cross_validation import fold_splits
from survviz.training.fold import FoldResult, run_fold
from tests.models.small import batch, every_model, small_model

LOG_HAZARD = [title for title in every_model() if small_model(title).config.output == "log-hazard"]
CLINIC = {"model": "mlp-clinic", "model_settings": {"output": "log-hazard", "d_hidden": 8}, "epochs": 3, "n_folds": 2}


@pytest.mark.parametrize("title", LOG_HAZARD)
def test_the_last_bias_of_every_log_hazard_model_adds_to_the_risk(title: str) -> None:
    model = small_model(title).eval()
    bias = model.output_layer.bias
    if bias is None:
        return  # a linear model without an intercept
    inputs = batch(model)
    with torch.no_grad():
        before = model(inputs).risk
        bias.add_(0.75)
        after = model(inputs).risk
    torch.testing.assert_close(after, before + 0.75)


@pytest.fixture(scope="module")
def fold(tiny: Cohort) -> FoldResult:
    config = TrainConfig.model_validate(CLINIC)
    cases = {name: tiny.case(name) for name in tiny.case_ids if name not in ("CASE-000", "CASE-004")}
    split = fold_splits(tiny, config, cases)[0]
    return run_fold(tiny, config, split, modalities=("clinical",), cases=cases)


def test_training_cases_have_mean_zero_and_curves_do_not_change(fold: FoldResult) -> None:
    found = centred(fold, "mlp-clinic")
    assert np.mean([found.seen_risk[case] for case in fold.split.train]) == pytest.approx(0, abs=1e-9)
    np.testing.assert_array_equal(found.test.survival, fold.test.survival)
    assert found.baseline is not None
    assert fold.baseline is not None
    times = [6.0, 12.0, 24.0]
    np.testing.assert_allclose(
        found.baseline.survival(found.test.risk, times), fold.baseline.survival(fold.test.risk, times)
    )
    np.testing.assert_allclose(np.diff(found.test.risk), np.diff(fold.test.risk))
    assert abs(float(fold.test.risk.mean() - found.test.risk.mean())) > 1e-6


def test_the_saved_models_answer_what_was_pooled(tiny: Cohort, tmp_path: Path) -> None:
    report = cross_validate(tiny, TrainConfig.model_validate(CLINIC), tmp_path / "clinic")
    predictor = Predictor(load_checkpoint(tmp_path / "clinic"), "cpu")
    for case_id, risk in report.risks["risk"].items():
        assert predictor.predict(tiny.case(str(case_id)), allow_unlike=True).risk == pytest.approx(risk, abs=1e-5)
