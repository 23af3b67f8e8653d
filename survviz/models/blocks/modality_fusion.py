"""Several vectors of one case, some of them absent, become one. Shapes are (case, modality, entry)."""

from __future__ import annotations

from typing import Literal, TypeAlias

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from survviz.models.blocks.pooling import masked_softmax

Pooling: TypeAlias = Literal["max", "sum", "product", "mean"]


def pool_modalities(
    vectors: Float[Tensor, "B M E"], present: Bool[Tensor, "B M"], kind: Pooling
) -> Float[Tensor, "B E"]:
    """Entry by entry over the modalities that a case has; zero where it has none."""
    here = present.unsqueeze(-1)
    if kind == "max":
        pooled = vectors.masked_fill(~here, float("-inf")).amax(dim=1)
    elif kind == "product":
        pooled = vectors.masked_fill(~here, 1).prod(dim=1)
    else:
        pooled = vectors.where(here, 0).sum(dim=1)
        if kind == "mean":
            pooled = pooled / here.sum(dim=1).clamp(min=1)
    return pooled.where(here.any(dim=1), 0)


class ModalityAttention(nn.Module):
    """A weighted mean of modalities whose weights differ by entry: softmax over modalities of tanh(W v), per entry.

    Not multi-head attention: there is no query, and each of the E entries has a softmax of its own (Vale-Silva and Rohr
    2021, MultiSurv; with a W per modality, Fan et al. 2023).

    Args:
        width: E.
        count: number of linear layers W: 1, shared by all modalities, or one per modality.
    """

    def __init__(self, width: int, count: int = 1) -> None:
        super().__init__()
        self.score = nn.ModuleList(nn.Linear(width, width, bias=False) for _ in range(count))

    def forward(
        self, vectors: Float[Tensor, "B M E"], present: Bool[Tensor, "B M"]
    ) -> tuple[Float[Tensor, "B E"], Float[Tensor, "B E M"]]:
        """The mean over the modalities that a case has, zero where it has none; and the logits."""
        if len(self.score) == 1:
            scores = self.score[0](vectors)
        else:
            each = zip(self.score, vectors.unbind(dim=1), strict=True)
            scores = torch.stack([score(vector) for score, vector in each], dim=1)
        logits = scores.tanh().mT  # (B, E, M)
        weights = masked_softmax(logits, present.unsqueeze(1))
        return (weights * vectors.mT).sum(dim=-1), logits
