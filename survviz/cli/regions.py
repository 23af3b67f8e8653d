"""`regions`: where the maps of a cohort lie, class by class."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from survviz.cli.cases import write_text
from survviz.cli.cohorts import as_csv
from survviz.cli.console import progress_bar, show_json, stderr
from survviz.errors import InputError
from survviz.figures.overlay import RESEARCH_USE

if TYPE_CHECKING:
    from survviz.pipeline.cohort_regions import CohortRegion

stdout = Console(highlight=False, soft_wrap=True)


def run_regions(
    checkpoint: Path,
    cohort: Path,
    *,
    annotations: Path | None,
    truth: bool,
    out: Path | None,
    resamples: int,
    seed: int,
    device: str,
    as_json: bool,
) -> None:
    """Enrichment of every token's map in every class of region, per patient and over patients."""
    from survviz.data.cohort import load_cohort
    from survviz.pipeline import Predictor
    from survviz.pipeline.cohort_regions import annotated_regions, cohort_regions, over_patients, truth_regions

    if truth == (annotations is not None):
        raise InputError("Give either --annotations FOLDER, with a GeoJSON file per slide, or --truth.")
    data = load_cohort(cohort)
    regions = truth_regions(data) if annotations is None else annotated_regions(annotations)
    predictor = Predictor.load(checkpoint, device)
    with progress_bar("mapping cases") as progress:
        rows = cohort_regions(predictor, data, regions, progress=progress)
    summary = over_patients(rows, n_resamples=resamples, seed=seed)
    document: dict[str, Any] = {
        "use": RESEARCH_USE,
        "checkpoint": predictor.checkpoint.name,
        "cohort": data.name,
        "regions": "truth" if truth else str(annotations),
        "n_cases": len({row.case_id for row in rows}),
        "resamples": resamples,
        "seed": seed,
        "summary": [flat(one) for one in summary],
    }
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        write_text(out / "regions_by_case.csv", as_csv([asdict(row) for row in rows]))
        write_text(out / "regions.csv", as_csv([flat(one) for one in summary]))
        write_text(out / "regions.json", json.dumps(document, indent=2, ensure_ascii=False) + "\n")
        document["written"] = [str(out / name) for name in ("regions.csv", "regions_by_case.csv", "regions.json")]
    if as_json:
        show_json(document)
    else:
        show(document, summary)


def flat(one: CohortRegion) -> dict[str, Any]:
    """A row of the table; the interval's ends are empty for one patient."""
    interval = one.interval
    return {
        "query": one.query, "key": one.key, "token": one.token, "region": one.region, "n_cases": one.n_cases,
        "enrichment": one.mean, "low": interval and interval.low, "high": interval and interval.high,
        "share_above_1": one.above,
    }  # fmt: skip


def show(document: dict[str, Any], summary: tuple[CohortRegion, ...]) -> None:
    """One table: a row per token, a column per class; what the interval keeps apart from 1 is marked."""
    classes = list(dict.fromkeys(one.region for one in summary))
    table = Table("map", *(name or "no class" for name in classes), box=None)
    cells = {(one.query, one.token, one.region): one for one in summary}
    for query, token in dict.fromkeys((one.query, one.token) for one in summary):
        shown = (cells.get((query, token, name)) for name in classes)
        table.add_row(f"{query}: {token}", *("" if one is None else _cell(one) for one in shown))
    stdout.print(f"{document['checkpoint']} on {document['cohort']}: {document['n_cases']} patients with regions")
    stdout.print(table)
    stdout.print(
        "Mean enrichment (share of the map / share of the area); * = its 95 % interval over patients excludes 1."
    )
    stderr.print(f"{len(summary)} intervals: about one in twenty excludes 1 by chance. {RESEARCH_USE}")
    for path in document.get("written", []):
        stdout.print(f"wrote {path}")


def _cell(one: CohortRegion) -> str:
    apart = one.interval is not None and not one.interval.low <= 1 <= one.interval.high
    return f"{one.mean:.2f}{'*' if apart else ' '}"
