"""Multi-head attention of one group of tokens to another, with a bag of patches on either side."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from survviz.models.blocks.pooling import masked_softmax


class MultiheadCrossAttention(nn.Module):
    """softmax(Q K^T) V per head, with projections before and after (B10; Vaswani et al. 2017, section 3.2.2).

    The parameters are named, shaped and drawn as in `torch.nn.MultiheadAttention`. The longer of the two sides, as a
    rule the bag, is never projected: with H heads, T and N items, `q (W_k x) = (q W_k) x` moves each projection to the
    shorter side, and costs O(H T N d) instead of O((T + N) d^2), without a copy of the bag.

    Args:
        width: of queries, keys and what comes out.
        heads: number of heads; divides the width.
        dropout: rate on the attention weights.
    """

    def __init__(self, width: int, heads: int = 1, dropout: float = 0.0) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"{heads} heads do not divide a width of {width}")
        self.heads = heads
        self.dropout = dropout
        self.scale = (width // heads) ** -0.5
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)
        nn.init.xavier_uniform_(self.in_proj_weight)
        nn.init.zeros_(self.out_proj.bias)

    def forward(
        self, query: Float[Tensor, "B T D"], key: Float[Tensor, "B N D"], key_mask: Bool[Tensor, "B N"]
    ) -> tuple[Float[Tensor, "B T D"], Float[Tensor, "B H T N"]]:
        """What each query sees, zero where a case has no key; and the scaled logits before the softmax."""
        seen, logits = (self._few_queries if query.shape[1] <= key.shape[1] else self._few_keys)(query, key, key_mask)
        seen = seen + self.out_proj.bias
        return seen * key_mask.any(dim=1)[:, None, None], logits

    def _few_queries(self, query: Tensor, key: Tensor, key_mask: Tensor) -> tuple[Tensor, Tensor]:
        (w_query, w_key, w_value), (b_query, b_key, b_value) = self._per_head()
        query = (query.unsqueeze(1) @ w_query.mT + b_query) * self.scale  # (B, H, T, E)
        shape = (self.heads, query.shape[2])
        logits = ((query @ w_key).flatten(1, 2) @ key.mT).unflatten(1, shape)  # (B, H, T, N)
        logits = logits + (query * b_key).sum(dim=-1, keepdim=True)
        weights = self._weights(logits, key_mask)
        seen = (weights.flatten(1, 2) @ key).unflatten(1, shape) @ w_value.mT  # (B, H, T, E)
        seen = seen + weights.sum(dim=-1, keepdim=True) * b_value
        return seen.transpose(1, 2).flatten(2) @ self.out_proj.weight.mT, logits

    def _few_keys(self, query: Tensor, key: Tensor, key_mask: Tensor) -> tuple[Tensor, Tensor]:
        (w_query, w_key, w_value), (b_query, b_key, b_value) = self._per_head()
        value = key.unsqueeze(1) @ w_value.mT + b_value  # (B, H, N, E)
        key = (key.unsqueeze(1) @ w_key.mT + b_key) * self.scale  # (B, H, N, E)
        shape = (self.heads, key.shape[2])
        logits = (query @ (key @ w_query).flatten(1, 2).mT).unflatten(2, shape).transpose(1, 2)  # (B, H, T, N)
        logits = logits + (key * b_query).sum(dim=-1).unsqueeze(2)
        weights = self._weights(logits, key_mask)
        w_out = self.out_proj.weight.unflatten(1, (self.heads, -1)).permute(1, 2, 0)  # (H, E, D)
        return weights.transpose(1, 2).flatten(2) @ (value @ w_out).flatten(1, 2), logits

    def _per_head(self) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """Weights (H, E, D) and biases (H, 1, E) of queries, keys and values."""
        weights = self.in_proj_weight.unflatten(0, (3, self.heads, -1)).unbind()
        biases = self.in_proj_bias.unflatten(0, (3, self.heads, 1, -1)).unbind()
        return weights, biases

    def _weights(self, logits: Tensor, key_mask: Tensor) -> Tensor:
        weights = masked_softmax(logits, key_mask[:, None, None, :])
        return functional.dropout(weights, self.dropout, self.training)
