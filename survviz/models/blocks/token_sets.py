"""Small sets of tokens: pooled from a bag, read through a class token, and looking at each other."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from survviz.models.blocks.attention import GatedAttention
from survviz.models.blocks.cross_attention import MultiheadCrossAttention
from survviz.models.blocks.dense import rectified
from survviz.models.blocks.pooling import masked_softmax


class RegionPooling(nn.Module):
    """A few learnt tokens instead of a bag: one gated attention over all patches per token (B3, then B2 per token).

    Args:
        n_in: width of a patch.
        width: of a token.
        count: number of tokens.
        hidden: of each gated attention.
        dropout: rate.
    """

    def __init__(self, n_in: int, width: int, count: int, hidden: int, dropout: float = 0.25) -> None:
        super().__init__()
        self.project = rectified(n_in, width, dropout)
        self.attend = nn.ModuleList(GatedAttention(width, hidden, dropout) for _ in range(count))

    def forward(
        self, patches: Float[Tensor, "B N D"], mask: Bool[Tensor, "B N"]
    ) -> tuple[Float[Tensor, "B R E"], Float[Tensor, "B R N"]]:
        """The tokens, zero where a case has no patch; and the raw score of each patch for each token."""
        projected = self.project(patches)  # (B, N, E)
        scores = torch.stack([attend(projected) for attend in self.attend], dim=1)  # (B, R, N)
        return masked_softmax(scores, mask.unsqueeze(1)) @ projected, scores


class ClassTokenEncoder(nn.Module):
    """A class token and self-attention layers x + MSA(LN(x)), without feed-forward (CA-MLIF).

    Args:
        width: of a token.
        heads: number of heads; divides the width.
        depth: number of layers.
        last_norm: a LayerNorm at the end.
        dropout: rate on what each layer adds.
    """

    def __init__(self, width: int, heads: int, depth: int, *, last_norm: bool, dropout: float = 0.25) -> None:
        super().__init__()
        self.case = nn.Parameter(torch.empty(1, 1, width))
        nn.init.normal_(self.case, std=1e-6)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(depth))
        self.attend = nn.ModuleList(MultiheadCrossAttention(width, heads) for _ in range(depth))
        self.dropout = nn.Dropout(dropout)
        self.last_norm = nn.LayerNorm(width) if last_norm else nn.Identity()

    def forward(
        self, tokens: Float[Tensor, "B N D"], mask: Bool[Tensor, "B N"]
    ) -> tuple[Float[Tensor, "B D"], Float[Tensor, "B N D"]]:
        """The class token and the others; without a token, the class token alone."""
        values = torch.cat([self.case.expand(len(tokens), 1, -1), tokens], dim=1)
        real = torch.cat([torch.ones_like(mask[:, :1]), mask], dim=1)
        for norm, attend in zip(self.norms, self.attend, strict=True):
            normed = norm(values)
            values = values + self.dropout(attend(normed, normed, real)[0])
        values = self.last_norm(values)
        return values[:, 0], values[:, 1:]


class TwoWayCrossAttention(nn.Module):
    """Two token sets, each replaced by what it sees of the other: ordinary attention with one head, either way.

    No residual and no LayerNorm: as CMTA and the released CA-MLIF have it. Where the other set is empty, zero.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = MultiheadCrossAttention(width)
        self.second = MultiheadCrossAttention(width)

    def forward(
        self,
        first: Float[Tensor, "B N D"],
        second: Float[Tensor, "B M D"],
        first_mask: Bool[Tensor, "B N"],
        second_mask: Bool[Tensor, "B M"],
    ) -> tuple[Float[Tensor, "B N D"], Float[Tensor, "B M D"]]:
        """What the first sees of the second, and the second of the first."""
        return self.first(first, second, second_mask)[0], self.second(second, first, first_mask)[0]
