"""Several partial cross-attentions over one bag, and the mean of what they make of its patches, without wide copies.

The same numbers as `PartialCrossAttention`, `feed_forward`, `LayerNorm` and `masked_mean` one after another. With T
tokens in all, a patch is normalised once for all paths; what it asks and answers are 2 T products with it; and what it
hears is a mix of T values, of which mean, variance and the first linear layer are known from the values alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from survviz.models.blocks.attention import PartialCrossAttention


@dataclass(frozen=True, slots=True)
class Attended:
    """What one path saw.

    Attributes:
        tokens: new tokens.
        shares: how much a patch hears of each token, summing to 1.
        values: what the tokens say.
        to_patches, from_patches: raw logits token -> patch and patch -> token.
    """

    tokens: Float[Tensor, "B T E"]
    shares: Float[Tensor, "B N T"]
    values: Float[Tensor, "B T E"]
    to_patches: Float[Tensor, "B T N"]
    from_patches: Float[Tensor, "B N T"]


def attend_together(
    paths: Sequence[PartialCrossAttention],
    tokens: Sequence[Float[Tensor, "B T D"]],
    patches: Float[Tensor, "B N D"],
    patch_mask: Bool[Tensor, "B N"],
) -> list[Attended]:
    """Tokens and patches attend to each other; each path has its own LayerNorm, queries, keys and values."""
    patches = functional.layer_norm(patches, patches.shape[-1:], eps=paths[0].norm.eps)
    asked = [path.ask(own) for path, own in zip(paths, tokens, strict=True)]
    rows = torch.cat([row for one in asked for row in (one.query_rows, one.key_rows)], dim=1)  # (B, 2 T, D)
    logits = (patches @ rows.mT).split([one.query.shape[1] for one in asked for _ in (0, 1)], dim=-1)
    to_patches = [part.mT + one.query_shift for part, one in zip(logits[::2], asked, strict=True)]
    from_patches = [part + one.key_shift.mT for part, one in zip(logits[1::2], asked, strict=True)]
    hidden = ~patch_mask.unsqueeze(1)
    weights = [
        torch.cat([(one.query @ one.key.mT).to(own.dtype), own.masked_fill(hidden, float("-inf"))], dim=-1).softmax(-1)
        for own, one in zip(to_patches, asked, strict=True)
    ]
    counts = [one.query.shape[1] for one in asked]
    among = [own[..., :count] for own, count in zip(weights, counts, strict=True)]
    at_patches = [own[..., count:] for own, count in zip(weights, counts, strict=True)]
    seen = (torch.cat(at_patches, dim=1) @ patches).split(counts, dim=1)  # (B, T, D) each
    return [
        Attended(
            tokens=among[i] @ one.value + path.hear(seen[i], at_patches[i].sum(dim=-1, keepdim=True)),
            shares=from_patches[i].softmax(dim=-1),
            values=one.value,
            to_patches=to_patches[i],
            from_patches=from_patches[i],
        )
        for i, (path, one) in enumerate(zip(paths, asked, strict=True))
    ]


def mean_of_mixtures(
    shares: Float[Tensor, "B N T"],
    values: Float[Tensor, "B T E"],
    mask: Bool[Tensor, "B N"],
    feed_forward: nn.Sequential,
    norm: nn.LayerNorm,
) -> Float[Tensor, "B E"]:
    """`masked_mean(norm(feed_forward(shares @ values)), mask)`; zero where a case has no patch."""
    first, widen = cast(nn.LayerNorm, feed_forward[0]), cast(nn.Linear, feed_forward[1])
    centred = values - values.mean(dim=-1, keepdim=True)
    covariance = centred @ centred.mT / values.shape[-1]  # (B, T, T)
    variance = ((shares @ covariance) * shares).sum(dim=-1, keepdim=True)  # (B, N, 1) of the mixture
    mixed = functional.linear(centred * first.weight, widen.weight)  # (B, T, E)
    hidden = (shares * (variance + first.eps).rsqrt()) @ mixed + functional.linear(first.bias, widen.weight, widen.bias)
    read = functional.layer_norm(feed_forward[2:](hidden), values.shape[-1:], eps=norm.eps)  # (B, N, E)
    weights = mask.unsqueeze(1).to(read.dtype)  # (B, 1, N)
    count = mask.sum(dim=1, keepdim=True)
    mean = (weights @ read).squeeze(1) / count.clamp(min=1)
    return (mean * norm.weight + norm.bias) * (count > 0)
