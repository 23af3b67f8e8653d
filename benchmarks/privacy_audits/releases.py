"""Attributes guessed from a released record: what the record adds to what everybody who knows the cancer type guesses.

The attacker was fitted to the published training patients, whose records went through the same release, and is tried
on its validation patients. Least squares on all columns; a half of the patients would do as well, there are enough.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import NDArray

from benchmarks.local_release.noise import Way
from benchmarks.local_release.reading import SETS, clean
from benchmarks.local_release.records import Block, Patients
from survviz.privacy.audit import BROKEN
from survviz.privacy.membership import attribute_inference

RELEASED = "8 coordinates"
ATTRIBUTES: Mapping[str, tuple[str, int]] = {
    "Sex": ("sex", 0), "Race": ("race", 1), "Prior malignancy": ("prior malignancy", 1), "Stage": ("stage", 3),
}  # fmt: skip
"""What is guessed -> coordinate, and the place of its value: female, black or African American, yes, IV."""
EPSILONS = (1.0, 4.0, 16.0)
RIDGE = 1.0


def release_rows(patients: Patients) -> list[dict[str, Any]]:
    """Every attribute at every epsilon, beside the same release with a twentieth of its noise."""
    blocks = [patients.blocks[name] for name in SETS[RELEASED]]
    rows = []
    for epsilon in EPSILONS:
        real, control = (_released(patients, blocks, epsilon * by) for by in (1.0, BROKEN))
        for name, (coordinate, value) in ATTRIBUTES.items():
            truth = patients.blocks[coordinate].columns[:, value] == 1
            found, caught = (_inferred(patients, columns, truth) for columns in (real, control))
            rows.append({"attribute": name, "set": RELEASED, "epsilon": epsilon} | found | {"control": caught})
    return rows


def _released(patients: Patients, blocks: Sequence[Block], epsilon: float) -> Float[NDArray, "n p"]:
    """Released columns of everybody, and the cancer type as everybody knows it."""
    return np.hstack([Way("Laplace").noised(blocks, epsilon), _known(patients)])


def _known(patients: Patients) -> Float[NDArray, "n p"]:
    return clean([patients.blocks["cancer type"]])


def _inferred(patients: Patients, columns: Float[NDArray, "n p"], truth: Bool[NDArray, " n"]) -> dict[str, Any]:
    scores = [_guessed(patients, given, truth) for given in (columns, _known(patients))]
    found = attribute_inference(truth[~patients.train], *scores)
    return asdict(found) | {"found": found.found}


def _guessed(patients: Patients, columns: Float[NDArray, "n p"], truth: Bool[NDArray, " n"]) -> Float[NDArray, " m"]:
    """Scores of the validation patients."""
    known = patients.train
    x, y = columns[known] - columns[known].mean(axis=0), truth[known] - truth[known].mean()
    weights = np.linalg.solve(x.T @ x + RIDGE * np.eye(x.shape[1]), x.T @ y)
    return columns[~known] @ weights
