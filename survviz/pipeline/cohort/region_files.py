"""The table of a cohort's regions as files, and the same computed in the background."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from survviz.checkpoint.layout import CONFIG
from survviz.data.cohort import Cohort, load_cohort
from survviz.data.fingerprint import of_file
from survviz.data.mask_outlines import mask_classes
from survviz.errors import InputError
from survviz.pipeline.cohort.regions import (
    SUFFIXES,
    CaseRegion,
    CohortRegion,
    RegionsOf,
    annotated_regions,
    cohort_regions,
    over_patients,
    truth_regions,
)
from survviz.pipeline.predictor import Predictor
from survviz.types import RESEARCH_USE, Progress
from survviz.workspace import workspace

SUMMARY, BY_CASE, DOCUMENT = "regions.csv", "regions_by_case.csv", "regions.json"
ANNOTATIONS = "annotations"
"""Folder of a cohort that may hold a GeoJSON per slide."""
RESAMPLES = 1000


def regions_from(cohort: Cohort, annotations: Path | None) -> RegionsOf:
    """Those of the annotation files, or the cohort's own masks.

    Raises:
        InputError: there are none.
    """
    return truth_regions(cohort) if annotations is None else annotated_regions(annotations)


def has_masks(cohort: Path) -> bool:
    """Whether a cohort folder holds region masks."""
    return bool(mask_classes(cohort))


def own_annotations(cohort: Path) -> Path | None:
    """A cohort's folder of annotation files, where it has one."""
    folder = cohort / ANNOTATIONS
    found = folder.is_dir() and any(path.name.endswith(SUFFIXES) for path in folder.iterdir())
    return folder if found else None


def flat(one: CohortRegion) -> dict[str, Any]:
    """A row of the table; the interval's ends are empty for one patient."""
    interval = one.interval
    return {
        "query": one.query, "key": one.key, "token": one.token, "region": one.region, "n_cases": one.n_cases,
        "enrichment": one.mean, "low": interval and interval.low, "high": interval and interval.high,
        "share_above_1": one.above,
    }  # fmt: skip


def document_of(
    rows: Sequence[CaseRegion],
    summary: Sequence[CohortRegion],
    *,
    checkpoint: str,
    cohort: str,
    regions: str,
    resamples: int,
    seed: int,
) -> dict[str, Any]:
    """Everything but the patients one by one."""
    return {
        "use": RESEARCH_USE,
        "checkpoint": checkpoint,
        "cohort": cohort,
        "regions": regions,
        "n_cases": len({row.case_id for row in rows}),
        "resamples": resamples,
        "seed": seed,
        "summary": [flat(one) for one in summary],
    }


def write_region_files(out: Path, rows: Sequence[CaseRegion], document: Mapping[str, Any]) -> list[str]:
    """The table, every patient, and the document; each file appears whole."""
    out.mkdir(parents=True, exist_ok=True)
    texts = {
        SUMMARY: csv_text(document["summary"]),
        BY_CASE: csv_text([asdict(row) for row in rows]),
        DOCUMENT: json.dumps(document, indent=2, ensure_ascii=False) + "\n",
    }
    for name, text in texts.items():
        fresh = out / f"{name}.tmp"
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(out / name)
    return list(texts)


def csv_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows with a header."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()


def compute_region_files(
    checkpoint: Path, cohort: Path, annotations: Path | None, progress: Progress | None = None
) -> Path:
    """The folder of the files, named by what they are computed from, and always computed anew: slides may have changed.

    Raises:
        InputError: the model has no attention, the cohort no regions, or no case both.
        CancelledError: `progress` raised it.
    """
    data = load_cohort(cohort)
    regions = regions_from(data, annotations)
    predictor = Predictor.load(checkpoint)
    if not predictor.directions():
        raise InputError(
            f"The model {predictor.checkpoint.config.model} has no patch attention, so it has no maps to compare."
        )
    rows = cohort_regions(predictor, data, regions, progress=progress)
    document = document_of(
        rows, over_patients(rows, n_resamples=RESAMPLES), checkpoint=predictor.checkpoint.name, cohort=data.name,
        regions="masks" if annotations is None else ANNOTATIONS, resamples=RESAMPLES, seed=0,
    )  # fmt: skip
    about = f"{of_file(checkpoint / CONFIG)}\n{cohort}\n{annotations}"
    out = workspace("regions", hashlib.sha256(about.encode()).hexdigest()[:32])
    write_region_files(out, rows, document)
    return out
