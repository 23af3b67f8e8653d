"""`python -m benchmarks.local_release --cohort DIR [--relevance FILE]` -> benchmarks/results/local_release.json.

Every cell: a set of coordinates, a noise, shares of epsilon, a reader, an epsilon; 20 draws of exact noise for each of
the validation patients. The reader knows the training patients without noise, or (retrained) with one draw of the same
noise; it is not private, and need not be: what is protected here is the record of the patient entered now. Nothing was
chosen on the validation patients. Finished cells are kept.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import torch
from numpy.typing import NDArray

from benchmarks.local_release.noise import DELTA, Way, private_relevance
from benchmarks.local_release.reading import NAMES, PERCENTILE, RISK, WIDE, Scorer, clean, fitted, released
from benchmarks.local_release.records import Block, Patients, read_patients
from survviz.privacy.relevance import Relevance

RESULTS = Path(__file__).parents[1] / "results" / "local_release.json"
EPSILONS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
DRAWS = 20
Cell: TypeAlias = Callable[[], dict[str, Any]]
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
    """Released relevance of clinical fields and of miRNA as that of coordinates: a group's is dealt to its columns."""
    per_mirna = relevance.values["miRNA"] / relevance.values["columns of miRNA"]
    same = {"tier": "cancer type", "stage missing": "stage"}
    values = {}
    for block in blocks:
        name = "cancer type" if block.name.startswith("type ") else same.get(block.name, block.name)
        values[block.name] = relevance.values.get(name, per_mirna)
    return relevance.model_copy(update={"values": values})


def cells(patients: Patients, relevance: Relevance | None, names: list[str]) -> Iterator[tuple[dict[str, Any], Cell]]:
    """Key of every cell, and what computes it."""
    scorer = Scorer.of(patients)
    known, asked = patients.train, ~patients.train
    for name in names:
        blocks = released(patients, name)
        train, valid = [block.of(known) for block in blocks], [block.of(asked) for block in blocks]
        weights = fitted(clean(train), patients.time[known], patients.event[known])
        hidden = sum(block.private for block in blocks)
        none = {"set": name, "coordinates": hidden, "noise": "none", "shares": "", "reader": "clean", "epsilon": None}
        yield none, lambda valid=valid, weights=weights: scorer.summary([clean(valid) @ weights])
        for way in ways(name, tuple(train), weights, relevance):
            for reader in ("clean",) if name in (RISK, PERCENTILE) else ("clean", "retrained"):
                for epsilon in EPSILONS:
                    key = {"noise": way.noise, "shares": way.shares, "reader": reader, "epsilon": epsilon}

                    def cell(
                        way=way, train=train, valid=valid, weights=weights, epsilon=epsilon, reader=reader
                    ) -> dict[str, Any]:
                        if reader == "retrained":
                            noised = way.noised(train, epsilon)
                            weights = fitted(noised, patients.time[known], patients.event[known])
                        return scorer.summary([way.noised(valid, epsilon) @ weights for _ in range(DRAWS)])

                    yield none | key, cell


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
    for key, cell in cells(read_patients(asked.cohort), relevance, asked.sets):
        if json.dumps(key) in done:
            continue
        row = key | cell()
        rows.append(row)
        print(row, flush=True)
        RESULTS.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
