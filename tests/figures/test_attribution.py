"""Bars add up, colours say worse or better, rows keep their order, and nothing is drawn that is not known."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from survviz.figures.attribution import Explained, feature_figure, heat_figure, signed, waterfall_figure
from survviz.figures.beeswarm import Swarm, beeswarm_figure, swarm_offsets
from survviz.figures.colours import HIGH_RISK, LOW_RISK
from survviz.figures.what_if import comparison_figure, subset_figure
from survviz.types import Prediction

RISK = Explained("risk score", "training mean")
SURVIVAL = Explained("survival at 36 months", "training mean", better_when_higher=True)


@dataclass(frozen=True)
class Part:
    name: str
    value: float
    sd: float | None = 0.1
    own: str = "own"


PARTS = [Part("Slide", 0.5), Part("Clinical record", -0.2), Part("Gene expression", 0.1, None)]


def test_bars_lead_from_the_baseline_to_the_case() -> None:
    figure = waterfall_figure(PARTS, -2.0, -1.6, RISK)
    bars = [trace for trace in figure.data if trace.type == "bar"]
    assert [bar.base for bar in bars] == pytest.approx([-2.0, -1.5, -1.7])
    assert bars[-1].base + bars[-1].x[0] == pytest.approx(-1.6)
    assert list(figure.layout.yaxis.categoryarray) == [
        "Baseline: training mean",
        "Slide",
        "Clinical record",
        "Gene expression",
        "This case",
    ]
    low, high = figure.layout.xaxis.range
    assert low < -2.0
    assert high > -1.5


def test_what_the_parts_leave_over_is_a_bar_of_its_own() -> None:
    exact = waterfall_figure(PARTS, -2.0, -1.6, RISK)
    rest = waterfall_figure(PARTS, -2.0, -1.5, RISK)
    names = [list(figure.layout.yaxis.categoryarray) for figure in (exact, rest)]
    assert "Not accounted for" not in names[0]
    large = [Part("Slide", 9.0), Part("Clinical record", -8.99)]
    assert "Not accounted for" not in waterfall_figure(large, 0.0, 0.02, RISK).layout.yaxis.categoryarray
    assert names[1][-2] == "Not accounted for"
    assert [trace.x[0] for trace in rest.data if trace.type == "bar"][-1] == pytest.approx(0.1)


@pytest.mark.parametrize(("explained", "up", "down"), [(RISK, HIGH_RISK, LOW_RISK), (SURVIVAL, LOW_RISK, HIGH_RISK)])
def test_vermillion_is_worse_whatever_is_explained(explained: Explained, up: str, down: str) -> None:
    bars = feature_figure(PARTS, explained).data[0]
    assert list(bars.marker.color) == [up, down, up]
    assert [trace.marker.color for trace in waterfall_figure(PARTS, 0, 0.4, explained).data[:2]] == [up, down]


def test_words_say_pushes_and_never_causes() -> None:
    text = waterfall_figure(PARTS, -2, -1.6, RISK).to_json() + feature_figure(PARTS, RISK).to_json()
    assert "pushes the risk score up by 0.5" in text
    assert "pushes the risk score down by 0.2" in text
    assert "cause" not in text


def test_values_with_a_scale_are_drawn_and_the_others_are_said() -> None:
    parts = [
        Part("Age", 0.3, own="78"),
        Part("Sex", -0.1, own="male"),
        Part("Hypoxia", 0.2, own="mean z = +9.0 over 22 genes"),
    ]
    figure = feature_figure(parts, RISK, {"Age": 1.2, "Hypoxia": 9.0})
    bars, strip = figure.data
    assert list(bars.y) == ["Age: 78", "Sex: male", "Hypoxia"]
    assert (list(strip.y), list(strip.x)) == (["Age: 78", "Hypoxia"], [1.2, 3.0])
    assert "+9.0" in strip.customdata[1][2], "what lies beyond the strip says where"
    assert len(feature_figure(parts, RISK).data) == 1


def test_colours_of_a_heat_are_symmetric_around_zero() -> None:
    figure = heat_figure(["a", "b"], ["early", "late"], np.array([[0.2, -0.5], [np.nan, 0.0]]), title="logit")
    heat = figure.data[0]
    assert (heat.zmin, heat.zmax) == (-0.5, 0.5)
    assert [list(row) for row in heat.text] == [["+0.20", "−0.50"], ["", "0.00"]]
    assert heat.colorscale[8][0] == pytest.approx(0.5, abs=0.01)
    assert heat_figure(["a"], ["b"], np.array([[np.nan]]), title="").data[0].zmax == 1


def test_every_combination_is_a_row_with_every_model_and_their_mean() -> None:
    rows = [("Nothing", np.array([-2.0, -1.0])), ("Slide", np.array([-1.0, 0.0]))]
    each, mean = subset_figure(rows, cutoff=-1.2).data
    assert (list(each.x), list(each.y)) == ([-2, -1, -1, 0], ["Nothing", "Nothing", "Slide", "Slide"])
    assert list(mean.x) == [-1.5, -0.5]
    assert list(subset_figure(rows).layout.shapes) == []


def test_new_curve_lies_over_the_old_and_undefined_horizons_are_not_joined(prediction: Prediction) -> None:
    after = replace(prediction, survival=prediction.survival**2, survival_per_fold=prediction.survival_per_fold**2)
    figure = comparison_figure(prediction, after)
    named = {trace.name: trace for trace in figure.data if trace.name}
    np.testing.assert_array_equal(named["What if"].y, after.survival)
    np.testing.assert_array_equal(named["As it is"].y, prediction.survival)
    assert [list(trace.x) for trace in figure.data if trace.mode == "lines+markers"] == [[12, 12], [36, 36]]
    single = replace(after, folds=(0,), survival_per_fold=after.survival_per_fold[:1])
    assert not any("Range" in (trace.name or "") for trace in comparison_figure(prediction, single).data)


def test_swarm_holds_every_case_once_inside_its_row() -> None:
    rng = np.random.default_rng(0)
    values, standing = rng.normal(size=80), np.where(np.arange(80) < 70, rng.normal(size=80), np.nan)
    swarms = [Swarm(name, values, standing, [f"c{i}" for i in range(80)]) for name in ("Age", "Hypoxia")]
    figure = beeswarm_figure(swarms)
    assert [len(trace.x) for trace in figure.data] == [10, 70, 10, 70]
    for row, traces in enumerate((figure.data[:2], figure.data[2:])):
        assert sorted(np.concatenate([trace.x for trace in traces])) == sorted(values)
        assert np.abs(np.concatenate([trace.y for trace in traces]) - row).max() < 0.5
    assert list(figure.layout.yaxis.ticktext) == ["Age", "Hypoxia"]


def test_dots_of_the_same_value_lie_beside_each_other() -> None:
    offsets = swarm_offsets(np.array([0.0, 0.0, 0.0, 5.0]))
    np.testing.assert_allclose(np.sort(offsets[:3]), [-1, 0, 1])
    assert offsets[3] == 0
    assert swarm_offsets(np.array([1.0])).tolist() == [0]
    assert len(set(swarm_offsets(np.ones(7)))) == 7


@pytest.mark.parametrize(("value", "text"), [(0.814, "+0.81"), (-0.03, "−0.03"), (0.001, "0.00"), (-0.001, "0.00")])
def test_numbers_carry_their_sign(value: float, text: str) -> None:
    assert signed(value) == text
