"""The attributions of a cohort as files, and the same computed in the background."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from survviz.checkpoint.layout import CONFIG
from survviz.data.cohort import load_cohort
from survviz.data.fingerprint import of_file
from survviz.pipeline.cohort.attribution import (
    CohortAttribution,
    FeatureOverCases,
    attribute_cohort,
    features_over,
    modality_shares,
)
from survviz.pipeline.cohort.region_files import csv_text
from survviz.pipeline.explanation.attribution import CaseAttribution, Method
from survviz.pipeline.explanation.pieces import Level
from survviz.pipeline.predictor import Predictor
from survviz.types import RESEARCH_USE, Progress
from survviz.workspace import workspace

DOCUMENT, SHARES, FEATURES = "attribution.json", "shares.csv", "features.csv"
BY_CASE, DRIVERS, SWARMS = "attribution_by_case.csv", "drivers.csv", "largest_features.json"
FILES = (DOCUMENT, SHARES, FEATURES, BY_CASE, DRIVERS, SWARMS)

EVERYBODY = "all"
NOTHING = "none"
"""Drives a case to which nothing adds."""
LARGEST = 20
"""Features of a level that are kept case by case for a picture."""


def document_of(found: CohortAttribution) -> dict[str, Any]:
    """Everything but the cases one by one."""
    one = found.cases[0]
    return {
        "use": RESEARCH_USE,
        "checkpoint": one.checkpoint,
        "cohort": found.cohort,
        "method": one.method,
        "target": one.target_words,
        "target_name": one.target,
        "baseline": one.baseline,
        "baseline_words": one.baseline_words,
        "n_cases": len(found.cases),
        "largest_gap": max(case.gap for case in found.cases),
        "shares": [row for name, cases in _groups(found).items() for row in _share_rows(name, cases)],
        "left_out": [asdict(one) for one in found.left_out],
    }


def feature_rows(found: CohortAttribution) -> list[dict[str, Any]]:
    """A row per feature of every level, all cases together, the largest of a level first."""
    return [
        {
            "level": level, "modality": one.modality, "name": one.name, "n_cases": len(one.values),
            "mean_size": one.size, **_ends(one), "mean_signed": float(one.values.mean()),
        }
        for level, features in _by_level(found).items()
        for one in features
    ]  # fmt: skip


def case_rows(found: CohortAttribution) -> list[dict[str, Any]]:
    """A row per case and piece, genes and miRNAs included."""
    return [
        {
            "case_id": case.case_id, "group": group, "output": case.output, "reference": case.reference,
            "level": piece.level, "modality": piece.modality, "name": piece.name, "value": piece.value,
            "sd": piece.sd, "own": piece.own, "own_number": piece.own_number,
        }
        for case, group in _with_group(found)
        for piece in case.pieces
    ]  # fmt: skip


def driver_rows(found: CohortAttribution) -> list[dict[str, Any]]:
    """A row per case: the modality that adds most, whichever way, and what each adds; None where it lacks one."""
    names = dict.fromkeys(piece.modality for case in found.cases for piece in case.pieces if piece.level == "modality")
    rows = []
    for case, group in _with_group(found):
        values = {piece.modality: piece.value for piece in case.of("modality")}
        total = sum(map(abs, values.values()))
        first = case.of("modality")[0] if total else None
        rows.append({
            "case_id": case.case_id, "group": group, "driven_by": first.modality if first else NOTHING,
            "share": abs(first.value) / total if first else None, "output": case.output, "reference": case.reference,
            **{name: values.get(name) for name in names},
        })  # fmt: skip
    return rows


def write_attribution_files(found: CohortAttribution, out: Path) -> list[str]:
    """The files named by `FILES`; each appears whole, the document last."""
    out.mkdir(parents=True, exist_ok=True)
    document = document_of(found)
    texts = {
        SHARES: csv_text(document["shares"]),
        FEATURES: _table(feature_rows(found)),
        BY_CASE: csv_text(case_rows(found)),
        DRIVERS: csv_text(driver_rows(found)),
        SWARMS: json.dumps(_swarms(found), ensure_ascii=False, allow_nan=False) + "\n",
        DOCUMENT: json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n",
    }
    for name, text in texts.items():
        fresh = out / f"{name}.tmp"
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(out / name)
    return list(FILES)


def compute_attribution_files(
    checkpoint: Path, cohort: Path, method: Method, target: str, baseline: str, progress: Progress | None = None
) -> Path:
    """The folder of the files, named by what they are computed from, and always computed anew: slides may have changed.

    Raises:
        InputError: no case can be explained, or there is no such target.
        UnknownNameError: no such method or baseline.
        CancelledError: `progress` raised it.
    """
    data = load_cohort(cohort)
    found = attribute_cohort(
        Predictor.load(checkpoint), data, method=method, target=target, baseline=baseline, progress=progress
    )
    about = "\n".join((of_file(checkpoint / CONFIG), str(cohort), method, target, baseline))
    out = workspace("attribution", hashlib.sha256(about.encode()).hexdigest()[:32])
    write_attribution_files(found, out)
    return out


def _groups(found: CohortAttribution) -> dict[str, tuple[CaseAttribution, ...]]:
    """All cases, then each cancer type where there are several."""
    return {EVERYBODY: found.cases, **found.by_stratum()}


def _share_rows(name: str, cases: tuple[CaseAttribution, ...]) -> list[dict[str, Any]]:
    """A row per modality of a group of cases."""
    return [
        {
            "group": name, "modality": one.modality, "n_cases": len(cases), "n_with_it": one.n_cases,
            "share": one.share, "low": one.interval and one.interval.low, "high": one.interval and one.interval.high,
            "mean_signed": one.mean, "n_driven": one.n_driven,
        }
        for one in modality_shares(cases)
    ]  # fmt: skip


def _by_level(found: CohortAttribution) -> dict[Level, tuple[FeatureOverCases, ...]]:
    """The features of each level that any case has."""
    levels: dict[Level, None] = dict.fromkeys(
        level for case in found.cases for level in case.levels if level != "modality"
    )
    return {level: features_over(found.cases, level) for level in levels}


def _ends(one: FeatureOverCases) -> dict[str, float | None]:
    return {"low": one.interval and one.interval.low, "high": one.interval and one.interval.high}


def _swarms(found: CohortAttribution) -> dict[Level, list[dict[str, Any]]]:
    """Level -> its largest features, case by case."""
    return {
        level: [
            {
                "modality": one.modality, "name": one.name, "case_ids": one.case_ids, "values": one.values.tolist(),
                "own": one.own, "own_numbers": [None if np.isnan(x) else float(x) for x in one.own_numbers],
            }
            for one in features[:LARGEST]
        ]
        for level, features in _by_level(found).items()
    }  # fmt: skip


def _with_group(found: CohortAttribution) -> list[tuple[CaseAttribution, str]]:
    """Each case and its cancer type, "" where the cohort has none."""
    return list(zip(found.cases, found.strata or ("",) * len(found.cases), strict=True))


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Empty where there is no row, as under methods that weigh whole modalities."""
    return csv_text(rows) if rows else ""
