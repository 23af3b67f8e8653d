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

from survviz.models.blocks.attention import Asked, PartialCrossAttention
from survviz.models.blocks.bag_dropout import BagDropout, Masks, keeping_scale
from survviz.models.blocks.bag_gradients import Looks, MeanRead, Mixing
from survviz.models.blocks.read_bag import ReadBag

NUMBERS_AT_ONCE = 2**21
"""Logits of tokens and patches under some masks that are in memory at once."""


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

    def with_constant(self, feed_forward: nn.Sequential) -> Float[Tensor, "B T1 E"]:
        """`widened`, and what the biases add as one more row."""
        first, widen = cast(nn.LayerNorm, feed_forward[0]), cast(nn.Linear, feed_forward[1])
        constant = functional.linear(first.bias, widen.weight, widen.bias).to(self.widened.dtype)
        return torch.cat([self.widened, constant.expand(len(self.widened), 1, -1)], dim=1)


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
            pieces: patches of some cases, whose mean over D is 0 (see `centred`), and which of them are real.
            sizes: cases of each piece.
            attention: keep the logits; for one piece only.
        """
        if not attention and set(sizes) == {1} and self.asked[0].query.device.type == "cpu":
            return self._one_by_one(pieces)
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

    def _one_by_one(self, pieces: Iterable[tuple[Tensor, Tensor]]) -> list[Attended]:
        """As `_piece`, bag by bag by `ReadBag`, without the logits."""
        rows = torch.cat([one.query_rows for one in self.asked] + [one.key_rows for one in self.asked], dim=1)
        shifts = torch.cat([one.query_shift for one in self.asked] + [one.key_shift for one in self.asked], dim=1)
        mixtures = [Mixtures.of(one.value, self.feed_forward) for one in self.asked]
        parts = [one.covariance for one in mixtures] + [one.with_constant(self.feed_forward) for one in mixtures]
        dropout, (weight, bias) = cast(BagDropout, self.feed_forward[3]), centred(cast(nn.Linear, self.feed_forward[4]))
        rate = dropout.p if dropout.training else 0.0
        weight = weight * keeping_scale(rate)
        eps = (self.paths[0].norm.eps, cast(nn.LayerNorm, self.feed_forward[0]).eps, self.norm.eps)
        read, real = [], []
        of_cases = zip(*(one.unbind() for one in (rows, shifts, *parts)), strict=True)
        for (patches, mask), (row, shift, *part) in zip(pieces, of_cases, strict=True):
            masks = Masks(rate) if rate else None
            read.append(ReadBag.apply(patches.squeeze(0), mask.squeeze(0), row, shift, weight, bias, masks, eps, *part))
            real.append(mask.any(dim=1))
        seen, mass, *means = map(torch.stack, zip(*read, strict=True))
        readouts = [(mean * self.norm.weight + self.norm.bias) * torch.stack(real) for mean in means]
        return self._beside_own(seen, mass, readouts)

    def read_masked(self, bag: Float[Tensor, "n D"], masks: Bool[Tensor, "B n"]) -> list[Attended]:
        """As `read`, of one bag under several masks; the tokens are those of the first case. Without dropout.

        What a patch is asked, answers and hears does not depend on which others are there, and is computed once.
        """
        rows = torch.cat([one.query_rows[0] for one in self.asked] + [one.key_rows[0] for one in self.asked])
        shifts = torch.cat([one.query_shift[0] for one in self.asked] + [one.key_shift[0] for one in self.asked])
        everybody = masks.new_ones(masks.shape[1])
        looks = Looks(bag, everybody, rows, shifts, self.paths[0].norm.eps)
        asks, answers = looks.logits.split(len(rows) // 2)
        near, mass = [], []
        for some in masks.split(max(1, NUMBERS_AT_ONCE // asks.numel())):
            real = asks.masked_fill(~some.unsqueeze(1), float("-inf"))  # (b, T, n)
            mass.append(real.logsumexp(dim=-1))
            weights = (real - mass[-1].clamp(min=torch.finfo(real.dtype).min).unsqueeze(-1)).exp_()
            near.append(weights.mul_(looks.inverse) @ bag)
        count = masks.sum(dim=1, keepdim=True)
        shares = masks.to(bag.dtype) / count.clamp(min=1)
        means = [self._read_patches(*one) for one in zip(answers.split(self.counts), self.asked, strict=True)]
        readouts = [(shares @ one * self.norm.weight + self.norm.bias) * (count > 0) for one in means]
        return self._beside_own(torch.cat(near), torch.cat(mass), readouts)

    def _read_patches(self, answers: Float[Tensor, "T n"], asked: Asked) -> Float[Tensor, "n E"]:
        """What each patch makes of the tokens that it hears, by the feed-forward and the last norm without weights."""
        mixtures = Mixtures.of(asked.value[:1], self.feed_forward)
        first, (weight, bias) = cast(nn.LayerNorm, self.feed_forward[0]), centred(cast(nn.Linear, self.feed_forward[4]))
        mixing = Mixing(answers, mixtures.covariance[0], first.eps)
        values, share = mixing.values.to(answers.dtype), answers.new_ones(answers.shape[1])
        read = MeanRead(values, mixtures.with_constant(self.feed_forward)[0], weight, bias, share, None, self.norm.eps)
        return read.read * read.inverse.unsqueeze(1)

    def _beside_own(self, seen: Tensor, mass: Tensor, readouts: Sequence[Tensor]) -> list[Attended]:
        """New tokens, to which a bag is one more key: its logit is the mass of its patches, its value what was seen."""
        found = []
        of_paths = zip(self.paths, self.asked, seen.split(self.counts, 1), mass.split(self.counts, 1), strict=True)
        for (path, asked, near, far), readout in zip(of_paths, readouts, strict=True):
            among = (asked.query @ asked.key.mT).to(far.dtype)  # (B, T, T)
            weights = torch.cat([among, far.unsqueeze(-1)], dim=-1).softmax(dim=-1)
            share = weights[..., -1:]
            found.append(Attended(weights[..., :-1] @ asked.value + path.hear(share * near, share), readout))
        return found

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


def centred(layer: nn.Linear) -> tuple[Float[Tensor, "E D"], Float[Tensor, " E"]]:
    """Weight and bias whose output has mean 0 over its width; a LayerNorm after them makes the same numbers of it."""
    return layer.weight - layer.weight.mean(dim=0), layer.bias - layer.bias.mean()
