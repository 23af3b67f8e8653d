"""A leaderboard in files: JSON, CSV, Markdown and one offline page."""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

from survviz import __version__
from survviz.benchmark.board import REFERENCES, Board, CohortBoard, Row
from survviz.benchmark.content import write_bytes
from survviz.benchmark.sections import (
    READING,
    SCORES,
    WITH_INTERVAL,
    difference,
    number,
    published_of,
    sections,
    with_spread,
)
from survviz.figures.html_page import Section, Table, html_page
from survviz.figures.leaderboard import Dot, concordance_figure, gain_figure


def write_tables(board: Board, out: Path) -> list[Path]:
    """Write `leaderboard.json`, `.csv`, `.md` and `.html`; each appears complete or not at all."""
    document = json.dumps(_plain(board.document()), indent=1, ensure_ascii=False, allow_nan=False)
    contents = {
        "json": document + "\n",
        "csv": as_csv(board),
        "md": as_markdown(board),
        "html": as_page(board),
    }
    for suffix, text in contents.items():
        write_bytes(out / f"leaderboard.{suffix}", text.encode())
    return [out / f"leaderboard.{suffix}" for suffix in contents]


def as_csv(board: Board) -> str:
    """One line per cohort and entry, every number in a column of its own."""
    rows = [_flat(cohort, row) for cohort in board.cohorts for row in cohort.rows]
    names = list(dict.fromkeys(name for row in rows for name in row))
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, fieldnames=names, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()


def as_markdown(board: Board) -> str:
    """A section per cohort, after those over all cohorts."""
    parts = [f"# Benchmark: {board.suite}", board.description, READING]
    for section in sections(board):
        parts += _section(section)
    return "\n\n".join(part for part in parts if part) + "\n"


def as_page(board: Board) -> str:
    """The same tables under forest plots of concordance, in one offline file."""
    figures = {cohort.name: concordance_figure(_dots(cohort)) for cohort in board.cohorts}
    if board.overall:
        figures["Over all cohorts"] = gain_figure(_gains(board))
    return html_page(
        f"Benchmark: {board.suite}",
        board.description,
        reading=READING,
        footer=f"survviz {__version__}",
        sections=[replace(one, figure=figures.get(one.title)) for one in sections(board)],
    )


def _section(section: Section) -> list[str]:
    parts = [f"## {section.title}", section.facts]
    for table in section.tables:
        parts += [f"**{table.caption}**" if table.caption else "", _markdown(table)]
    return [*parts, "\n".join(f"- {note}" for note in section.notes)]


def _markdown(table: Table) -> str:
    lines = [table.heading, ["---"] * len(table.heading), *table.rows]
    return "\n".join("| " + " | ".join(_cell(one) for one in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _dots(cohort: CohortBoard) -> list[Dot]:
    dots = []
    for row in cohort.rows:
        score = row.scores.get("harrell_c")
        if score is not None and score.value is not None:
            text = [f"C {number(score, interval=True)}", f"{row.n} patients, {row.n_events} deaths; {row.protocol}"]
            text += [f"Δ to {key}: {difference(row.against[key])}" for key in REFERENCES if key in row.against]
            dots.append(Dot(row.name, row.kind, score.value, score.low, score.high, tuple(text)))
    return dots


def _gains(board: Board) -> list[Dot]:
    return [
        Dot(name, key, one.difference, one.low, one.high, (f"Δ to {key}: {difference(one)}", f"{one.folds} cohorts"))
        for name, found in board.overall.items()
        for key, one in found.items()
        if one.difference is not None
    ]


def _flat(cohort: CohortBoard, row: Row) -> dict[str, Any]:
    values: dict[str, Any] = {
        "cohort": cohort.name, "entry": row.name, "kind": row.kind, "model": row.model,
        "modalities": "+".join(row.modalities), "status": row.status, "reason": row.reason, "protocol": row.protocol,
        "n": row.n, "events": row.n_events, "folds": row.folds,
    }  # fmt: skip
    for name in SCORES:
        score = row.scores.get(name)
        values[name] = None if score is None else score.value
        if name in WITH_INTERVAL:
            values[f"{name}_low"] = None if score is None else score.low
            values[f"{name}_high"] = None if score is None else score.high
    values["attained"] = row.attained
    for key in REFERENCES:
        found, short = row.against.get(key), key.replace(" ", "_")
        for part in ("reference", "difference", "low", "high", "p", "p_holm"):
            values[f"vs_{short}_{part}"] = None if found is None else getattr(found, part)
    values["seconds_per_fold"] = row.seconds
    found = published_of(cohort, row)
    values["published"] = "; ".join(with_spread(one) for one in found)
    values["published_protocol"] = "; ".join(dict.fromkeys(one.protocol for one in found))
    return values


def _plain(value: Any) -> Any:
    """JSON values: no NaN, no tuples."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
