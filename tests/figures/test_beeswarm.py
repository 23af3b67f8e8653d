"""The open case is a diamond where it lies, own values have colours of their own, and shares keep their intervals."""

from __future__ import annotations

import numpy as np
import pytest

from survviz.figures.beeswarm import HIGH_VALUE, LOW_VALUE, Swarm, beeswarm_figure
from survviz.figures.colours import HIGH_RISK, LOW_RISK, THIS_CASE
from survviz.figures.shares import ShareRow, interval_words, shares_figure

NAN = float("nan")


def swarm(name: str = "Age", marked: float | None = None) -> Swarm:
    return Swarm(
        name, np.array([0.1, -0.2, 0.4]), np.array([1.5, NAN, -0.5]), ["a", "b", "c"], ["71", "", "60"], marked
    )


def test_case_is_marked_in_the_rows_that_it_has() -> None:
    figure = beeswarm_figure([swarm("Age", 0.1), swarm("Sex"), swarm("Stage", -0.3)])
    diamonds = [trace for trace in figure.data if trace.marker.symbol == "diamond"]
    assert [(list(one.x), list(one.y), one.marker.color) for one in diamonds] == [([0.1, -0.3], [0, 2], THIS_CASE)]
    assert all(trace.marker.symbol is None for trace in beeswarm_figure([swarm()]).data)


def test_own_values_are_said_and_what_is_no_number_has_no_colour() -> None:
    unknown, known = beeswarm_figure([swarm()]).data
    assert [tuple(one) for one in known.customdata] == [("a", "71"), ("c", "60")]
    assert list(known.marker.color) == [1.5, -0.5]
    assert [tuple(one) for one in unknown.customdata] == [("b", "")]
    assert isinstance(unknown.marker.color, str)


def test_colours_of_own_values_are_not_those_of_worse_and_better() -> None:
    assert not {LOW_VALUE, HIGH_VALUE} & {LOW_RISK, HIGH_RISK, THIS_CASE}


def test_shares_are_in_percent_with_both_ends_and_the_case_beside_them() -> None:
    rows = [ShareRow("Slide", 0.5, 0.4, 0.7, own=0.2), ShareRow("BRCA (1)", 0.3, head=False)]
    bars, case = shares_figure(rows).data
    assert list(bars.x) == [50, 30]
    assert list(bars.error_x.array) == pytest.approx([20, 0])
    assert list(bars.error_x.arrayminus) == pytest.approx([10, 0])
    assert (list(case.x), list(case.y)) == ([20], [0])
    assert [interval_words(row) for row in rows] == ["95 % CI 40.0 to 70.0 %", "one patient"]
    assert len(shares_figure(rows[1:]).data) == 1
