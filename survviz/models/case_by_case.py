"""Large bags on a CPU, one case at a time: nothing padded is computed, and a case's numbers stay in the caches."""

from __future__ import annotations

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
