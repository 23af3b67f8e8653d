"""Several partial cross-attentions over one bag, and the mean of what they make of its patches, without wide copies.

The same numbers as `PartialCrossAttention`, `feed_forward`, `LayerNorm` and `masked_mean` one after another. With T
tokens in all, a patch is normalised once for all paths; what it asks and answers are 2 T products with it; and what it
hears is a mixture of T values, whose mean, variance and first linear layer are known from the values alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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
        readout: mean over the patches of what each heard, read by the feed-forward and the last norm.
        to_patches, from_patches: raw logits token -> patch and patch -> token; None unless asked for.
    """

    tokens: Float[Tensor, "B T E"]
    readout: Float[Tensor, "B E"]
    to_patches: Float[Tensor, "B T N"] | None = None
    from_patches: Float[Tensor, "B N T"] | None = None


@dataclass(frozen=True, slots=True)
class Mixtures:
    """Mixtures of a path's values, before they are mixed.

    Attributes:
        covariance: of the values over their width, from which the variance of any mixture follows.
        widened: centred values after the first norm's scale and the first linear layer, without biases.
    """

    covariance: Float[Tensor, "B T T"]
    widened: Float[Tensor, "B T E"]

    @classmethod
    def of(cls, values: Float[Tensor, "B T E"], feed_forward: nn.Sequential) -> Mixtures:
        """Computed once per case, whatever the number of patches."""
        first, widen = cast(nn.LayerNorm, feed_forward[0]), cast(nn.Linear, feed_forward[1])
        centred = values - values.mean(dim=-1, keepdim=True)
        covariance = centred @ centred.mT / values.shape[-1]
        return cls(covariance, functional.linear(centred * first.weight, widen.weight))


class BagReadout:
    """Several paths over the bags of a batch, whose tokens are given.

    What depends on tokens alone is computed for the whole batch; `read` then takes the bags, all at once or by pieces.
    """

    def __init__(
        self,
        paths: Sequence[PartialCrossAttention],
        tokens: Sequence[Float[Tensor, "B T D"]],
        feed_forward: nn.Sequential,
        norm: nn.LayerNorm,
    ) -> None:
        self.paths, self.feed_forward, self.norm = paths, feed_forward, norm
        self.asked = [path.ask(own) for path, own in zip(paths, tokens, strict=True)]
        self.counts = [own.shape[1] for own in tokens]

    def read(
        self,
        pieces: Iterable[tuple[Float[Tensor, "b n D"], Bool[Tensor, "b n"]]],
        sizes: Sequence[int],
        *,
        attention: bool = False,
    ) -> list[Attended]:
        """One result per path, for all cases in order.

        Args:
            pieces: patches of some cases, and which of them are real.
            sizes: cases of each piece.
            attention: keep the logits; for one piece only.
        """
        rows = torch.cat([row for one in self.asked for row in (one.query_rows, one.key_rows)], dim=1)  # (B, 2 T, D)
        shifts = torch.cat(
            [row for one in self.asked for row in (one.query_shift, one.key_shift)], dim=1
        )  # (B, 2 T, 1)
        among = [one.query @ one.key.mT for one in self.asked]  # (B, T, T) each
        mixtures = [Mixtures.of(one.value, self.feed_forward) for one in self.asked]
        rows_of, shifts_of, *among_of = [one.split(list(sizes)) for one in (rows, shifts, *among)]
        mixed = [[one.split(list(sizes)) for one in (own.covariance, own.widened)] for own in mixtures]
        found = []
        for i, (patches, mask) in enumerate(pieces):
            own = [Mixtures(covariance[i], widened[i]) for covariance, widened in mixed]
            found.append(self._piece(patches, mask, rows_of[i], shifts_of[i], [one[i] for one in among_of], own))
        return [self._joined(index, [piece[index] for piece in found], attention) for index in range(len(self.paths))]

    def _piece(
        self,
        patches: Tensor,
        mask: Tensor,
        rows: Tensor,
        shifts: Tensor,
        among: Sequence[Tensor],
        mixtures: Sequence[Mixtures],
    ) -> list[tuple[Tensor, ...]]:
        """Per path: attention among tokens, what tokens saw, the share of patches in it, readout, both logits."""
        patches = functional.layer_norm(patches, patches.shape[-1:], eps=self.paths[0].norm.eps)
        both = (patches @ rows.mT + shifts.mT).split([count for count in self.counts for _ in (0, 1)], dim=-1)
        to_patches, from_patches = [one.mT for one in both[::2]], both[1::2]
        hidden = ~mask.unsqueeze(1)
        weights = [
            torch.cat([own.to(far.dtype), far.masked_fill(hidden, float("-inf"))], dim=-1).softmax(dim=-1)
            for own, far in zip(among, to_patches, strict=True)
        ]
        at_patches = [one[..., count:] for one, count in zip(weights, self.counts, strict=True)]
        seen = (torch.cat(at_patches, dim=1) @ patches).split(self.counts, dim=1)  # (b, T, D) each
        return [
            (
                weights[i][..., : self.counts[i]],
                seen[i],
                at_patches[i].sum(dim=-1, keepdim=True),
                mean_of_mixtures(from_patches[i].softmax(dim=-1), mixtures[i], mask, self.feed_forward, self.norm),
                to_patches[i],
                from_patches[i],
            )
            for i in range(len(self.paths))
        ]

    def _joined(self, path: int, pieces: Sequence[tuple[Tensor, ...]], attention: bool) -> Attended:
        among, seen, share, readout = (torch.cat([piece[k] for piece in pieces]) for k in range(4))
        tokens = among @ self.asked[path].value + self.paths[path].hear(seen, share)
        return Attended(tokens, readout, *(pieces[0][4:] if attention else ()))


def mean_of_mixtures(
    shares: Float[Tensor, "B N T"],
    mixtures: Mixtures,
    mask: Bool[Tensor, "B N"],
    feed_forward: nn.Sequential,
    norm: nn.LayerNorm,
) -> Float[Tensor, "B E"]:
    """`masked_mean(norm(feed_forward(shares @ values)), mask)`; zero where a case has no patch."""
    first, widen = cast(nn.LayerNorm, feed_forward[0]), cast(nn.Linear, feed_forward[1])
    variance = ((shares @ mixtures.covariance) * shares).sum(dim=-1, keepdim=True)  # (B, N, 1) of the mixture
    constant = functional.linear(first.bias, widen.weight, widen.bias)
    hidden = (shares * (variance + first.eps).rsqrt()) @ mixtures.widened + constant
    read = functional.layer_norm(feed_forward[2:](hidden), norm.normalized_shape, eps=norm.eps)  # (B, N, E)
    count = mask.sum(dim=1, keepdim=True)
    mean = (mask.unsqueeze(1).to(read.dtype) @ read).squeeze(1) / count.clamp(min=1)
    return (mean * norm.weight + norm.bias) * (count > 0)
