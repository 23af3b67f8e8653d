"""Figures and tables as one offline page: plotly.js inside, nothing fetched, light or dark as the system is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import plotly.graph_objects as go

CLEAR = "rgba(0,0,0,0)"


@dataclass(frozen=True, slots=True)
class Table:
    """Cells of text; the first of a row names it."""

    caption: str
    heading: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page: what it is about, its plot, its tables, what to know about them."""

    title: str
    facts: str
    tables: tuple[Table, ...]
    notes: tuple[str, ...] = ()
    figure: go.Figure | None = None


def html_page(title: str, description: str, *, reading: str, footer: str, sections: Sequence[Section]) -> str:
    """The whole page.

    Args:
        reading: how to read the tables.
    """
    from plotly.offline import get_plotlyjs

    template = files("survviz.figures").joinpath("resources", "page.html").read_text(encoding="utf-8")
    return Template(template).substitute(
        title=escape(title),
        description=escape(description),
        reading=escape(reading),
        footer=escape(footer),
        body="\n".join(_section(one, f"plot-{index}") for index, one in enumerate(sections)),
        plotlyjs=get_plotlyjs(),
    )


def _section(section: Section, name: str) -> str:
    plot = "" if section.figure is None else _plot(section.figure, name)
    notes = "".join(f"<li>{escape(note)}</li>" for note in section.notes)
    tables = "".join(_table(table) for table in section.tables)
    return (
        f"<section><h2>{escape(section.title)}</h2><p>{escape(section.facts)}</p>{plot}{tables}"
        f"{f'<ul class=notes>{notes}</ul>' if notes else ''}</section>"
    )


def _plot(figure: go.Figure, name: str) -> str:
    figure.update_layout(paper_bgcolor=CLEAR, plot_bgcolor=CLEAR)
    config = {"displayModeBar": False, "responsive": True}
    return figure.to_html(full_html=False, include_plotlyjs=False, div_id=name, config=config)


def _table(table: Table) -> str:
    head = "".join(f"<th scope='col'>{escape(name)}</th>" for name in table.heading)
    body = "".join(f"<tr>{_cells(row)}</tr>" for row in table.rows)
    caption = f"<caption>{escape(table.caption)}</caption>" if table.caption else ""
    return (
        f"<div class='scroll' tabindex='0'><table>{caption}<thead><tr>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table></div>"
    )


def _cells(row: Sequence[str]) -> str:
    return f"<th scope='row'>{escape(row[0])}</th>" + "".join(f"<td>{escape(cell)}</td>" for cell in row[1:])
