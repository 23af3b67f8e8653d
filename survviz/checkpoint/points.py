"""What a case may be compared with: per fold, the mean training case and the median case of the low-risk group.

On the scale on which the models read. Patches, expression, miRNA and copy number are standardised, so their training
mean is 0 and is not stored.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import torch
from torch import Tensor

from survviz.data.preprocess import Preprocess
from survviz.errors import CheckpointError, InputError
from survviz.types import MODALITIES, Case, Inputs

MEAN = "training-mean"
LOW_RISK = "low-risk-median"
NOT_STANDARDISED = ("tokens.clinical", "tokens.genomic", "vectors.clinical")


def fit_points(preprocess: Preprocess, cases: Iterable[Case], low_risk: Collection[str]) -> dict[str, Tensor]:
    """Points of one fold, each case counting once; a case without a modality has no part in it.

    Args:
        cases: those that the fold did not test.
        low_risk: ids of those whose out-of-fold risk is at most the cut-off.

    Returns:
        POINT.patches (D,), POINT.tokens.NAME (T, E) and POINT.vectors.NAME (G,)
    """
    everyone: dict[str, list[Tensor]] = {}
    low: dict[str, list[Tensor]] = {}
    for case in cases:
        for name, value in _one(preprocess.collate([preprocess.transform(case)])).items():
            if name in NOT_STANDARDISED:
                everyone.setdefault(name, []).append(value)
            if case.case_id in low_risk:
                low.setdefault(name, []).append(value)
    means = {f"{MEAN}.{name}": torch.stack(rows).mean(dim=0) for name, rows in everyone.items()}
    return means | {f"{LOW_RISK}.{name}": _median(rows) for name, rows in low.items()}


def pack_points(points: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Points of all folds under names fold0.*, fold1.*, ..."""
    return {f"fold{i}.{name}": value.contiguous() for i, own in enumerate(points) for name, value in own.items()}


def unpack_points(tensors: Mapping[str, Tensor], n_folds: int) -> tuple[dict[str, Tensor], ...]:
    """Points of each fold.

    Raises:
        CheckpointError: a name belongs to no fold, or a value is not finite.
    """
    prefixes = [f"fold{fold}." for fold in range(n_folds)]
    for name, value in tensors.items():
        if not any(name.startswith(prefix) for prefix in prefixes) or not bool(value.isfinite().all()):
            raise CheckpointError(
                f"Baseline {name} is damaged: expected finite numbers of one of {n_folds} folds. "
                "Run `survviz baselines` again."
            )
    return tuple(
        {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
        for prefix in prefixes
    )


def members(test_fold: Mapping[str, int], fold: int) -> list[str]:
    """Cases that a fold did not test.

    Raises:
        InputError: there is none.
    """
    found = [name for name, tested in test_fold.items() if tested != fold]
    if not found:
        raise InputError(f"No case of the cohort was in the training part of fold {fold + 1}. Is it the right cohort?")
    return found


def _one(inputs: Inputs) -> dict[str, Tensor]:
    """One case's own point, of the modalities that it has."""
    here = {name for name in MODALITIES if name in inputs.present and bool(inputs.present[name].all())}
    found = {"patches": inputs.patches[0].mean(dim=0)} if "pathology" in here else {}
    for form, group in (("tokens", inputs.tokens), ("vectors", inputs.vectors)):
        of = {name: "genomic" if name == "rna" else name for name in group}
        found |= {f"{form}.{name}": value[0] for name, value in group.items() if of[name] in here}
    return found


def _median(rows: Sequence[Tensor]) -> Tensor:
    return torch.stack(list(rows)).quantile(0.5, dim=0)
