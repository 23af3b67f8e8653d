"""The verbs `bundle` and `reproduce`: an analysis to give away, and the same numbers again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError
from rich.console import Console
from typer import Exit

from survviz.cli.console import progress_bar, show_json, stderr
from survviz.errors import InputError

if TYPE_CHECKING:
    from survviz.pipeline.cohort.stratification import StratifyPlan

SHOWN = 10

stdout = Console(highlight=False, soft_wrap=True)


def run_bundle(results: Path, plan: Path | None, out: Path) -> None:
    """Write the bundle of scored patients, with its figure for print."""
    from survviz.figures.paper import kaplan_meier_files
    from survviz.pipeline.cohort.bundle import bundle
    from survviz.pipeline.cohort.results import CohortResults
    from survviz.pipeline.cohort.stratification import stratify
    from survviz.pipeline.cohort.stratification_words import headline, title

    found, chosen = CohortResults.load(results), read_plan(plan)
    compared = stratify(found, chosen)
    figures = kaplan_meier_files(
        compared.groups, endpoint=compared.endpoint, note=headline(compared), title=title(compared)
    )
    content = bundle(found, chosen, figures=figures)
    fresh = out.with_name(f".{out.name}.tmp")
    fresh.write_bytes(content)
    fresh.replace(out)
    stdout.print(f"wrote       {out} ({len(content) / 1e6:.2f} MB); it names patients one by one")


def run_reproduce(path: Path, checkpoint: Path, cohort: Path, *, device: str, as_json: bool) -> None:
    """Make the numbers again and compare; exit 1 where they differ."""
    from survviz.pipeline.cohort.reproduction import TOLERANCE, reproduce

    with progress_bar("Scoring") as progress:
        found = reproduce(path, checkpoint, cohort, device=device, progress=progress)
    if as_json:
        show_json({"n_numbers": found.n_numbers, "largest_difference": found.largest, "differ": found.differences})
    else:
        stdout.print(
            f"bundle      {found.config.checkpoint} on {found.config.cohort}, made with {found.config.survviz}"
        )
        stdout.print(f"compared    {found.n_numbers:,} numbers; largest difference {found.largest:.3g}")
        for one in found.differences[:SHOWN]:
            stdout.print(f"differs     {one.what}: {one.before} then, {one.now} now", markup=False)
    if found.differences:
        stderr.print(
            f"{len(found.differences):,} of {found.n_numbers:,} numbers of {path.name} came out otherwise (beyond "
            f"{TOLERANCE:g}). Compare the versions in its config.json with yours.",
            markup=False,
        )
        raise Exit(1)
    if not as_json:
        stdout.print("same        every number came out as in the bundle")


def read_plan(path: Path | None) -> StratifyPlan:
    """The choices of a JSON file, as the page Stratify gives it; the defaults without one.

    Raises:
        InputError: it cannot be read, or holds unknown choices.
    """
    from survviz.data.words import explain_validation
    from survviz.pipeline.cohort.stratification import StratifyPlan

    if path is None:
        return StratifyPlan()
    try:
        return StratifyPlan.model_validate_json(path.read_text(encoding="utf-8"))
    except ValidationError as error:
        raise InputError(explain_validation(error, str(path), StratifyPlan)) from error
    except (OSError, ValueError) as error:
        raise InputError(f"The choices {path} cannot be read: {error}.") from error
