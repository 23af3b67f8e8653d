"""Leaving patches out: by how much the risk falls when a model is not shown a patch, or a square of neighbours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from survviz.errors import InputError
from survviz.explain.targets import Target, risk
from survviz.explain.ways import repeated
from survviz.models import Model
from survviz.types import Bag, Inputs

MOST_ROWS = 2**21
"""Patch rows that one model is shown in all: groups times patches. Bounds the time; exact up to 1,448 patches."""
NUMBERS_AT_ONCE = 2**18
"""Numbers of patches in one batch: small enough for a core's cache, which is what bounds the speed."""
MASKS_AT_ONCE = 128
"""Masks in one batch, by models that see one bag under many of them at little more than the cost of one."""


@dataclass(frozen=True, slots=True)
class Groups:
    """Which patches are left out together.

    Attributes:
        members: (N,) number of each patch's group, 0 to G - 1.
        side: patches along the side of a square; 1 = every patch by itself.
    """

    members: NDArray[np.int64]
    side: int

    def __len__(self) -> int:
        return int(self.members.max(initial=-1)) + 1


def group_patches(bags: Sequence[Bag], rows: int = MOST_ROWS) -> Groups:
    """Single patches, or the smallest squares of neighbours on a slide, that keep within a budget.

    Args:
        rows: groups times patches at most, as long as every slide has a group.
    """
    n_patches = sum(map(len, bags))
    allowed = max(1, rows // max(n_patches, 1))
    if n_patches <= allowed:
        return Groups(np.arange(n_patches), 1)
    side = max(2, int(np.ceil(np.sqrt(n_patches / allowed))))
    while True:
        found = _squares(bags, side)
        if len(found) <= max(allowed, len(bags)):
            return found
        side += 1


def _squares(bags: Sequence[Bag], side: int) -> Groups:
    cells = [
        np.column_stack([np.full(len(bag), number), bag.coords // (side * bag.patch_size_level0)])
        for number, bag in enumerate(bags)
    ]
    _, members = np.unique(np.concatenate(cells), axis=0, return_inverse=True)
    return Groups(members.reshape(-1), side)


def risk_without(
    model: Model,
    inputs: Inputs,
    groups: Groups,
    *,
    target: Target = risk,
    progress: Callable[[float], None] | None = None,
) -> NDArray[np.float64]:
    """(N,) target of the case minus target without each patch; a square's difference is shared among its patches.

    A patch that is left out is masked, which every model treats as if it had never been there. Without its only patch a
    case has no pathology.

    Args:
        model: in evaluation mode.
        inputs: a batch of one case, all of whose patch rows are real.
        progress: called with the share that is done; it may raise `CancelledError`.

    Raises:
        InputError: it is not one case, or the groups are of another number of patches.
    """
    n_patches, n_features = inputs.patches.shape[1:]
    if len(inputs.patches) != 1 or not bool(inputs.patch_mask.all()) or n_patches != len(groups.members):
        raise InputError(
            f"Patches are left out of one case whose patch rows are all real; {len(inputs.patches)} cases of "
            f"{n_patches} rows and groups of {len(groups.members)} patches were given."
        )
    members = torch.from_numpy(groups.members).to(inputs.patches.device)
    at_once = MASKS_AT_ONCE if model.shares_bag else max(1, NUMBERS_AT_ONCE // max(1, n_patches * n_features))
    without: list[float] = []
    with torch.inference_mode():
        whole = float(target(model(inputs)))
        for first in range(0, len(groups), at_once):
            gone = torch.arange(first, min(first + at_once, len(groups)), device=members.device)
            mask = members != gone.unsqueeze(1)  # (B, N)
            shown = repeated(inputs, inputs.patches.expand(len(gone), -1, -1), mask)
            without += target(model(shown)).double().tolist()
            if progress:
                progress(len(without) / len(groups))
    sizes = np.bincount(groups.members)
    return ((whole - np.array(without)) / sizes)[groups.members]
