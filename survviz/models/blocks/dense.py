"""Layers without attention: feed-forward, self-normalising, heads. B1 to B7 are the names of the method dossier."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from survviz.models.blocks.bag_dropout import BagDropout


def feed_forward(width: int, dropout: float = 0.1) -> nn.Sequential:
    """LayerNorm, two linear layers with GELU between; no residual (B5), as published."""
    return nn.Sequential(
        nn.LayerNorm(width), nn.Linear(width, width), nn.GELU(), BagDropout(dropout), nn.Linear(width, width)
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


def flattened_tokens(n_in: int, hidden: int, out: int, dropout: float = 0.1) -> nn.Sequential:
    """Two layers per token, the results one after another: (B, T, n_in) -> (B, T * out); B3 twice."""
    return nn.Sequential(rectified(n_in, hidden, dropout), rectified(hidden, out, dropout), nn.Flatten(1))


def self_normalising_stack(
    widths: Sequence[int], activation: type[nn.Module] = nn.ELU, dropout: float = 0.25
) -> nn.Sequential:
    """Linear, activation, alpha dropout between each two widths; weights start at N(0, 1 / fan-in), biases at zero.

    Klambauer et al. 2017, Self-Normalizing Neural Networks, with the activations of Pathomic Fusion and PG-MLIF.
    """
    layers: list[nn.Module] = []
    for n_in, n_out in pairwise(widths):
        linear = nn.Linear(n_in, n_out)
        nn.init.normal_(linear.weight, std=n_in**-0.5)
        nn.init.zeros_(linear.bias)
        layers += [linear, activation(), nn.AlphaDropout(dropout)]
    return nn.Sequential(*layers)


def to_width(n_in: int, n_out: int) -> nn.Module:
    """Nothing where the width is the published one already; otherwise a linear layer, which the paper does not have."""
    return nn.Identity() if n_in == n_out else nn.Linear(n_in, n_out)


def xavier_normal(module: nn.Module) -> None:
    """Start a linear layer by Xavier's rule, normal, with a bias of zero, if it has one; for `Module.apply`."""
    if isinstance(module, nn.Linear) and not module.weight.is_meta:
        nn.init.xavier_normal_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
