"""Verbs over many cases: `sample`, `extract`, and `explain` of a whole cohort."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from survviz.cli.console import progress_bar, show_json, show_notices, stderr
from survviz.errors import InputError
from survviz.types import MapKind

if TYPE_CHECKING:
    from survviz.cluster import Place
    from survviz.pipeline.explanation.truth import TokenLocalisation
    from survviz.pipeline.extraction import Encoded, EncoderChoice

TARGETS = (("tumour",), ("normal",), ("lymphocytes",))
"""In the sample cohort all prognostic information lies in tumour; the others wear the same marks and mean nothing."""

stdout = Console(highlight=False, soft_wrap=True)


def run_sample(out: Path, *, cases: int, seed: int, slides: int | None, workers: int, as_json: bool) -> None:
    """Write a sample cohort."""
    from survviz.sample import write_sample

    with progress_bar("rendering and encoding") as progress:
        folder = write_sample(out, cases=cases, seed=seed, slides=slides, workers=workers, progress=progress)
    from survviz.data.cohort import load_cohort

    cohort = load_cohort(folder)
    document = {
        "folder": folder, "cases": len(cohort), "events": int(cohort.event.sum()), "slides": len(cohort.slides),
        "slide_files": sum(bool(path) for path in cohort.slides["path"]), "holdout": sorted(cohort.holdout),
        "seed": seed,
    }  # fmt: skip
    if as_json:
        show_json(document)
        return
    stdout.print(
        f"{folder}: {document['cases']} cases ({document['events']} deaths), {document['slides']} slides, "
        f"{document['slide_files']} slide files kept; held out: {', '.join(document['holdout']) or 'none'}"
    )


def run_extract(
    out: Path,
    *,
    slides: list[Path],
    cohort: Path | None,
    encoder: EncoderChoice,
    mpp: float | None,
    place: Place,
    as_json: bool,
) -> None:
    """Encode slides; a slide that fails does not stop the rest, but the exit code then is not 0."""
    from survviz.cluster import Failed
    from survviz.pipeline.extraction import HERE, extract_slides

    work = [(path, path.stem, mpp) for path in slides] + (cohort_slides(cohort, mpp) if cohort else [])
    if not work:
        raise InputError("No slide was given. Use --slide FILE (repeat it for several), or --cohort DIR.")
    results: list[tuple[Path, Encoded]] = []
    failures: list[dict[str, object]] = []

    def tell(path: Path, outcome: Encoded | Failed) -> None:
        if isinstance(outcome, Failed):
            failures.append({"slide": path, "error": outcome.reason})
            stderr.print(
                outcome.reason if path.name in outcome.reason else f"{path.name}: {outcome.reason}", markup=False
            )
            return
        results.append((path, outcome))
        show_notices(outcome.notices)
        if not as_json:
            line = f"{out / outcome.file}: {outcome.n_patches} patches, {outcome.width} numbers each"
            stdout.print(line, markup=False)

    with progress_bar("encoding patches" if place == HERE else "encoding slides") as progress:
        there = extract_slides(work, encoder, out, place=place, finished=tell, progress=progress)
    if as_json:
        show_json(_extracted(out, encoder, results, failures, there))
    elif there:
        stdout.print(f"{there} of {len(work)} slides were there already")
    if failures:
        raise InputError(f"{len(failures)} of {len(work)} slides could not be encoded; see above.")


def _extracted(
    out: Path,
    encoder: EncoderChoice,
    results: list[tuple[Path, Encoded]],
    failures: list[dict[str, object]],
    there: int,
) -> dict[str, object]:
    rows = [
        {
            "slide": path, "features": out / row.file, "n_patches": row.n_patches, "mpp_source": row.mpp_source,
            "seconds": row.seconds, "notices": row.notices,
        }
        for path, row in results
    ]  # fmt: skip
    revision = results[0][1].revision if results else None
    return {"encoder": encoder.name, "revision": revision, "slides": rows, "failed": failures, "there_already": there}


def cohort_slides(folder: Path, mpp: float | None) -> list[tuple[Path, str, float | None]]:
    """Slide files of a cohort, their ids, and the pixel size of its slide table, else the given one."""
    from survviz.data.cohort import load_cohort

    rows = load_cohort(folder).slides
    sizes = rows["mpp"].astype(object).where(rows["mpp"].notna(), mpp)
    named = zip(rows["path"], rows["slide_id"], sizes, strict=True)
    return [(Path(path), slide_id, size) for path, slide_id, size in named if path]


def run_explain_cohort(
    checkpoint: Path, cohort: Path, out: Path, *, kinds: Sequence[MapKind], device: str, as_json: bool
) -> None:
    """AUROC of maps against the planted regions, per kind, direction and token."""
    from survviz.data.cohort import load_cohort
    from survviz.pipeline import Predictor
    from survviz.pipeline.explanation.truth import localisation

    predictor, data = Predictor.load(checkpoint, device), load_cohort(cohort)
    rows: list[dict[str, Any]] = []
    for kind in kinds:
        with progress_bar(f"mapping cases: {kind}") as progress:
            rows += [row_of(item) for item in localisation(predictor, data, TARGETS, kind=kind, progress=progress)]
    out.mkdir(parents=True, exist_ok=True)
    (out / "localisation.csv").write_text(as_csv(rows), encoding="utf-8")
    if as_json:
        show_json({"checkpoint": checkpoint, "cohort": cohort, "rows": rows, "written": [out / "localisation.csv"]})
        return
    table = Table("kind", "query", "token", "regions", "AUROC", "95 % CI", "cases", box=None)
    for row in rows:
        interval = f"{row['low']:.3f} to {row['high']:.3f}"
        words = (row["kind"], row["query"], row["token"], row["regions"])
        table.add_row(*words, f"{row['auroc']:.3f}", interval, str(row["n_cases"]))
    stdout.print(table)
    stdout.print("0.5 = no better than chance; each case is mapped only by models that did not train on it.")


def row_of(item: TokenLocalisation) -> dict[str, Any]:
    """One line of the localisation table."""
    score = item.score
    return {
        "kind": item.kind, "query": item.query, "token": item.token, "regions": "+".join(item.regions),
        "auroc": score.mean,
        "low": score.interval.low, "high": score.interval.high, "n_cases": len(score.per_case) - score.n_undefined,
        "n_undefined": score.n_undefined,
    }  # fmt: skip


def as_csv(rows: list[dict[str, Any]]) -> str:
    """Rows with a header."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()
