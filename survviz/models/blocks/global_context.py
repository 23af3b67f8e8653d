"""Cross-attention without a map: each side looks at a small matrix that sums up the other."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from survviz.models.blocks.pooling import masked_mean


class GlobalContextCrossAttention(nn.Module):
    """Two token sets, each enriched by the channel context of the other, at a cost linear in their tokens.

    Per set, [y; u] = ReLU(W x), a residual and an interaction part; per head, the context is
    G = softmax(scale K^T V) over the channels of K, with K and V linear in u; then v_1 = u_1 G_2, v_2 = u_2 G_1 and
    x_m' = LayerNorm(x_m + W_o [y; v_m]). Since G is channels by channels, the sets may differ in size, the order of the
    other set's tokens changes nothing, and there is no map of which token looked at which. Zhang et al. 2023, CMX,
    cross-attention of the fusion module; CA-MLIF, equations 3 and 4.

    Args:
        width: of tokens.
        heads: number of heads; divides the width.
        residual_from: whose y: the set's "own" (CMX), or the "other"'s (as CA-MLIF words it), which is then its mean
            over tokens, as the two sets need not be of one size.
    """

    def __init__(self, width: int, heads: int, residual_from: Literal["own", "other"] = "own") -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"{heads} heads do not divide a width of {width}")
        self.residual_from: Literal["own", "other"] = residual_from
        self.first = _Side(width, heads)
        self.second = _Side(width, heads)

    def forward(
        self,
        first: Float[Tensor, "B N D"],
        second: Float[Tensor, "B M D"],
        first_mask: Bool[Tensor, "B N"],
        second_mask: Bool[Tensor, "B M"],
    ) -> tuple[Float[Tensor, "B N D"], Float[Tensor, "B M D"]]:
        """Both sets, enriched. Where the other set is empty, v is zero and the rest as ever."""
        first_residual, first_interaction = self.first.split(first).chunk(2, dim=-1)
        second_residual, second_interaction = self.second.split(second).chunk(2, dim=-1)
        to_first = self.second.context(second_interaction, second_mask)
        to_second = self.first.context(first_interaction, first_mask)
        if self.residual_from == "other":
            first_residual, second_residual = (
                masked_mean(second_residual, second_mask).unsqueeze(1).expand_as(first_residual),
                masked_mean(first_residual, first_mask).unsqueeze(1).expand_as(second_residual),
            )
        return (
            self.first(first, first_residual, first_interaction, to_first),
            self.second(second, second_residual, second_interaction, to_second),
        )


class _Side(nn.Module):
    """The layers of one of the two sets."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.split = nn.Sequential(nn.Linear(width, 2 * width), nn.ReLU())
        self.key_value = nn.Linear(width, 2 * width, bias=False)
        self.out = nn.Linear(2 * width, width)
        self.norm = nn.LayerNorm(width)

    def context(self, interaction: Tensor, mask: Tensor) -> Tensor:
        """What this set says to the other (B, H, E, E); zero where it is empty."""
        key, value = (self._per_head(part) for part in self.key_value(interaction).chunk(2, dim=-1))  # (B, H, N, E)
        key = key * mask[:, None, :, None]
        context = (key.mT @ value * key.shape[-1] ** -0.5).softmax(dim=-2)
        return context * mask.any(dim=1)[:, None, None, None]

    def forward(self, tokens: Tensor, residual: Tensor, interaction: Tensor, context: Tensor) -> Tensor:
        """The set's tokens after the other's context."""
        seen = (self._per_head(interaction) @ context).transpose(1, 2).flatten(2)  # (B, N, D)
        return self.norm(tokens + self.out(torch.cat([residual, seen], dim=-1)))

    def _per_head(self, values: Tensor) -> Tensor:
        return values.unflatten(-1, (self.heads, -1)).transpose(1, 2)
