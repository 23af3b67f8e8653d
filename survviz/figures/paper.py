"""Figures for a paper: SVG and PDF with real text, PNG at 300 dpi, drawn without a browser; the same bytes again."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import matplotlib
import matplotlib.ticker
import numpy as np

from survviz.errors import UnknownNameError
from survviz.figures.kaplan_meier import COUNTED, GroupCurve, censored_at, group_colours
from survviz.types import RESEARCH_USE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from survviz.figures.forest import ForestRow

PaperFormat: TypeAlias = Literal["svg", "pdf", "png"]
LINES = ("-", (0, (5, 2)), (0, (1, 1.5)), "-.", (0, (8, 3)), (0, (8, 3, 1, 3)))
WIDTH = 6.7
STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "survviz",
    "pdf.fonttype": 42,
    "figure.facecolor": "white",
}
NO_DATE = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}


def kaplan_meier_files(
    groups: Sequence[GroupCurve], *, endpoint: str = "", note: str = "", title: str = ""
) -> dict[str, bytes]:
    """The same figure in every format, by file name."""
    kinds = get_args(PaperFormat)
    return {
        f"kaplan-meier.{kind}": kaplan_meier_paper(groups, kind, endpoint=endpoint, note=note, title=title)
        for kind in kinds
    }


def kaplan_meier_paper(
    groups: Sequence[GroupCurve], kind: str, *, endpoint: str = "", note: str = "", title: str = ""
) -> bytes:
    """Curves with limits and censor ticks above the numbers at risk, whose columns stand under the ticks.

    Args:
        kind: one of `PaperFormat`.
        note: lines in the upper right corner.

    Raises:
        UnknownNameError: no such format.
    """
    _check(kind)
    with matplotlib.rc_context(STYLE):
        from matplotlib.figure import Figure

        rows = 0.17 * (len(groups) + 1)
        figure = Figure(figsize=(WIDTH, 3.7 + rows), layout="constrained")
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3.2, rows])
        for index, (group, colour) in enumerate(zip(groups, group_colours(len(groups)), strict=True)):
            _draw_curve(above, group, colour, LINES[index % len(LINES)])
        above.set(ylim=(0, 1.02), xlabel="Months", ylabel=f"{endpoint}: share without event".lstrip(": "))
        above.set_xticks(groups[0].counts.times)
        above.tick_params(labelbottom=True)
        above.yaxis.set_major_formatter(matplotlib.ticker.PercentFormatter(1))
        above.legend(frameon=False, loc="lower left", fontsize=7)
        above.text(1, 1, note, transform=above.transAxes, ha="right", va="top")
        above.set_title(title, fontsize=8, loc="left")
        _draw_counts(below, groups)
        return _saved(figure, kind)


def forest_paper(rows: Sequence[ForestRow], kind: str, *, axis: str, ratio: bool = True, title: str = "") -> bytes:
    """A forest plot with its numbers beside it.

    Args:
        kind: one of `PaperFormat`.
        axis: what the estimates are.
        ratio: no effect is 1, on a logarithmic axis; else it is 0.5 (a C-index).

    Raises:
        UnknownNameError: no such format.
    """
    _check(kind)
    with matplotlib.rc_context(STYLE):
        from matplotlib.figure import Figure

        figure = Figure(figsize=(WIDTH, 0.8 + 0.22 * len(rows)), layout="constrained")
        axes = figure.subplots()
        for place, row in enumerate(rows):
            axes.text(1.02, -place, row.words, transform=axes.get_yaxis_transform(), va="center", fontsize=7)
            if row.ends is not None:
                value, *limits = row.ends
                axes.plot(limits, [-place, -place], color="#16262B", linewidth=1)
                axes.plot(value, -place, "s", color="#16262B", markersize=4)
        axes.axvline(1.0 if ratio else 0.5, color="#8A8F98", linestyle="--", linewidth=0.8)
        if ratio:
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(matplotlib.ticker.LogLocator(subs=(1, 2, 5)))
            axes.xaxis.set_major_formatter(matplotlib.ticker.FormatStrFormatter("%g"))
            axes.xaxis.set_minor_formatter(matplotlib.ticker.NullFormatter())
        axes.set_yticks([-place for place in range(len(rows))], [row.name for row in rows])
        axes.set(xlabel=axis, ylim=(-len(rows) + 0.4, 0.6))
        axes.set_title(title, fontsize=8, loc="left")
        return _saved(figure, kind)


def _check(kind: str) -> None:
    if kind not in get_args(PaperFormat):
        raise UnknownNameError("figure format", kind, get_args(PaperFormat))


def _draw_curve(axes: Axes, group: GroupCurve, colour: str, line: str | tuple[int, tuple[float, ...]]) -> None:
    curve = group.curve
    label = f"{group.name} (n = {curve.n_cases:,})"
    axes.step(curve.times, curve.survival, where="post", color=colour, linestyle=line, linewidth=1.3, label=label)
    known = ~np.isnan(curve.ci_low)
    limits = curve.ci_low[known], curve.ci_high[known]
    axes.fill_between(curve.times[known], *limits, step="post", color=colour, alpha=0.16, linewidth=0)
    axes.plot(*censored_at(curve), "|", color=colour, markersize=4, markeredgewidth=0.7)


def _draw_counts(axes: Axes, groups: Sequence[GroupCurve]) -> None:
    for row, (group, colour) in enumerate(zip(groups, group_colours(len(groups)), strict=True)):
        for tick, n, events in zip(group.counts.times, group.counts.at_risk, group.counts.n_events, strict=True):
            words = f"{n:,} ({events:,})" if events else f"{n:,}"
            axes.text(tick, -row, words, ha="center", va="center", fontsize=6.5, color=colour)
    axes.set(ylim=(-len(groups) + 0.5, 0.6))
    axes.set_yticks([-row for row in range(len(groups))], [one.name for one in groups])
    axes.tick_params(length=0, labelbottom=False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_title(COUNTED, fontsize=7, loc="left")


def _saved(figure: Figure, kind: str) -> bytes:
    figure.supxlabel(RESEARCH_USE, fontsize=5.5, x=0.01, ha="left")
    out = io.BytesIO()
    figure.savefig(out, format=kind, dpi=300, metadata=NO_DATE[kind])
    return out.getvalue()
