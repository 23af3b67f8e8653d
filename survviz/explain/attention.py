"""Raw attention of a model -> one comparable number per patch.

SurvPGC returns logits of (query token, patch); its own forward runs one softmax over [tokens || patches], so a token
may look at its fellow tokens too. A map answers a narrower question, *which patches*, so the softmax here runs over the
patches of all the patient's slides and each token's map sums to 1. Where the patches ask, the softmax runs over the
tokens: the map of a token says which patches give it more of their attention than they give others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from survviz.errors import InputError, UnknownNameError
from survviz.explain.slides import Story, split_by_slide
from survviz.types import LEARNT_QUERY, Bag, PatchScores

if TYPE_CHECKING:
    from survviz.types import Attention

ALL_TOKENS = "all"
PATCHES = "pathology"

LABELS = {"clinical": "clinic", "genomic": "genomic"}


def softmax_over_patches(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """Softmax along the last axis in float64: (..., N) logits -> (..., N) shares that sum to 1."""
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    weights = np.exp(shifted)
    return weights / weights.sum(axis=-1, keepdims=True)


def token_maps(attention: Attention, n_patches: int) -> NDArray[np.float64]:
    """(H, T, N) of a batch of one case: the share of each patch in each token's attention, or of each token in a
    patch's, where the patches ask.

    Raises:
        InputError: neither side is the patches, or there are none.
    """
    if PATCHES not in (attention.query, attention.key):
        raise InputError(
            f"A patch map needs attention from or towards pathology; this is {attention.query} -> {attention.key}."
        )
    if n_patches == 0:
        raise InputError("The case has no patches, so there is nothing to map. Add a slide or its features.")
    logits = attention.logits[0].float().cpu().numpy()  # (H, Q, K)
    if attention.key == PATCHES:
        return softmax_over_patches(logits[:, :, :n_patches])
    return softmax_over_patches(logits[:, :n_patches]).swapaxes(1, 2)


def semantics(query: str, key: str, token: str, n_tokens: int, n_folds: int, n_slides: int, heads: int) -> str:
    """In words, what the numbers of a map are."""
    slides = "of this slide" if n_slides == 1 else f"of the patient's {n_slides} slides together"
    head = "one attention head" if heads == 1 else f"mean of {heads} attention heads"
    folds = "one model" if n_folds == 1 else f"mean of {n_folds} cross-validation models"
    caution = "It shows where the model looks, not what moves the risk."
    if query == PATCHES:
        label = LABELS.get(key, key)
        return (
            f"Attention pathology → {label}. Query: every patch. Key: the {n_tokens} {label} tokens. Softmax over "
            f"tokens, so a patch's attention sums to 1 over them; the value is the share that goes to {token!r} "
            f"(uniform: 1/{n_tokens}); {head}; {folds}. {caution}"
        )
    label = LABELS.get(query, query)
    who = f"token {token!r}"
    if query == LEARNT_QUERY:
        label, who = "model", "one that the model has learnt, the same for every case"
    elif token == ALL_TOKENS:
        who = f"mean over the {n_tokens} {label} tokens, each with its own softmax"
    return (
        f"Attention {label} → pathology. Query: {who}. Key: every patch {slides}. "
        f"Softmax over patches, so the values of a map sum to 1; {head}; {folds}. {caution}"
    )


def attention_maps(
    attention_per_fold: Sequence[Attention],
    names: Sequence[str],
    bags: Sequence[Bag],
    tokens: Sequence[str] | None = None,
) -> dict[str, tuple[PatchScores, ...]]:
    """Maps of one direction: token -> one `PatchScores` per slide.

    Where the patches ask there is no map of "all" tokens: the shares of a patch sum to 1, so it would be flat.

    Args:
        attention_per_fold: raw attention of a batch of one case, one per fold.
        names: token names of the group on the other side of the patches, in order.
        bags: the case's slides in the order in which their patches were concatenated.
        tokens: those wanted; default "all" (where it has a meaning), then every name.

    Raises:
        UnknownNameError: no such token.
        InputError: there are no patches.
    """
    query, key = attention_per_fold[0].query, attention_per_fold[0].key
    known = (*names,) if query == PATCHES else (ALL_TOKENS, *names)
    wanted = known if tokens is None else tuple(tokens)
    for token in wanted:
        if token not in known:
            raise UnknownNameError("token", token, known)
    shares = np.stack([token_maps(one, sum(map(len, bags))) for one in attention_per_fold], axis=1)  # (H, F, T, N)
    found = {}
    for token in wanted:
        own = shares.mean(axis=2) if token == ALL_TOKENS else shares[:, :, names.index(token)]  # (H, F, N)
        words = semantics(query, key, token, len(names), shares.shape[1], len(bags), len(own))
        story = Story("attention", query, key, token, words, "share", len(names) if query == PATCHES else None)
        found[token] = split_by_slide(own.mean(axis=0), bags, story, detail=own if len(own) > 1 else None)
    return found
