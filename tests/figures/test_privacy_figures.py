"""Figures of the privacy page: what is drawn is what was measured, and what is useless is named."""

from __future__ import annotations

import math

import numpy as np
import pytest

from survviz.figures.epsilon_curves import EpsilonLine, EpsilonPoint, epsilon_figure
from survviz.figures.privacy import Shares, loss_figure, odds_figure, received_figure, shares_of_epsilon_figure
from survviz.privacy.published import log_ratio
from survviz.privacy.spec import best_guess

LINES = [
    EpsilonLine("model", (EpsilonPoint(math.inf, 0.77), EpsilonPoint(2.0, 0.76, 0.74, 0.78, runs=(0.755, 0.765)))),
    EpsilonLine("wide", (EpsilonPoint(2.0, 0.5, 0.47, 0.53), EpsilonPoint(8.0, 0.55, 0.52, 0.58)), 1, "dash"),
]


@pytest.mark.parametrize("epsilon", [0.0, 0.5, 1.0, 2.0, 8.0])
def test_a_hundred_guesses_are_drawn_half_of_them_a_coin(epsilon: float) -> None:
    traces = {str(trace.name).partition(":")[0]: len(trace.x) for trace in odds_figure(best_guess(epsilon)).data}
    assert sum(traces.values()) == 100
    assert traces["right by a coin"] == 50
    assert traces["wrong"] == 100 - round(100 * best_guess(epsilon))


def test_epsilons_stand_at_equal_distances_and_no_noise_is_last() -> None:
    axis = epsilon_figure(LINES, title="C", useless=(0.52, "useless")).layout.xaxis
    assert list(axis.ticktext) == ["2", "8", "no noise"]
    np.testing.assert_allclose(np.diff(axis.tickvals), 1)


def test_the_useless_region_and_every_floor_are_named() -> None:
    figure = epsilon_figure(LINES, title="C", useless=(0.52, "useless: chance"), floors={"Cox": 0.76})
    layout = figure.layout
    assert [note.text for note in layout.annotations] == ["useless: chance"]
    assert [list(trace.y) for trace in figure.data if trace.name == "Cox: 0.760"] == [[0.76, 0.76]]
    (region,) = [shape for shape in layout.shapes if shape.type == "rect"]
    assert region.y1 == 0.52
    assert layout.yaxis.range[0] == region.y0 < 0.47


def test_intervals_and_single_seeds_are_those_given() -> None:
    lines = {str(trace.name): trace for trace in epsilon_figure(LINES, title="C", useless=(0.5, "")).data}
    assert list(lines["model"].y) == [0.76, 0.77]
    np.testing.assert_allclose(lines["model"].error_y.array, [0.02, 0.0])
    assert list(lines["model: single seeds"].y) == [0.755, 0.765]
    assert lines["wide"].line.dash == "dash"


def test_released_risk_is_an_interval_of_survival() -> None:
    figure = received_figure(
        np.empty(0), np.empty((3, 0)), (np.array([0.0, 60.0]), np.array([1.0, 0.4])), risk=(0.5, 0.2, 0.9), months=60.0
    )
    (point,) = [trace for trace in figure.data if trace.error_y.array is not None]
    assert list(point.y) == [0.5]
    np.testing.assert_allclose([point.error_y.array[0], point.error_y.arrayminus[0]], [0.3, 0.4])


def test_released_record_is_a_band_around_its_median() -> None:
    times, band = np.array([0.0, 60.0]), np.array([[1.0, 0.2], [1.0, 0.5], [1.0, 0.7]])
    figure = received_figure(times, band, (times, band[1]), risk=(0.5, 0.3, 0.8), months=60.0)
    assert [list(trace.y) for trace in figure.data[1:]] == [list(band[2]), list(band[0]), list(band[1])]


def test_the_recipe_without_a_bound_is_hatched() -> None:
    figure = shares_of_epsilon_figure([Shares("equal", {"age": 1.0}), Shares("recipe", {"age": 2.0}, open_ended=True)])
    assert [trace.marker.pattern.shape for trace in figure.data] == ["", "/"]


def test_loss_of_equal_rates_stays_within_epsilon_and_that_of_others_does_not() -> None:
    figure = loss_figure(lambda y: log_ratio(y, (0.8, 1.25)), lambda y: log_ratio(y, (1.0, 1.0)), epsilon=1.0)
    recipe, correct = (np.abs(trace.y) for trace in figure.data)
    assert correct.max() <= 1 + 1e-12
    assert recipe.max() > 15
