"""Multi-head attention made of nothing but `nn.Linear`, so that a gradient per case can be had from each layer.

Training with differential privacy clips the gradient of every case by itself. Opacus and its kin hook layers that they
know, and know neither `nn.MultiheadAttention` nor parameters that a module holds outside of a layer.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from survviz.models.blocks.pooling import masked_softmax


class PlainAttention(nn.Module):
    """softmax(Q K^T) V per head and a last projection (Vaswani et al. 2017, section 3.2.2).

    Keys have no bias: it would add the same to all logits of a query, and learn nothing.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"{heads} heads do not divide a width of {width}")
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)

    def forward(
        self, query: Float[Tensor, "B Q D"], key: Float[Tensor, "B K D"], key_mask: Bool[Tensor, "B K"]
    ) -> tuple[Float[Tensor, "B Q D"], Float[Tensor, "B H Q K"]]:
        """What each query sees of the real keys, and the scaled logits."""
        queries, keys, values = (self._split(x) for x in (self.query(query), self.key(key), self.value(key)))
        logits = queries @ keys.mT * queries.shape[-1] ** -0.5  # (B, H, Q, K)
        seen = masked_softmax(logits, key_mask[:, None, None, :]) @ values  # (B, H, Q, D / H)
        return self.out(seen.transpose(1, 2).flatten(2)), logits

    def _split(self, values: Tensor) -> Tensor:
        return values.unflatten(-1, (self.heads, -1)).transpose(1, 2)


class PlainBlock(nn.Module):
    """Attention and two linear layers, each after a LayerNorm and added to what came in (pre-norm transformer)."""

    def __init__(self, width: int, heads: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.attend = PlainAttention(width, heads)
        self.think = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, width)
        )

    def forward(
        self, query: Float[Tensor, "B Q D"], key: Float[Tensor, "B K D"], key_mask: Bool[Tensor, "B K"]
    ) -> tuple[Float[Tensor, "B Q D"], Float[Tensor, "B H Q K"]]:
        """New queries, and the attention's logits; with `query` as `key`, self-attention."""
        seen, logits = self.attend(self.norm(query), self.norm(key), key_mask)
        query = query + seen
        return query + self.think(query), logits


class ColumnTokens(nn.Module):
    """Tokens from columns: each token has a vector per column of its group, times the column, and a vector of its own.

    One linear layer does both, from the columns of the group (the others zero) and the one-hot name of the token. On a
    group of one-hot columns it is a lookup; on a group of one number, the tokeniser of Gorishniy et al. 2021.

    Args:
        groups: the columns of each token.
        width: of a token.
    """

    membership: Tensor
    names: Tensor

    def __init__(self, groups: Sequence[Sequence[int]], width: int) -> None:
        super().__init__()
        n_columns = 1 + max(column for group in groups for column in group)
        membership = torch.tensor(
            [[float(column in group) for column in range(n_columns)] for group in map(set, groups)]
        )
        self.register_buffer("membership", membership, persistent=False)
        self.register_buffer("names", torch.zeros(len(groups), len(groups)).fill_diagonal_(1.0), persistent=False)
        self.embed = nn.Linear(n_columns + len(groups), width, bias=False)

    def forward(self, columns: Float[Tensor, "B C"]) -> Float[Tensor, "B T D"]:
        """One token per group."""
        values = columns.unsqueeze(1) * self.membership  # (B, T, C)
        return self.embed(torch.cat([values, self.names.expand(len(columns), -1, -1)], dim=-1))


class GroupMeans(nn.Module):
    """The mean of each group of columns: nothing to learn, so that nothing is spent on it.

    Args:
        groups: the columns of each mean.
        n_columns: width of what comes in.
    """

    shares: Tensor

    def __init__(self, groups: Sequence[Sequence[int]], n_columns: int) -> None:
        super().__init__()
        shares = torch.zeros(len(groups), n_columns)
        for row, group in enumerate(groups):
            shares[row, list(group)] = 1 / len(group)
        self.register_buffer("shares", shares, persistent=False)

    def forward(self, columns: Float[Tensor, "B C"]) -> Float[Tensor, "B T"]:
        """One number per group."""
        return columns @ self.shares.mT
