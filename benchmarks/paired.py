"""Compares checkpoints of one cohort on the cases that all of them scored out of fold.

`python -m benchmarks.paired --cohort fresh full clinic genes slides`: C-index of each, and of the first minus each
other with a paired bootstrap interval over cases (1,000 draws). Single modalities leave out cases that lack theirs, so
their own pooled C-indices are over different patients; here they are over the same.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from survviz.checkpoint import Checkpoint, load_checkpoint
from survviz.data.cohort import Cohort, load_cohort
from survviz.evaluation import concordance_index

DRAWS = 1000


def out_of_fold(checkpoint: Checkpoint, cohort: Cohort) -> dict[str, float]:
    """Risk of each training case by the fold that never saw it."""
    models = [checkpoint.model(fold) for fold in range(checkpoint.n_folds)]
    risks: dict[str, float] = {}
    for case_id in cohort.case_ids:
        fold = checkpoint.membership.tested_in(case_id)
        if fold is None:
            continue
        preprocess = checkpoint.preprocess(fold)
        with torch.inference_mode():
            inputs = preprocess.collate([preprocess.transform(cohort.case(case_id))])
            risks[case_id] = float(models[fold](inputs).risk[0])
    return risks


def differences(
    first: NDArray[np.float64], other: NDArray[np.float64], time: NDArray[np.float64], event: NDArray[np.bool_]
) -> tuple[float, float]:
    """95 % interval of C(first) - C(other) over bootstrap draws of cases."""
    random = np.random.default_rng(0)
    found = []
    for _ in range(DRAWS):
        rows = random.integers(0, len(time), len(time))
        c_indices = [concordance_index(risk[rows], time[rows], event[rows]) for risk in (first, other)]
        found.append(c_indices[0] - c_indices[1])
    low, high = np.percentile(found, [2.5, 97.5])
    return float(low), float(high)


def main() -> None:
    """Print one line per checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cohort", type=Path, required=True)
    parser.add_argument("checkpoints", type=Path, nargs="+")
    options = parser.parse_args()
    cohort = load_cohort(options.cohort)
    risks = {path.name: out_of_fold(load_checkpoint(path), cohort) for path in options.checkpoints}
    common = sorted(set.intersection(*(set(one) for one in risks.values())))
    time = cohort.time.loc[common].to_numpy(dtype=np.float64)
    event = cohort.event.loc[common].to_numpy(dtype=bool)
    values = {name: np.array([one[case] for case in common]) for name, one in risks.items()}
    first = next(iter(values))
    print(f"{len(common)} cases, {event.sum()} events")
    for name, risk in values.items():
        text = f"{name}: C {concordance_index(risk, time, event):.3f}"
        if name != first:
            low, high = differences(values[first], risk, time, event)
            text += f"; {first} is ahead by {low:.3f} to {high:.3f} (95 %)"
        print(text)


main()
