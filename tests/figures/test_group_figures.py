"""Figures of groups: what is drawn was counted, the table stands under the ticks, files are whole and stable."""

from __future__ import annotations

import io
import re
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image
from pypdf import PdfReader

from survviz.errors import UnknownNameError
from survviz.evaluation import (
    KaplanMeier,
    RiskTable,
    best_cutoff,
    calibration_at,
    d_calibration,
    decision_curve,
    kaplan_meier,
    risk_table,
)
from survviz.figures.cutpoint import cutpoint_figure
from survviz.figures.forest import ForestRow, forest_figure
from survviz.figures.kaplan_meier import group_colours, kaplan_meier_figure, thinned
from survviz.figures.paper import forest_paper, kaplan_meier_paper
from survviz.figures.validation import calibration_figure, d_calibration_figure, decision_figure
from survviz.types import RESEARCH_USE

TICKS = [0.0, 12, 24, 36]


class Group(NamedTuple):
    name: str
    curve: KaplanMeier
    counts: RiskTable


@pytest.fixture(scope="module")
def groups() -> list[Group]:
    random = np.random.default_rng(0)
    found = []
    for name, scale in (("Low <risk>", 40), ("High risk", 12)):
        time, event = random.exponential(scale, 60).clip(0.1, 48), random.random(60) < 0.7
        found.append(Group(name, kaplan_meier(time, event), risk_table(time, event, TICKS)))
    return found


@pytest.fixture(scope="module")
def rows() -> list[ForestRow]:
    return [ForestRow("Stage"), ForestRow("   I", words="1 (reference)"), ForestRow("   II", 1.8, 1.2, 2.7, "1.8")]


def test_curves_steps_and_ticks_are_the_estimates(groups: list[Group]) -> None:
    figure = kaplan_meier_figure(groups, endpoint="OS", note="p = 0.01")
    lines = [trace for trace in figure.data if trace.name]
    for line, group in zip(lines, groups, strict=True):
        np.testing.assert_array_equal(line.y, group.curve.survival)
        assert line.line.shape == "hv"
        assert (line.legendgroup, line.mode) == (group.name, "lines+markers")  # a click selects marks only
    assert lines[0].line.dash != lines[1].line.dash
    ticks = [trace for trace in figure.data if trace.marker.symbol == "line-ns"]
    assert [len(trace.x) for trace in ticks] == [(one.curve.n_censored > 0).sum() for one in groups]
    assert "p = 0.01" in [note.text for note in figure.layout.annotations]


def test_counts_stand_under_the_ticks_of_the_same_axis(groups: list[Group]) -> None:
    figure = kaplan_meier_figure(groups)
    counts = [trace for trace in figure.data if trace.mode == "text"]
    assert figure.layout.xaxis.matches == "x2" or figure.layout.xaxis2.matches == "x"
    assert list(figure.layout.xaxis.tickvals) == TICKS
    for trace, group in zip(counts, groups, strict=True):
        assert list(trace.x) == TICKS
        assert [int(words.split("<")[0]) for words in trace.text] == group.counts.at_risk.tolist()
    assert "<risk>" not in figure.layout.yaxis2.ticktext[0]
    assert "&lt;risk&gt;" in figure.layout.yaxis2.ticktext[0]


def test_very_long_curves_are_thinned_by_less_than_a_pixel() -> None:
    time = np.random.default_rng(3).exponential(30, 9000)
    curve = kaplan_meier(time, np.ones(9000, bool))
    rows = thinned(curve.times)
    assert len(rows) <= 1002
    drawn = curve.survival[rows][np.searchsorted(curve.times[rows], curve.times, side="right") - 1]
    shifted = curve.at(np.maximum(curve.times - curve.times[-1] / 1000, 0))
    assert ((drawn >= curve.survival) & (drawn <= shifted + 1e-12)).all()
    assert rows[-1] == len(curve.times) - 1
    np.testing.assert_array_equal(thinned(np.arange(5.0)), range(5))


def test_any_number_of_groups_has_its_own_colour() -> None:
    assert all(len(set(group_colours(n))) == n for n in range(1, 9))
    assert group_colours(2) == ("#0072B2", "#D55E00")


@pytest.mark.parametrize("draw", ["curves", "forest"])
def test_vector_files_hold_text_and_are_the_same_again(groups: list[Group], rows: list[ForestRow], draw: str) -> None:
    def made(kind: str) -> bytes:
        if draw == "curves":
            return kaplan_meier_paper(groups, kind, endpoint="OS", note="log-rank", title="COHORT")
        return forest_paper(rows, kind, axis="Hazard ratio", title="COHORT")

    svg = made("svg").decode()
    assert svg == made("svg").decode()
    texts = [re.sub(r"&lt;", "<", text).replace("&gt;", ">") for text in re.findall(r">([^<>]+)</text>", svg)]
    assert "COHORT" in texts
    assert RESEARCH_USE in texts
    if draw == "curves":
        assert {"Low <risk>", "High risk", "log-rank"} <= set(texts)
        assert sum(text == "60" for text in texts) == 2
    pdf = made("pdf")
    assert pdf == made("pdf")
    assert RESEARCH_USE in PdfReader(io.BytesIO(pdf)).pages[0].extract_text()
    with Image.open(io.BytesIO(made("png"))) as picture:
        assert picture.width > 1900
    with pytest.raises(UnknownNameError, match="svg"):
        made("eps")


def test_forest_shows_estimates_only_where_there_are_any(rows: list[ForestRow]) -> None:
    figure = forest_figure(rows, axis="Hazard ratio")
    assert list(figure.data[0].x) == [1.8]
    assert list(figure.data[0].error_x.array) == pytest.approx([0.9])
    assert figure.layout.xaxis.type == "log"
    assert len(figure.layout.annotations) == 3
    assert figure.layout.yaxis.ticktext[0] == "<b>Stage</b>"


def test_figures_of_a_validation_draw_its_numbers() -> None:
    random = np.random.default_rng(1)
    stated = random.uniform(0.1, 0.9, 200)
    time, event = random.exponential(40, 200), random.random(200) < 0.8
    calibration = calibration_at(stated, time, event, 36.0)
    shown = calibration_figure(calibration).data[1]
    np.testing.assert_array_equal(shown.x, [one.predicted for one in calibration.groups])
    np.testing.assert_array_equal(shown.y, [one.observed for one in calibration.groups])
    assert sum(d_calibration_figure(d_calibration(stated, event)).data[0].y) == pytest.approx(1)
    decision = decision_curve(stated, time, event, 36.0, thresholds=[0.2, 0.5])
    np.testing.assert_array_equal(decision_figure(decision).data[0].y, decision.model)
    best = best_cutoff(1 - stated, time, event)
    marked = cutpoint_figure(best).data[1]
    assert (list(marked.x), list(marked.y)) == ([best.cutoff], [best.statistic])
