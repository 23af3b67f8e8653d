"""`python -m benchmarks.local_release --cohort DIR [--relevance FILE]` -> benchmarks/results/local_release.json.

Every cell: a set of coordinates, a noise, shares of epsilon, a reader, an epsilon; 20 draws of exact noise for each of
the validation patients. The reader knows the training patients without noise, or (retrained) with one draw of the same
noise; it is not private, and need not be: what is protected here is the record of the patient entered now. Nothing was
chosen on the validation patients. Finished cells are kept.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.local_release.noise import DELTA, Way, private_relevance
from benchmarks.local_release.reading import NAMES, PERCENTILE, RISK, WIDE, Scorer, clean, fitted, released
from benchmarks.local_release.records import Block, Patients, read_patients
from survviz.privacy.relevance import Relevance

RESULTS = Path(__file__).parents[1] / "results" / "local_release.json"
EPSILONS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
DRAWS = 20
PUBLIC = Relevance(
    values={
        "age": 3, "tier": 4, "cancer type": 4, "stage": 3, "sex": 1, "race": 1, "prior malignancy": 1, "miR-21": 1,
        "miR-210": 1,
    },
    source="public", where="what is generally known to matter, named beforehand",
)  # fmt: skip
PROTOCOL = (
    "Validation patients of MultiSurv's published split, after a Cox model (ridge, prior deviation 1) on its training "
    "patients. A record is released at epsilon (pure; Gaussian: delta 1e-5) and the risk is computed from what was "
    "released. Mean over 20 draws of exact noise; low to high: 95 % of draws and resampled patients together."
)


def ways(name: str, blocks: tuple[Block, ...], weights: NDArray, released_relevance: Relevance | None) -> list[Way]:
    """What is tried on a set of coordinates."""
    hidden = [block for block in blocks if block.private]
    if len(hidden) == 1:
        return [Way("Laplace"), Way("Gaussian")]
    known = [] if name == WIDE else [PUBLIC]
    if released_relevance is not None:
        known.append(for_blocks(released_relevance, hidden))
    recipe = Way("published recipe", private_relevance(hidden, clean(hidden), weights))
    gaussian = [Way("Gaussian"), *(Way("Gaussian", one) for one in known[-1:])]
    return [Way("Laplace"), *(Way("Laplace", one) for one in known), *gaussian, recipe]


def for_blocks(relevance: Relevance, blocks: list[Block]) -> Relevance:
    """Released relevance of clinical fields as that of coordinates; what its network does not read has none."""
    known = {name.lower(): value for name, value in relevance.values.items()}
    same = {"tier": "cancer type", "stage missing": "stage"}
    values = {}
    for block in blocks:
        name = "cancer type" if block.name.startswith("type ") else same.get(block.name, block.name)
        values[block.name] = known.get(name, 0.0)
    return relevance.model_copy(update={"values": values})


@dataclass(frozen=True, slots=True)
class Cell:
    """One release of a set of coordinates, which every reader reads.

    Attributes:
        weights: of the reader who was fitted to clean records.
    """

    name: str
    blocks: tuple[Block, ...]
    way: Way | None
    epsilon: float | None
    weights: NDArray[np.float64]

    @property
    def keys(self) -> list[dict[str, Any]]:
        """What names the row of every reader."""
        hidden = sum(block.private for block in self.blocks)
        noise = {"noise": "none", "shares": ""} if self.way is None else {"noise": self.way.noise}
        noise |= {} if self.way is None else {"shares": self.way.shares}
        readers = ("clean",) if self.way is None or self.name in (RISK, PERCENTILE) else ("clean", "retrained")
        key = {"set": self.name, "coordinates": hidden} | noise
        return [key | {"reader": reader, "epsilon": self.epsilon} for reader in readers]

    def rows(self, patients: Patients, scorer: Scorer) -> list[dict[str, Any]]:
        """Scores of every reader."""
        train, valid = ([block.of(rows) for block in self.blocks] for rows in (patients.train, ~patients.train))
        if self.way is None or self.epsilon is None:
            return [self.keys[0] | scorer.summary([clean(valid) @ self.weights])]
        weights = [self.weights]
        if len(self.keys) > 1:
            known = patients.train
            weights.append(fitted(self.way.noised(train, self.epsilon), patients.time[known], patients.event[known]))
        readers = np.stack(weights, axis=1)
        risks = np.stack([self.way.noised(valid, self.epsilon) @ readers for _ in range(DRAWS)])  # (draws, n, readers)
        return [key | scorer.summary([*risks[:, :, place]]) for place, key in enumerate(self.keys)]


def cells(patients: Patients, relevance: Relevance | None, names: list[str]) -> Iterator[Cell]:
    """Everything that is released."""
    for name in names:
        blocks = released(patients, name)
        train = tuple(block.of(patients.train) for block in blocks)
        weights = fitted(clean(train), patients.time[patients.train], patients.event[patients.train])
        yield Cell(name, blocks, None, None, weights)
        for way in ways(name, train, weights, relevance):
            for epsilon in EPSILONS:
                yield Cell(name, blocks, way, epsilon, weights)


def main() -> None:
    """Fill in the cells that are missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cohort", type=Path, required=True, help="`pancancer` of `python -m benchmarks.real_cohorts`")
    parser.add_argument("--relevance", type=Path, help="JSON of `survviz privacy relevance`")
    parser.add_argument("--sets", nargs="*", default=list(NAMES), choices=NAMES)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    relevance = Relevance.model_validate_json(asked.relevance.read_text()) if asked.relevance else None
    rows: list[dict[str, Any]] = json.loads(RESULTS.read_text())["rows"] if RESULTS.exists() else []
    document = {"protocol": PROTOCOL, "delta": DELTA, "draws": DRAWS, "chance": 0.5, "rows": rows}
    done = {json.dumps({k: v for k, v in row.items() if k not in ("pooled", "within")}) for row in rows}
    patients = read_patients(asked.cohort)
    scorer = Scorer.of(patients)
    for cell in cells(patients, relevance, asked.sets):
        if all(json.dumps(key) in done for key in cell.keys):
            continue
        rows[:] = [row for row in rows if not any(key.items() <= row.items() for key in cell.keys)]
        rows.extend(cell.rows(patients, scorer))
        print(cell.keys[0], flush=True)
        RESULTS.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
