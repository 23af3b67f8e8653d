"""Raw attention of a model -> one comparable number per patch.

SurvPGC returns logits of (query token, patch); its own forward runs one softmax over [tokens || patches], so a token
may look at its fellow tokens too. A map answers a narrower question, *which patches*, so the softmax here runs over the
patches of all the patient's slides and each token's map sums to 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from survviz.errors import InputError, UnknownNameError
from survviz.types import LEARNT_QUERY, Bag, PatchScores

if TYPE_CHECKING:
    from survviz.types import Attention

ALL_TOKENS = "all"

LABELS = {"clinical": "clinic", "genomic": "genomic"}


def softmax_over_patches(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """Softmax along the last axis in float64: (..., N) logits -> (..., N) shares that sum to 1."""
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    weights = np.exp(shifted)
    return weights / weights.sum(axis=-1, keepdims=True)


def token_maps(attention: Attention, n_patches: int) -> NDArray[np.float64]:
    """(T, N) share of each patch in each token's attention, mean over heads, for a batch of one case.

    Raises:
        InputError: the key is not the patches, or there are none.
    """
    if attention.key != "pathology":
        raise InputError(f"A patch map needs attention towards pathology; this one looks at {attention.key}.")
    if n_patches == 0:
        raise InputError("The case has no patches, so there is nothing to map. Add a slide or its features.")
    logits = attention.logits[0, :, :, :n_patches].float().cpu().numpy()  # (H, T, N)
    return softmax_over_patches(logits).mean(axis=0)


def semantics(query: str, token: str, n_tokens: int, n_folds: int, n_slides: int, heads: int) -> str:
    """In words, what the numbers of a map are."""
    label = LABELS.get(query, query)
    who = f"token {token!r}"
    if query == LEARNT_QUERY:
        label, who = "model", "one that the model has learnt, the same for every case"
    elif token == ALL_TOKENS:
        who = f"mean over the {n_tokens} {label} tokens, each with its own softmax"
    slides = "of this slide" if n_slides == 1 else f"of the patient's {n_slides} slides together"
    head = "one attention head" if heads == 1 else f"mean of {heads} attention heads"
    folds = "one model" if n_folds == 1 else f"mean of {n_folds} cross-validation models"
    return (
        f"Attention {label} → pathology. Query: {who}. Key: every patch {slides}. "
        f"Softmax over patches, so the values of a map sum to 1; {head}; {folds}. "
        "It shows where the model looks, not what moves the risk."
    )


def patch_scores(
    attention_per_fold: list[Attention], names: tuple[str, ...], bags: tuple[Bag, ...], token: str
) -> tuple[PatchScores, ...]:
    """Maps of one query group on the patches, one `PatchScores` per slide.

    Args:
        attention_per_fold: raw attention (query group -> pathology) of a batch of one case, one per fold.
        names: token names of the query group, in order.
        bags: the case's slides in the order in which their patches were concatenated.
        token: a token name, or "all" for the mean over tokens.

    Raises:
        UnknownNameError: no such token.
        InputError: there are no patches.
    """
    if token != ALL_TOKENS and token not in names:
        raise UnknownNameError("token", token, (*names, ALL_TOKENS))
    n_patches = sum(len(bag) for bag in bags)
    maps = np.stack([token_maps(attention, n_patches) for attention in attention_per_fold])  # (F, T, N)
    per_fold = maps.mean(axis=1) if token == ALL_TOKENS else maps[:, names.index(token)]  # (F, N)
    first = attention_per_fold[0]
    words = semantics(first.query, token, len(names), len(attention_per_fold), len(bags), heads=first.logits.shape[1])
    scores: list[PatchScores] = []
    start = 0
    for bag in bags:
        stop = start + len(bag)
        scores.append(
            PatchScores(
                kind="attention",
                query=first.query,
                key=first.key,
                token=token,
                slide_id=bag.slide_id,
                values=per_fold[:, start:stop].mean(axis=0),
                per_fold=per_fold[:, start:stop],
                coords=bag.coords,
                patch_size_level0=bag.patch_size_level0,
                n_patches_case=n_patches,
                semantics=words,
            )
        )
        start = stop
    return tuple(scores)
