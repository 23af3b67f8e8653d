"""`survviz check`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from typer import Exit

from survviz.cli.console import show_json, stderr
from survviz.intake.building import case_ids
from survviz.intake.findings import Finding, in_order
from survviz.intake.overlap import overlap, overlap_finding
from survviz.intake.plan import IntakePlan, Report, check, fix_until_done, read_plan
from survviz.intake.reading import read_sources
from survviz.intake.writing import write

MARKS = {"error": "ERROR", "warning": "WARNING", "note": "note"}
SHOWN_ROWS = 10_000

stdout = Console(highlight=False, soft_wrap=True)


def run_check(
    files: Sequence[Path],
    *,
    plan: Path | None,
    fixes: Sequence[str],
    name: str | None,
    out: Path | None,
    save_plan: Path | None,
    checkpoints: Sequence[Path],
    as_json: bool,
) -> None:
    """Check, mend what is asked for, write the cohort if one is asked for; exit 1 while an error stands."""
    brought = read_sources(files)
    asked = read_plan(plan) if plan else IntakePlan(name=name or _name(files))
    report = check(brought, asked.model_copy(update={"name": name}) if name else asked)
    if fixes:
        report = fix_until_done(brought, report, fixes)
    report = replace(report, findings=in_order((*report.findings, *seen_in_training(report, checkpoints))))
    if save_plan is not None:
        save_plan.write_text(report.plan.model_dump_json(indent=1) + "\n", encoding="utf-8")
    written = write(report, brought, out) if out is not None and report.ready else None
    if as_json:
        show_json({**as_document(report), "cohort": out if written else None})
    else:
        show_report(report)
        if written:
            tables = ", ".join(f"{kind} {count:,}" for kind, count in written.tables.items())
            stdout.print(f"{out}: {written.n_cases:,} cases, {written.n_events:,} events; {tables}", markup=False)
    if not report.ready:
        if out is not None:
            stderr.print(f"{out} was not written: errors stand.", markup=False)
        raise Exit(1)


def _name(files: Sequence[Path]) -> str:
    first = files[0]
    return first.name.split(".")[0] if first.is_file() else first.resolve().name


def seen_in_training(report: Report, checkpoints: Sequence[Path]) -> Iterator[Finding]:
    """Patients whom these checkpoints were trained on."""
    from survviz.checkpoint.membership import read_membership

    for folder in checkpoints:
        found = overlap_finding(overlap(case_ids(report.tables), folder.name, read_membership(folder)), "")
        if found is not None:
            yield found


def as_document(report: Report) -> dict[str, Any]:
    """The report for a program: what is read as what, findings with all rows, what each fix changed."""
    return {
        "ready": report.ready,
        "n_cases": report.n_cases,
        "n_events": report.n_events,
        "words": report.words,
        "findings": [
            {
                "code": one.code,
                "severity": one.severity,
                "table": one.table,
                "text": one.text,
                "rows": one.rows[:SHOWN_ROWS],
                "columns": one.columns[:SHOWN_ROWS],
                "fixes": [{"words": fix.words, "fix": fix.model_dump(mode="json")} for fix in one.fixes],
            }
            for one in report.findings
        ],
        "steps": [{"words": step.fix.words, "changes": len(step.changes)} for step in report.steps],
        "plan": report.plan.model_dump(mode="json"),
    }


def show_report(report: Report) -> None:
    """What is read as what, what was mended, what is found."""
    for line in report.words:
        stdout.print(line, markup=False)
    for step in report.steps:
        stdout.print(f"MENDED  {step.words}", markup=False)
    for one in report.findings:
        place = f"{one.table}: " if one.table and one.table not in one.text else ""
        stdout.print(f"{MARKS[one.severity]}  [{one.code}] {place}{one.text}", markup=False)
        if one.fixes:
            stdout.print(f"        --fix {one.code}: {one.fixes[0].words}", markup=False)
    counts = {mark: sum(one.severity == mark for one in report.findings) for mark in MARKS}
    total = ", ".join(f"{count} {mark}{'' if count == 1 else 's'}" for mark, count in counts.items())
    stdout.print(f"{report.n_cases:,} cases, {report.n_events:,} events; {total}", markup=False)
