"""Penalties on weights."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from jaxtyping import Float
from torch import Tensor


def l1_weights(parameters: Iterable[Tensor]) -> Float[Tensor, ""]:
    """Sum of absolute values over all parameters; 0 if there are none.

    The published systems scale it by 3e-4 (Pathomic Fusion, PG-MLIF, GPDBN) or 1e-5 (PORPOISE) and differ in what they
    pass: everything, or the omic network only.
    """
    sums = [parameter.abs().sum() for parameter in parameters]
    return torch.stack(sums).sum() if sums else torch.zeros(())
