"""Layers without attention: feed-forward, self-normalising, heads. B1 to B7 are the names of the method dossier."""

from __future__ import annotations

from torch import nn


def feed_forward(width: int, dropout: float = 0.1) -> nn.Sequential:
    """LayerNorm, two linear layers with GELU between; no residual (B5), as published."""
    return nn.Sequential(
        nn.LayerNorm(width), nn.Linear(width, width), nn.GELU(), nn.Dropout(dropout), nn.Linear(width, width)
    )


def head(width: int, n_out: int, hidden: int = 64) -> nn.Sequential:
    """Linear, ReLU, Linear (B7)."""
    return nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, n_out))


def self_normalising(n_in: int, n_out: int, dropout: float = 0.25) -> nn.Sequential:
    """Linear, ELU, alpha dropout (B1; Klambauer et al. 2017 as used by the field, with ELU)."""
    return nn.Sequential(nn.Linear(n_in, n_out), nn.ELU(), nn.AlphaDropout(dropout))


def rectified(n_in: int, n_out: int, dropout: float = 0.25) -> nn.Sequential:
    """Linear, ReLU, dropout (B3)."""
    return nn.Sequential(nn.Linear(n_in, n_out), nn.ReLU(), nn.Dropout(dropout))
