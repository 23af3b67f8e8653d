"""The cleaning report: the plan, what each fix changed, and what stayed out; for replaying (JSON) and for reading."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from survviz import __version__
from survviz.data.genes import shorten
from survviz.intake.plan import Report
from survviz.intake.wording import many

MOST_CHANGES_SHOWN = 20


def write_cleaning(folder: Path, report: Report) -> None:
    """Write `cleaning.json` and `cleaning.md`."""
    steps = [
        {
            "words": step.fix.words,
            "fix": step.fix.model_dump(mode="json"),
            "changes": [asdict(change) for change in step.changes],
        }
        for step in report.steps
    ]
    left = {name: list(match.alone) for name, match in report.matches.items() if match.alone}
    document = {"survviz": __version__, "plan": report.plan.model_dump(mode="json"), "steps": steps, "left_out": left}
    (folder / "cleaning.json").write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (folder / "cleaning.md").write_text(cleaning_in_words(report), encoding="utf-8")


def cleaning_in_words(report: Report) -> str:
    """The cleaning report as Markdown: what was read as what, each fix with what it changed, and what stayed out."""
    lines = [f"# How {report.plan.name} was made", "", *(f"- {line}" for line in report.words)]
    lines += ["", "## Files", "", *(f"- {name}: SHA-256 {sha}" for name, sha in report.plan.sources.items())]
    lines += ["", "## Changes that were asked for", ""]
    lines += [] if report.steps else ["None."]
    for number, step in enumerate(report.steps, 1):
        cells = sum(change.cells for change in step.changes)
        lines += [f"{number}. {step.words}, {many(cells, 'cell', 'cells')}"]
        for change in step.changes[:MOST_CHANGES_SHOWN]:
            place = ", ".join(part for part in (change.row, change.column) if part) or "all"
            lines.append(f"   - {place}: {change.before!r} -> {change.after!r}")
        if len(step.changes) > MOST_CHANGES_SHOWN:
            lines.append(f"   - and {len(step.changes) - MOST_CHANGES_SHOWN:,} more (all in cleaning.json)")
    stay = [f"- {name}: {shorten(match.alone, 10)}" for name, match in report.matches.items() if match.alone]
    lines += ["", "## Rows of no case, which stayed out", "", *(stay or ["None."])]
    rest = [f"- {one.severity}: {one.text}" for one in report.findings]
    lines += ["", "## What still stands", "", *(rest or ["Nothing."])]
    replay = "survviz check FILES --plan cleaning.json --out COHORT"
    return "\n".join([*lines, "", f"To make it again from the same files: `{replay}`.", ""])
