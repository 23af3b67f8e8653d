"""Curves of a training run and models beside one another: every number is drawn where it belongs."""

from __future__ import annotations

from typing import Any

import pytest

from survviz.figures.comparison import ComparedRow, comparison_figure
from survviz.figures.training_curves import training_figure


def epoch(number: int, loss: float | None, c_index: float | None) -> dict[str, Any]:
    """As a line of the run log."""
    names = {"validation_loss": loss, "validation_c_index": c_index}
    return {"epoch": number, "train_loss": 1.0 / number, **names}


def traces(figure: Any) -> list[dict[str, Any]]:
    return figure.to_dict()["data"]


def test_each_fold_has_its_losses_above_and_its_c_index_below() -> None:
    drawn = traces(training_figure({1: [epoch(1, 0.9, 0.4), epoch(2, 0.8, 0.6)], 0: [epoch(1, 0.7, 0.5)]}))
    assert [one["legendgroup"] for one in drawn] == ["0"] * 3 + ["1"] * 3
    assert [list(one["y"]) for one in drawn[3:]] == [[1.0, 0.5], [0.9, 0.8], [0.4, 0.6]]
    assert [one["yaxis"] for one in drawn[3:]] == ["y", "y", "y2"]
    assert len({one["line"]["color"] for one in drawn}) == 2


def test_undefined_value_is_a_gap_and_not_a_zero() -> None:
    drawn = traces(training_figure({0: [epoch(1, None, None), epoch(2, 0.8, 0.6)]}))
    assert [next(iter(one["y"])) for one in drawn[1:]] == [None, None]


def test_interval_reaches_from_its_low_to_its_high_end() -> None:
    rows = [ComparedRow("a", 0.7, 0.65, 0.78, (0.6, float("nan"), 0.8)), ComparedRow("b", None)]
    folds, whole, none = traces(comparison_figure(rows))
    assert (list(folds["x"]), list(folds["customdata"])) == ([0.6, 0.8], [1, 3])
    assert list(whole["x"]) == [0.7]
    assert whole["error_x"]["array"][0] == pytest.approx(0.08)
    assert whole["error_x"]["arrayminus"][0] == pytest.approx(0.05)
    assert list(none["x"]) == []
