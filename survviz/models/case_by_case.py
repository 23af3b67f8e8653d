"""Large bags on a CPU, one case at a time: nothing padded is computed, and a case's numbers stay in the caches."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from survviz.types import Inputs

LARGE = 2**22
"""Numbers of a batch of patches above which it pays: 4,096 patches of 1,024."""


def bags_of(inputs: Inputs, *, attention: bool = False) -> list[tuple[Tensor, Tensor]]:
    """Patches and mask of a batch: by single cases where that is faster, else all at once.

    A single bag is cut after its last real patch, and has one masked row where a case has none. A GPU, and attention
    maps, want all cases padded alike.
    """
    patches, mask = inputs.patches, inputs.patch_mask
    if attention or len(patches) == 1 or patches.numel() <= LARGE or patches.device.type != "cpu":
        return [(patches, mask)]
    ends = (mask * torch.arange(1, mask.shape[1] + 1)).amax(dim=1).clamp(min=1).tolist()
    return [(patches[i : i + 1, :end], mask[i : i + 1, :end]) for i, end in enumerate(ends)]


def is_one_bag(inputs: Inputs, tokens: Sequence[Tensor]) -> bool:
    """Whether a batch is one case under several masks, to be scored without gradients.

    Args:
        tokens: (B, T, D) of each group; equal in all cases, and without dropout.
    """
    if len(inputs.patches) == 1 or inputs.patches.stride(0) or torch.is_grad_enabled():
        return False
    same = [(one == one[:1]).all() for one in (*tokens, *inputs.present.values())]
    return all(bool(one) for one in same)
