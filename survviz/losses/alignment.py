"""Cosine hinge between the embeddings of two paths, optional in SurvPGC."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import cosine_similarity


def cosine_hinge(
    first: Float[Tensor, "B E"],
    second: Float[Tensor, "B E"],
    present: Bool[Tensor, " B"] | None = None,
    *,
    margin: float = 0.2,
) -> Float[Tensor, ""]:
    """Mean of max(0, cos(first, second) - margin): pushes the two paths to say different things.

    Args:
        present: cases that have both; the others do not count, and without any the loss is 0.
    """
    if present is None:
        present = torch.ones(len(first), dtype=torch.bool, device=first.device)
    hinge = (cosine_similarity(first, second, dim=-1) - margin).clamp(min=0)
    return hinge.where(present, 0).sum() / present.sum().clamp(min=1)
