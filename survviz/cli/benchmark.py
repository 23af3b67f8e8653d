"""The verb `benchmark`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console

from survviz.cli.console import progress_bar, show_json, stderr

if TYPE_CHECKING:
    from survviz.cluster import Place

stdout = Console(highlight=False, soft_wrap=True)


def run_benchmark(
    suite: Path, out: Path, *, cohorts: Path | str | None, place: Place, only: list[str], as_json: bool
) -> None:
    """Run a suite, write its leaderboard, print it; exit code 1 if a cell failed."""
    from survviz.benchmark.board import leaderboard
    from survviz.benchmark.run import run_suite
    from survviz.benchmark.tables import as_markdown, write_tables

    with progress_bar("cells") as progress:
        run = run_suite(suite, out, cohorts=cohorts, place=place, only=only, progress=progress)
    board = leaderboard(run)
    written = write_tables(board, out)
    if as_json:
        show_json({**board.document(), "cells": {"made": run.made, "cached": run.cached}, "written": written})
    else:
        stdout.print(as_markdown(board), markup=False)
        stdout.print(f"{run.made} cells made, {run.cached} were there; wrote {', '.join(map(str, written))}")
    for cohort, row in board.failed:
        stderr.print(f"{cohort}, {row.name}: {row.reason}", markup=False)
    if board.failed:
        raise typer.Exit(1)
