"""Makes the numbers of a bundle again, and says which differ."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from survviz.errors import InputError
from survviz.pipeline.cohort.bundle import NUMBERS, BundleConfig, numbers_of, read_bundle
from survviz.pipeline.cohort.evaluation import load_for_evaluation
from survviz.pipeline.cohort.inference import run_cohort
from survviz.pipeline.cohort.results import PATIENTS, CohortResults, read_patients
from survviz.pipeline.cohort.stratification import stratify
from survviz.pipeline.predictor import Predictor
from survviz.types import Progress

TOLERANCE = 1e-4
"""Largest difference that rounding on other hardware may make."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A number of a bundle that came out otherwise."""

    what: str
    before: float | str | None
    now: float | str | None


@dataclass(frozen=True, slots=True)
class Reproduction:
    """What making the numbers of a bundle again showed.

    Attributes:
        n_numbers: how many were compared.
        largest: largest difference of two numbers.
        differences: those beyond `TOLERANCE`, and words that differ.
    """

    config: BundleConfig
    n_numbers: int
    largest: float
    differences: tuple[Difference, ...]


def reproduce(
    path: str | Path,
    checkpoint: str | Path,
    cohort: str | Path,
    *,
    device: str = "auto",
    progress: Progress | None = None,
) -> Reproduction:
    """Score the cohort anew, compare its groups as the bundle did, and compare every number.

    Args:
        checkpoint, cohort: their folders; their content must be that of then.

    Raises:
        InputError: the bundle cannot be read, or checkpoint or cohort are other ones than then.
    """
    config, files = read_bundle(path)
    predictor = Predictor.load(checkpoint, device)
    data = load_for_evaluation(cohort)
    with tempfile.TemporaryDirectory(prefix="survviz-") as folder:
        results = run_cohort(predictor, data, Path(folder) / "results", anyway=config.anyway, progress=progress)
        _check_same(config, results)
        found = numbers_of(stratify(results, config.plan))
        (Path(folder) / PATIENTS).write_bytes(files[PATIENTS])
        before = _patient_numbers(read_patients(Path(folder) / PATIENTS))
    pairs = _pairs(json.loads(files[NUMBERS]), found) + _pairs(before, _patient_numbers(results.table))
    sizes = [abs(a - b) for _, a, b in pairs if isinstance(a, float) and isinstance(b, float)]
    wrong = tuple(Difference(*pair) for pair in pairs if not _same(*pair[1:]))
    return Reproduction(config, len(pairs), max(sizes, default=0.0), wrong)


def _check_same(config: BundleConfig, results: CohortResults) -> None:
    now = {"checkpoint": results.checkpoint_sha256, "cohort": results.document["identity"]["cohort"]}
    then = {"checkpoint": config.checkpoint_sha256, "cohort": config.cohort_sha256}
    other = [name for name in now if now[name] != then[name]]
    if other:
        raise InputError(
            f"The {' and the '.join(other)} given now is not the one of the bundle ({config.checkpoint} on "
            f"{config.cohort}): its content differs. Give the folders of then with --checkpoint and --cohort."
        )


def _patient_numbers(table: pd.DataFrame) -> dict[str, float | str | None]:
    """Case and column -> value."""
    return {
        f"{case_id} {name}": _plain(value)
        for name in table.columns
        if name not in ("notices", "folds")
        for case_id, value in table[name].items()
    }


def _plain(value: Any) -> float | str | None:
    if isinstance(value, str):
        return value
    return None if np.isnan(value) else float(value)


def _pairs(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    return [(name, before.get(name), now.get(name)) for name in dict.fromkeys([*before, *now])]


def _same(before: Any, now: Any) -> bool:
    if isinstance(before, float) and isinstance(now, float):
        return math.isclose(before, now, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    return before == now
