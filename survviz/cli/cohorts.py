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
from survviz.errors import InputError, SurvvizError
from survviz.types import MapKind

if TYPE_CHECKING:
    from survviz.pipeline.explanation.truth import TokenLocalisation

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
    encoder: str,
    weights: str | None,
    mpp: float | None,
    device: str,
    as_json: bool,
) -> None:
    """Encode slides; a slide that fails does not stop the rest, but the exit code then is not 0."""
    from survviz.pipeline.device import choose_device
    from survviz.wsi.encoders import create_encoder
    from survviz.wsi.extract import extract_cached
    from survviz.wsi.features import write_features

    work = [(path, mpp) for path in slides] + (cohort_slides(cohort, mpp) if cohort else [])
    if not work:
        raise InputError("No slide was given. Use --slide FILE (repeat it for several), or --cohort DIR.")
    model = create_encoder(encoder, weights=weights, device=str(choose_device(device)))
    out.mkdir(parents=True, exist_ok=True)
    results, failures = [], []
    for path, size in work:
        try:
            with progress_bar(path.name) as progress:
                bag, notices = extract_cached(path, model, mpp=size, progress=progress)
        except SurvvizError as error:
            failures.append({"slide": path, "error": str(error)})
            stderr.print(str(error), markup=False)
            continue
        show_notices(notices)
        target = out / f"{bag.slide_id}.h5"
        write_features(target, bag, patch_px=model.patch_px)
        results.append({
            "slide": path, "features": target, "n_patches": len(bag), "mpp_source": bag.mpp_source, "notices": notices,
        })  # fmt: skip
        if not as_json:
            stdout.print(f"{target}: {len(bag)} patches, {bag.features.shape[1]} numbers each")
    if as_json:
        show_json({"encoder": model.name, "revision": model.revision, "slides": results, "failed": failures})
    if failures:
        raise InputError(f"{len(failures)} of {len(work)} slides could not be encoded; see above.")


def cohort_slides(folder: Path, mpp: float | None) -> list[tuple[Path, float | None]]:
    """Slide files of a cohort with the pixel size of its slide table, else the given one."""
    from survviz.data.cohort import load_cohort

    rows = load_cohort(folder).slides
    sizes = rows["mpp"].astype(object).where(rows["mpp"].notna(), mpp)
    return [(Path(path), size) for path, size in zip(rows["path"], sizes, strict=True) if path]


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
