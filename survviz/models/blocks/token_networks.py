"""A small network that every token of a case goes through, and one vector from all of them."""

from __future__ import annotations

from torch import nn

from survviz.models.blocks.dense import rectified


def flattened_tokens(n_in: int, hidden: int, out: int, dropout: float = 0.1) -> nn.Sequential:
    """Two layers per token, the results one after another: (B, T, n_in) -> (B, T * out); B3 twice."""
    return nn.Sequential(rectified(n_in, hidden, dropout), rectified(hidden, out, dropout), nn.Flatten(1))
