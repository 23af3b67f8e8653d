"""Does a map name the patches that a model's answer rests on? Tested on the case itself, against chance.

The patches that a map ranks first are taken away (deletion: comprehensiveness of DeYoung et al. 2020, ERASER) or shown
alone (insertion: sufficiency), 1, 5, 10 and 20 % of them, and what the answer does is compared with what it does for
other sets of equal sizes: patches drawn at random; those that blind maps name; and every k-th patch, which is what a
map that gives all patches the same would name.

Scattered patches are a weak opponent. Any map that follows how tissue looks names patches that are alike, and taking
those away changes the mixture that is left, whether or not the model has learnt anything: attention of models that were
never trained beats scattered patches on half of the cases. A blind map follows the tissue too, and knows nothing of
what the model has learnt: it is a map of the same kind by models with shuffled weights or, where those cost too much,
the patches' features seen in a random direction. A map counts as better than chance where it beats both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from survviz.errors import InputError
from survviz.explain.perturbation import MASKS_AT_ONCE, NUMBERS_AT_ONCE
from survviz.explain.targets import Target, risk
from survviz.explain.ways import repeated
from survviz.models import Model
from survviz.types import Inputs

STEPS = (0.01, 0.05, 0.1, 0.2)
"""Shares of the patches that are taken away, or shown alone."""
FEWEST_PATCHES = 10
ROWS = 2**19
"""Patch rows that one model is shown per kind of chance, as long as there are `FEWEST_ORDERS`."""
FEWEST_ORDERS, MOST_ORDERS = 20, 99
RESOLUTION = 2**-22
"""Relative rounding of an answer in float32: areas within it are ties."""

Test: TypeAlias = Literal["deletion", "insertion"]
TESTS: tuple[Test, ...] = ("deletion", "insertion")
Chance: TypeAlias = Literal["random", "blind"]


@dataclass(frozen=True, slots=True)
class Curves:
    """A model's answer to R families of S sets of patches, of growing sizes.

    Attributes:
        deletion: (R, S) without each set.
        insertion: (R, S) with each set alone.
    """

    deletion: NDArray[np.float64]
    insertion: NDArray[np.float64]

    def of(self, test: Test) -> NDArray[np.float64]:
        """(R, S) of one of the two."""
        return self.deletion if test == "deletion" else self.insertion


@dataclass(frozen=True, slots=True)
class Faithfulness:
    """What a model answers while patches leave in the order of a map, and in other orders.

    Attributes:
        signed: whether the map says up or down; if not, any change of the answer counts.
        n_patches: of the case.
        shares: (S,) of the patches in each set.
        whole: answer to the case.
        nothing: answer to the case without any patch.
        shown: curves of the map, R = 1.
        even: of every k-th patch, R = 1: what a map without preferences names.
        random: of sets at random.
        blind: of the patches' features in random directions.
    """

    signed: bool
    n_patches: int
    shares: NDArray[np.float64]
    whole: float
    nothing: float
    shown: Curves
    even: Curves
    random: Curves
    blind: Curves

    def area(self, curves: Curves, test: Test = "deletion") -> NDArray[np.float64]:
        """(R,) mean effect up to the largest share, in the unit of the answer; more = a better order.

        Deletion: by how much the answer falls, of an unsigned map by how much it changes. Insertion: by how much it
        exceeds that to the whole case, of an unsigned map how near it comes to that, as a negative distance.
        """
        start = self.whole if test == "deletion" else self.nothing
        values = np.concatenate([np.full((len(curves.of(test)), 1), start), curves.of(test)], axis=1)
        effect = (self.whole - values) if test == "deletion" else (values - self.whole)
        if not self.signed:
            effect = np.abs(effect) if test == "deletion" else -np.abs(effect)
        at = np.concatenate([[0.0], self.shares])
        return np.trapezoid(effect, at, axis=1) / at[-1]

    def p_against(self, chance: Chance, test: Test = "deletion") -> float:
        """(1 + orders of chance at least as good) / (1 + orders)."""
        areas = self.area(self.random if chance == "random" else self.blind, test)
        rounding = RESOLUTION * max(abs(self.whole), abs(self.nothing))
        as_good = areas >= self.area(self.shown, test)[0] - rounding
        return float((1 + as_good.sum()) / (1 + len(areas)))

    def p(self, test: Test = "deletion") -> float:
        """The larger of the p-values against random sets and against blind maps."""
        return max(self.p_against("random", test), self.p_against("blind", test))

    @property
    def smallest_p(self) -> float:
        """What `p` could be at best, with so many orders of chance."""
        return 1 / (1 + min(len(self.random.deletion), len(self.blind.deletion)))

    @property
    def moves(self) -> float:
        """The largest change of the answer by a set that the map names."""
        return float(np.abs(self.shown.deletion - self.whole).max())


def n_orders(n_patches: int, steps: Sequence[float] = STEPS) -> int:
    """How many orders of chance a case is worth: 99 where it is small, 20 where it is large."""
    rows = len(steps) * (1 + float(np.mean(steps))) * max(n_patches, 1)
    return int(np.clip(ROWS // rows, FEWEST_ORDERS, MOST_ORDERS))


def faithfulness(
    members: Sequence[tuple[Model, Inputs]],
    scores: NDArray[np.floating],
    *,
    signed: bool,
    blind: NDArray[np.floating] | None = None,
    target: Target = risk,
    steps: Sequence[float] = STEPS,
    n_chance: int | None = None,
    seed: int = 0,
    progress: Callable[[float], None] | None = None,
) -> Faithfulness:
    """Deletion and insertion by a map of one case, against chance.

    Of a signed map the patches that push up come first, and the answer should fall without them. Sets are of one case,
    so several members (folds) see the same ones, and their answers are averaged.

    Args:
        members: models in evaluation mode, each with the case as it reads it: a batch of one, all patch rows real.
        scores: (N,) the map that is shown; equal scores leave in random order.
        signed: whether values below 0 mean that a patch pushes the answer down.
        blind: (R, N) maps that know nothing of what the model has learnt; default: features in random directions.
        target: whose fall or change is measured.
        steps: shares of the patches, in increasing order.
        n_chance: orders of each kind of chance; default as many as blind maps are given, or `n_orders`.
        progress: called with the share that is done; it may raise `CancelledError`.

    Raises:
        InputError: the inputs are not such, there are fewer than `FEWEST_PATCHES`, or the map is flat.
    """
    n = _checked(members, scores)
    rng = np.random.default_rng(seed)
    counts = sorted({max(1, round(share * n)) for share in steps})
    if n_chance is None:
        n_chance = n_orders(n, steps) if blind is None else len(blind)
    blind = directions(members[0][1], n_chance, rng) if blind is None else blind
    chance = [rng.permutation(n) for _ in range(n_chance)]
    chance += [_best_first(values, rng) for values in blind]
    shown = _best_first(scores, rng)
    sets = [_sets(k, shown, chance) for k in counts]
    tick = _ticking(progress, 2 * len(members) * sum(map(len, sets)))
    with torch.inference_mode():
        per_member = [_curves(model, inputs, sets, target, tick) for model, inputs in members]
        whole, nothing = np.mean([_ends(model, inputs, target) for model, inputs in members], axis=0).tolist()
    deletion, insertion = np.mean(per_member, axis=0)  # (R, S) each
    rows = (slice(1), slice(1, 2), slice(2, 2 + n_chance), slice(2 + n_chance, None))
    return Faithfulness(
        signed, n, np.array(counts) / n, whole, nothing, *(Curves(deletion[some], insertion[some]) for some in rows)
    )


def _checked(members: Sequence[tuple[Model, Inputs]], scores: NDArray[np.floating]) -> int:
    """The number of patches.

    Raises:
        InputError: see `faithfulness`.
    """
    n = len(scores)
    rows = [int(inputs.patch_mask.sum()) for _, inputs in members]
    if not members or any(inputs.patch_mask.shape != (1, n) for _, inputs in members) or rows != [n] * len(members):
        raise InputError(
            f"A map of {n} patches and cases of {rows} real patch rows were given; expected one case, all of whose "
            "patch rows are real, and a map of them."
        )
    if n < FEWEST_PATCHES:
        raise InputError(f"The case has {n} patches; a map is tested on {FEWEST_PATCHES} or more.")
    if not np.isfinite(scores).all() or np.ptp(scores) == 0:
        raise InputError("The map gives every patch the same number, or none: no patch comes first. Test another map.")
    return n


def directions(inputs: Inputs, n_maps: int, rng: np.random.Generator) -> NDArray[np.floating]:
    """(n_maps, N) the patches' features in random directions."""
    patches = inputs.patches[0].cpu()  # (N, D)
    drawn = torch.from_numpy(rng.standard_normal((n_maps, patches.shape[1]))).to(patches.dtype)
    return (drawn @ patches.mT).numpy()


def _best_first(values: NDArray[np.floating], rng: np.random.Generator) -> NDArray[np.int64]:
    """(N,) patches by falling value, equal ones in random order."""
    return np.lexsort((rng.random(len(values)), -values))


def _sets(k: int, shown: NDArray[np.int64], chance: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    """(R, k) patches of each set, in the order of the slide: of the map, evenly spread, of each order of chance."""
    evenly = ((np.arange(k) + 0.5) * len(shown) / k).astype(np.int64)
    return np.sort([shown[:k], evenly, *(order[:k] for order in chance)], axis=1)


def _curves(
    model: Model, inputs: Inputs, sets: Sequence[NDArray[np.int64]], target: Target, tick: Callable[[int], None]
) -> NDArray[np.float64]:
    """(2, R, S) answers without each set, and to each set alone."""
    patches = inputs.patches[0]  # (N, D)
    found = np.empty((2, len(sets[0]), len(sets)))
    for step, family in enumerate(sets):
        chosen = torch.from_numpy(family).to(patches.device)  # (R, k)
        for rows in _batches(len(family), patches.numel(), MASKS_AT_ONCE if model.shares_bag else 1):
            kept = torch.ones(len(chosen[rows]), len(patches), dtype=torch.bool, device=patches.device)
            without = repeated(inputs, patches.expand(len(kept), -1, -1), kept.scatter(1, chosen[rows], False))
            found[0, rows, step] = target(model(without)).double().cpu().numpy()
            tick(len(kept))
        for rows in _batches(len(family), family.shape[1] * patches.shape[1]):
            alone = patches[chosen[rows]]  # (b, k, D)
            shown = torch.ones(alone.shape[:2], dtype=torch.bool, device=patches.device)
            found[1, rows, step] = target(model(repeated(inputs, alone, shown))).double().cpu().numpy()
            tick(len(alone))
    return found


def _ends(model: Model, inputs: Inputs, target: Target) -> tuple[float, float]:
    """Answers to the case, and to the case without a patch."""
    none = repeated(inputs, inputs.patches[:, :1], torch.zeros_like(inputs.patch_mask[:, :1]))
    return float(target(model(inputs))), float(target(model(none)))


def _batches(n_sets: int, numbers: int, fewest: int = 1) -> Iterator[slice]:
    """Sets that share a batch, so that it holds `NUMBERS_AT_ONCE` numbers of patches."""
    at_once = max(fewest, NUMBERS_AT_ONCE // max(1, numbers))
    return (slice(first, min(first + at_once, n_sets)) for first in range(0, n_sets, at_once))


def _ticking(progress: Callable[[float], None] | None, total: int) -> Callable[[int], None]:
    done = 0

    def tick(more: int) -> None:
        nonlocal done
        done += more
        if progress:
            progress(done / total)

    return tick
