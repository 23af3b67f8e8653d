"""Means and softmaxes over the real items of a padded batch."""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor


def masked_mean(values: Float[Tensor, "B N E"], mask: Bool[Tensor, "B N"]) -> Float[Tensor, "B E"]:
    """Mean over real items (B6); zero where a case has none."""
    weights = mask.unsqueeze(-1).to(values.dtype)  # (B, N, 1)
    return (values * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1)


def masked_softmax(logits: Float[Tensor, "*B N"], mask: Bool[Tensor, "*#B N"]) -> Float[Tensor, "*B N"]:
    """Softmax over real items; all zero, with finite gradients, where a case has none."""
    empty = ~mask.any(dim=-1, keepdim=True)
    return logits.masked_fill(~(mask | empty), float("-inf")).softmax(dim=-1) * mask
