from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from numpy.typing import NDArray

from survviz.figures.survival import risk_figure, survival_figure
from survviz.types import Prediction


@dataclass
class Steps:
    times: NDArray[np.float64]
    survival: NDArray[np.float64]


def test_curve_is_the_mean_and_the_band_spans_the_folds(prediction: Prediction) -> None:
    traces = {trace.name: trace for trace in survival_figure(prediction).data}
    np.testing.assert_array_equal(traces["This case (mean of the models)"].y, prediction.survival)
    np.testing.assert_array_equal(traces["Range over 2 models"].y, prediction.survival_per_fold.min(axis=0))


def test_one_fold_has_no_band(prediction: Prediction) -> None:
    single = replace(prediction, folds=(3,), survival_per_fold=prediction.survival_per_fold[:1])
    assert not any("Range" in (trace.name or "") for trace in survival_figure(single).data)


def test_undefined_horizons_are_not_drawn(prediction: Prediction) -> None:
    markers = [trace for trace in survival_figure(prediction).data if trace.mode == "markers"]
    assert list(markers[0].x) == [12.0, 36.0]


def test_cohort_curves_are_steps_and_differ_in_line_style(prediction: Prediction) -> None:
    curve = Steps(np.array([0.0, 10.0]), np.array([1.0, 0.5]))
    traces = [t for t in survival_figure(prediction, {"low": curve, "high": curve}).data if "cohort" in (t.name or "")]
    assert [trace.line.shape for trace in traces] == ["hv", "hv"]
    assert traces[0].line.dash != traces[1].line.dash


def test_histogram_holds_every_patient_once_and_the_case_lies_inside(prediction: Prediction) -> None:
    risks = np.linspace(-4, -2.5, 50)
    figure = risk_figure(prediction, risks, cutoff=-3.0)
    assert sum(len(trace.x) for trace in figure.data) == 50
    assert figure.data[0].xbins.start <= risks.min()
    assert figure.data[0].xbins.end >= prediction.risk
    assert "percentile 73" in figure.layout.annotations[-1].text


def test_no_bar_mixes_the_groups(prediction: Prediction) -> None:
    risks = np.random.default_rng(0).normal(-2, 0.7, 200)
    figure = risk_figure(prediction, risks, cutoff=float(np.median(risks)))
    bins = figure.data[0].xbins
    edges = np.arange(bins.start, bins.end + bins.size, bins.size)
    low, high = (np.histogram(trace.x, edges)[0] for trace in figure.data)
    assert ((low == 0) | (high == 0)).all()
    assert low.sum() + high.sum() == 200


def test_equal_risks_still_draw(prediction: Prediction) -> None:
    assert risk_figure(prediction, np.full(3, prediction.risk), cutoff=prediction.risk).data[0].xbins.size > 0


@pytest.mark.parametrize("group", ["low", "high"])
def test_groups_are_blue_and_vermillion(prediction: Prediction, group: str) -> None:
    figure = risk_figure(prediction, np.linspace(-4, -1, 9), cutoff=-2.0)
    colour = next(trace.marker.color for trace in figure.data if f", {group}" in trace.name)
    assert colour == {"low": "#0072B2", "high": "#D55E00"}[group]
