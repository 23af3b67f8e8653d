"""Tokens and tissue: what the patches that a token looks at most have in common, and whether two groups look at others.

The top patches of a token's attention are compared with all other patches of the case, number by number, where the
encoder's numbers have names. The effect is Cliff's delta (Cliff 1993, Psychol Bull 114:494): the share of pairs in
which the top patch has more, minus the share in which it has less; 0 = alike, 1 = every top patch has more. It asks for
no unit and no distribution. It describes tissue that is looked at, not tissue that moves the estimate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy  # its parts are loaded when first used
from numpy.typing import NDArray

from survviz.errors import InputError
from survviz.explain.attention import ALL_TOKENS
from survviz.types import Bag, PatchScores
from survviz.wsi.encoders.meanings import Meaning, meanings_of

if TYPE_CHECKING:
    from collections.abc import Iterable

TOP = 50
LARGEST_SHARE = 0.2
"""Of a small case at most this share of its patches is called its top, so that a rest is left to compare with."""
FEWEST = 5


@dataclass(frozen=True, slots=True)
class Descriptor:
    """One named number of the tissue, in the top patches and in the rest.

    Attributes:
        top, rest: medians, in the unit of `meaning`.
        delta: Cliff's delta, -1 to 1; above 0 the top patches have more.
    """

    meaning: Meaning
    top: float
    rest: float
    delta: float


@dataclass(frozen=True, slots=True)
class TokenTissue:
    """What one token looks at.

    Attributes:
        descriptors: the largest |delta| first.
        chance: |delta| that as many patches, drawn independently, exceed in 5 % of draws; neighbouring patches are
            alike, so chance reaches further on a slide.
    """

    group: str
    token: str
    n_top: int
    n_patches: int
    descriptors: tuple[Descriptor, ...]
    chance: float


@dataclass(frozen=True, slots=True)
class Overlap:
    """How many of their top patches two maps share.

    Attributes:
        n_top: of each map.
        shared: in both tops.
        expected: of two random sets of this size.
        low, high: between which 95 % of pairs of random sets lie.
        p: share of pairs of random sets that share as many or more.
        jaccard: shared over those in either top.
        expected_jaccard: the same of `expected`.
    """

    first: str
    second: str
    n_patches: int
    n_top: int
    shared: int
    expected: float
    low: int
    high: int
    p: float
    jaccard: float
    expected_jaccard: float

    @property
    def share(self) -> float:
        """Of one top, what the other top holds too."""
        return self.shared / self.n_top


def n_top(n_patches: int, top: int = TOP) -> int:
    """How many patches are a map's top: 50, or a fifth of a small case.

    Raises:
        InputError: the case has too few patches for a top and a rest.
    """
    count = min(top, int(LARGEST_SHARE * n_patches))
    if count < FEWEST:
        raise InputError(
            f"The case has {n_patches} patches; its top patches are compared with the rest from "
            f"{int(FEWEST / LARGEST_SHARE)} patches on."
        )
    return count


def top_patches(scores: Sequence[PatchScores], top: int = TOP) -> NDArray[np.bool_]:
    """(N,) True = among the highest of one map, over all slides of the case in order; ties go to the first patch.

    Raises:
        InputError: the case has too few patches.
    """
    values = np.concatenate([one.values for one in scores])
    found = np.zeros(len(values), dtype=bool)
    found[np.argsort(-values, kind="stable")[: n_top(len(values), top)]] = True
    return found


def tokens_on_tissue(
    maps: Mapping[str, Mapping[str, Sequence[PatchScores]]], bags: Sequence[Bag], *, top: int = TOP
) -> tuple[TokenTissue, ...]:
    """What every token of every group looks at, the mean over a group's tokens first.

    Args:
        maps: group ("clinical", "genomic") -> token -> one attention map per slide.
        bags: the slides of those maps, in the same order.

    Raises:
        InputError: the encoder's numbers have no names, the slides come from different encoders, maps and slides do
            not match, or the case has too few patches.
    """
    meanings, values = _named_numbers(bags)
    ranks = scipy.stats.rankdata(values, axis=0)  # (N, M), ties share their mean rank
    found = []
    for group, tokens in maps.items():
        for token, scores in sorted(tokens.items(), key=lambda item: item[0] != ALL_TOKENS):
            _check_slides(scores, bags)
            chosen = top_patches(scores, top)
            found.append(_on_tissue(group, token, chosen, values, ranks, meanings))
    return tuple(found)


def overlap(
    first: Sequence[PatchScores], second: Sequence[PatchScores], *, names: tuple[str, str], top: int = TOP
) -> Overlap:
    """How many top patches two maps of a case share, and what two random sets would.

    Args:
        first, second: one map per slide, of the same slides.
        names: what the two are called.

    Raises:
        InputError: the maps are not of the same patches, or the case has too few.
    """
    sizes = [[(one.slide_id, len(one.values)) for one in scores] for scores in (first, second)]
    if sizes[0] != sizes[1]:
        raise InputError(f"Maps of {sizes[0]} and {sizes[1]} were given; expected two of the same slides.")
    one, other = top_patches(first, top), top_patches(second, top)
    total, count, shared = len(one), int(one.sum()), int((one & other).sum())
    chance = scipy.stats.hypergeom(total, count, count)
    expected = count * count / total
    low, high = (int(value) for value in chance.interval(0.95))
    return Overlap(
        *names,
        n_patches=total,
        n_top=count,
        shared=shared,
        expected=expected,
        low=low,
        high=high,
        p=float(chance.sf(shared - 1)),
        jaccard=shared / (2 * count - shared),
        expected_jaccard=expected / (2 * count - expected),
    )


def why_no_names(bags: Sequence[Bag]) -> str:
    """Why the tissue of these slides cannot be described, in words; empty where it can."""
    encoders = sorted({bag.encoder for bag in bags})
    if len(encoders) != 1:
        return f"The case has slides of the encoders {', '.join(encoders) or 'none'}; expected one."
    if meanings_of(encoders[0]) is None:
        return (
            f"The numbers of {encoders[0] or 'an encoder that is not declared'} have no names, so what its patches "
            "show cannot be said in words. With the encoder he-descriptor every number has a name."
        )
    return ""


def _named_numbers(bags: Sequence[Bag]) -> tuple[tuple[Meaning, ...], NDArray[np.float64]]:
    """The numbers that say most to a pathologist, (N, M) over all slides as the encoder stores them."""
    reason = why_no_names(bags)
    if reason:
        raise InputError(reason)
    meanings = meanings_of(bags[0].encoder) or ()
    at = [i for i, meaning in enumerate(meanings) if meaning.headline]
    values = np.concatenate([bag.features[:, at].astype(np.float64) for bag in bags])
    return tuple(meanings[i] for i in at), values


def _on_tissue(
    group: str,
    token: str,
    chosen: NDArray[np.bool_],
    values: NDArray[np.float64],
    ranks: NDArray[np.float64],
    meanings: Iterable[Meaning],
) -> TokenTissue:
    n, m = int(chosen.sum()), int((~chosen).sum())
    above = ranks[chosen].sum(axis=0) - n * (n + 1) / 2  # Mann-Whitney U of the top patches, ties count half
    deltas = 2 * above / (n * m) - 1
    tops, rests = np.median(values[chosen], axis=0), np.median(values[~chosen], axis=0)
    rows = [
        Descriptor(meaning, meaning.natural(float(tops[i])), meaning.natural(float(rests[i])), float(deltas[i]))
        for i, meaning in enumerate(meanings)
    ]
    chance = 1.96 * float(np.sqrt((n + m + 1) / (3 * n * m)))  # normal limit of U without ties
    return TokenTissue(group, token, n, n + m, tuple(sorted(rows, key=lambda row: -abs(row.delta))), chance)


def _check_slides(scores: Sequence[PatchScores], bags: Sequence[Bag]) -> None:
    given = [(one.slide_id, len(one.values)) for one in scores]
    expected = [(bag.slide_id, len(bag)) for bag in bags]
    if given != expected:
        raise InputError(f"A map of {given} was given; the case has {expected}.")
