"""Checkpoint + case -> maps of every kind. What the numbers are is defined in `survviz.explain`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from survviz.errors import InputError, UnknownNameError
from survviz.explain import words
from survviz.explain.attention import ALL_TOKENS, PATCHES, attention_maps
from survviz.explain.disagreement import disagreement
from survviz.explain.gradients import patch_contributions
from survviz.explain.perturbation import group_patches, risk_without
from survviz.explain.slides import Story, split_by_slide
from survviz.pipeline.case_reader import RISK, why_no_map
from survviz.types import MAP_KINDS, UNASKED_KINDS, Case, MapKind, PatchScores, Progress

if TYPE_CHECKING:
    from survviz.pipeline.predictor import Predictor

STEPS = 100
"""Steps of progress per fold."""


@dataclass(frozen=True, slots=True)
class MapRequest:
    """Which maps are wanted.

    Attributes:
        kind: what is shown.
        query, key: direction of attention; contribution and perturbation have none, and show "risk" and "pathology".
        tokens: default all.
    """

    kind: MapKind = "attention"
    query: str = "clinical"
    key: str = PATCHES
    tokens: tuple[str, ...] | None = None

    @classmethod
    def of(cls, kind: MapKind, query: str, key: str, tokens: Sequence[str] | None = None) -> MapRequest:
        """A request in its one spelling.

        Raises:
            UnknownNameError: no such kind.
        """
        if kind not in MAP_KINDS:
            raise UnknownNameError("kind of map", kind, MAP_KINDS)
        if kind in UNASKED_KINDS:
            return cls(kind, RISK, PATCHES)
        return cls(kind, query, key, None if tokens is None else tuple(tokens))


def explain(
    predictor: Predictor, case: Case, request: MapRequest, progress: Progress | None = None
) -> dict[str, tuple[PatchScores, ...]]:
    """Maps of a case: token -> one per slide; "all" alone where no token is asked.

    Raises:
        InputError: the model, or the case, has no such map; the reason is given.
        UnknownNameError: no such kind or token.
        CancelledError: `progress` raised it.
    """
    if request.kind == "contribution":
        return {ALL_TOKENS: contribution(predictor, case, progress)}
    if request.kind == "perturbation":
        return {ALL_TOKENS: perturbation(predictor, case, progress)}
    looks = attention(predictor, case, request)
    if request.kind == "attention":
        return looks
    return disagreements(looks, contribution(predictor, case, progress))


def attention(predictor: Predictor, case: Case, request: MapRequest) -> dict[str, tuple[PatchScores, ...]]:
    """Attention of one direction, from one forward pass per fold.

    Raises:
        InputError: no such direction, a modality that it needs is missing, or pathology has no place on a slide.
        UnknownNameError: no such token.
    """
    query, key = direction = request.query, request.key
    known = predictor.directions(both_ways=True)
    if direction not in known:
        have = ", ".join(f"{one} -> {other}" for one, other in known)
        model = predictor.checkpoint.config.model
        tail = f"this model has: {have}" if have else f"the model {model} has no patch attention"
        raise InputError(f"Direction {query} -> {key} was asked; {tail}.")
    if why := why_no_map(case):
        raise InputError(why)
    group = key if query == PATCHES else query
    if direction not in predictor.directions_of(case, both_ways=True):
        lacking = PATCHES if PATCHES not in predictor.present(case) else group
        raise InputError(f"Case {case.case_id} has no {lacking} data, so there is no {query} -> {key} map.")
    folds, _ = predictor.folds_for(case)
    raw = [predictor.attention(fold, case)[direction] for fold in folds]
    return attention_maps(raw, predictor.tokens(group), case.bags, request.tokens)


def contribution(predictor: Predictor, case: Case, progress: Progress | None = None) -> tuple[PatchScores, ...]:
    """What each patch adds to the risk, by integrated gradients; one map per slide.

    Raises:
        InputError: the model does not read pathology, or the case has no patches with a place.
    """
    folds = _folds(predictor, case, "contribution")
    found = [
        patch_contributions(predictor.model(fold), predictor.inputs(fold, case), progress=part(progress, i, folds))
        for i, fold in enumerate(folds)
    ]
    text = words.of_contributions([one.total for one in found], [one.change for one in found])
    story = Story("contribution", RISK, PATCHES, ALL_TOKENS, text, "risk")
    return split_by_slide(np.stack([one.values for one in found]), case.bags, story)


def perturbation(predictor: Predictor, case: Case, progress: Progress | None = None) -> tuple[PatchScores, ...]:
    """By how much the risk falls without each patch; one map per slide.

    Raises:
        InputError: the model does not read pathology, or the case has no patches with a place.
    """
    folds = _folds(predictor, case, "perturbation")
    groups = group_patches(case.bags)
    per_fold = [
        risk_without(predictor.model(fold), predictor.inputs(fold, case), groups, progress=part(progress, i, folds))
        for i, fold in enumerate(folds)
    ]
    text = words.of_perturbation(groups.side, len(folds), len(groups.members))
    story = Story("perturbation", RISK, PATCHES, ALL_TOKENS, text, "risk")
    return split_by_slide(np.stack(per_fold), case.bags, story)


def disagreements(
    looks: dict[str, tuple[PatchScores, ...]], adds: Sequence[PatchScores]
) -> dict[str, tuple[PatchScores, ...]]:
    """Rank of attention minus rank of the size of the contribution, for each token's maps.

    Args:
        looks: attention, token -> one map per slide.
        adds: contribution, one map per slide, in the same order.
    """
    size, size_per_fold = of_case([one.values for one in adds]), of_case([one.per_fold for one in adds])
    found = {}
    for token, maps in looks.items():
        values = disagreement(of_case([one.values for one in maps]), size)
        per_fold = disagreement(of_case([one.per_fold for one in maps]), size_per_fold)
        query, key = maps[0].query, maps[0].key
        story = Story("disagreement", query, key, token, words.of_disagreement(query, key, token), "rank")
        found[token] = split_by_slide(per_fold, maps, story, values=values)
    return found


def of_case(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Values of a case's slides, one slide after another along the last axis."""
    return np.concatenate(parts, axis=-1)


def _folds(predictor: Predictor, case: Case, kind: MapKind) -> tuple[int, ...]:
    if why := predictor.why_no_kind(case, kind):
        raise InputError(why)
    return predictor.folds_for(case)[0]


def part(progress: Progress | None, index: int, folds: Sequence[int]) -> Callable[[float], None] | None:
    """Progress of one fold among several."""
    if progress is None:
        return None
    progress(index * STEPS, len(folds) * STEPS)
    return lambda share: progress(index * STEPS + round(share * STEPS), len(folds) * STEPS)
