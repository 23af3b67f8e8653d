"""Similarity hinge: a patient's modalities resemble each other more than those of another patient."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import normalize

from survviz.errors import InputError

SHORTEST = 1e-4
"""Embeddings shorter than this count as less than a direction, so that a zero vector has no exploding gradient."""


def similarity_hinge(
    embeddings: Float[Tensor, "B M E"], present: Bool[Tensor, "B M"] | None = None, *, margin: float = 0.2
) -> Float[Tensor, ""]:
    """Mean over pairs of patients of max(0, margin + sim(x, y) - sim(x, x) / 2 - sim(y, y) / 2) squared.

    sim(x, y) is the mean cosine between a modality of x and a different modality of y, over those that are present.
    A patient with one modality has no sim(x, x) and stands in no pair; without a pair the loss is 0.

    Source: Cheerla and Gevaert 2019 (hinge on cosines); Fan et al. 2023 (squared, margin 0.2). They weight it by 0.3.

    Args:
        embeddings: M modalities of each patient; those of an absent modality are not read.
        present: True = this patient has this modality; None = all have all.

    Raises:
        InputError: `embeddings` is not (B, M, E), or `present` not a boolean (B, M).
    """
    if embeddings.ndim != 3:
        raise InputError(f"embeddings has shape {tuple(embeddings.shape)}; expected (B, M, E), modalities stacked.")
    if present is None:
        present = torch.ones_like(embeddings[..., 0], dtype=torch.bool)
    if present.shape != embeddings.shape[:2] or present.dtype != torch.bool:
        raise InputError(
            f"present has shape {tuple(present.shape)} and dtype {present.dtype}; expected booleans of shape "
            f"{tuple(embeddings.shape[:2])}."
        )
    units = normalize(embeddings.where(present.unsqueeze(-1), 0), dim=-1, eps=SHORTEST)  # (B, M, E)
    similarity = _over_different_modalities(units) / _over_different_modalities(
        present.to(units.dtype).unsqueeze(-1)
    ).clamp(min=1)  # (B, B)
    within = similarity.diagonal() / 2
    hinge = (margin + similarity - within.unsqueeze(1) - within.unsqueeze(0)).clamp(min=0).square()
    usable = present.sum(dim=1) > 1
    pairs = (usable.unsqueeze(1) & usable.unsqueeze(0)).fill_diagonal_(False)
    return hinge.where(pairs, 0).sum() / pairs.sum().clamp(min=1)


def _over_different_modalities(vectors: Float[Tensor, "B M E"]) -> Float[Tensor, "B B"]:
    """Sum over modalities i != j of the product of x's i-th and y's j-th vector."""
    summed = vectors.sum(dim=1)
    return summed @ summed.T - torch.einsum("xme,yme->xy", vectors, vectors)
