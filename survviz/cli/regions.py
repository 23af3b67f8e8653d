"""`regions`: where the maps of a cohort lie, class by class."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from survviz.cli.console import progress_bar, show_json, stderr
from survviz.errors import InputError
from survviz.figures.overlay import RESEARCH_USE

if TYPE_CHECKING:
    from survviz.pipeline.cohort.regions import CohortRegion

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
    from survviz.pipeline.cohort.region_files import document_of, regions_from, write_region_files
    from survviz.pipeline.cohort.regions import cohort_regions, over_patients

    if truth == (annotations is not None):
        raise InputError("Give either --annotations FOLDER, with a GeoJSON file per slide, or --truth.")
    data = load_cohort(cohort)
    regions = regions_from(data, annotations)
    predictor = Predictor.load(checkpoint, device)
    with progress_bar("mapping cases") as progress:
        rows = cohort_regions(predictor, data, regions, progress=progress)
    summary = over_patients(rows, n_resamples=resamples, seed=seed)
    document = document_of(
        rows, summary, checkpoint=predictor.checkpoint.name, cohort=data.name,
        regions="truth" if truth else str(annotations), resamples=resamples, seed=seed,
    )  # fmt: skip
    if out is not None:
        document["written"] = [str(out / name) for name in write_region_files(out, rows, document)]
    if as_json:
        show_json(document)
    else:
        show(document, summary)


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
