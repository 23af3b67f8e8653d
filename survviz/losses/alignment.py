"""Terms that pull two embeddings of a case together (L1: CMTA, CA-MLIF) or apart (cosine hinge: SurvPGC)."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import cosine_similarity

from survviz.losses.shapes import check_per_case, check_same_shape


def cosine_hinge(
    first: Float[Tensor, "B E"],
    second: Float[Tensor, "B E"],
    present: Bool[Tensor, " B"] | None = None,
    *,
    margin: float = 0.2,
) -> Float[Tensor, ""]:
    """Mean of max(0, cos(first, second) - margin): pushes the two paths to say different things.

    Args:
        present: cases that have both; the others do not count, and without any the loss is 0.
    """
    return _mean_over_present(cosine_hinge_terms(first, second, present, margin=margin), present)


def cosine_hinge_terms(
    first: Float[Tensor, "B E"],
    second: Float[Tensor, "B E"],
    present: Bool[Tensor, " B"] | None = None,
    *,
    margin: float = 0.2,
) -> Float[Tensor, " B"]:
    """max(0, cos(first, second) - margin) of each case; 0 where one of the two is absent.

    Raises:
        InputError: the embeddings differ in shape, or `present` is not a boolean per case.
    """
    check_same_shape(first=first, second=second)
    return _zero_where_absent((cosine_similarity(first, second, dim=-1) - margin).clamp(min=0), present)


def l1_alignment(
    source: Float[Tensor, "B E"],
    target: Float[Tensor, "B E"],
    present: Bool[Tensor, " B"] | None = None,
    *,
    detach_source: bool = False,
) -> Float[Tensor, ""]:
    """Mean absolute difference per embedding entry, over the cases that have both.

    The original systems add one such term per modality: CMTA (Zhou and Chen 2023) holds the encoder's embedding fixed,
    CA-MLIF (AAAI 2025, eq. 6) moves both.

    Args:
        present: cases that have both; the others do not count, and without any the loss is 0.
        detach_source: the source is a goal and gets no gradient.
    """
    return _mean_over_present(l1_alignment_terms(source, target, present, detach_source=detach_source), present)


def l1_alignment_terms(
    source: Float[Tensor, "B E"],
    target: Float[Tensor, "B E"],
    present: Bool[Tensor, " B"] | None = None,
    *,
    detach_source: bool = False,
) -> Float[Tensor, " B"]:
    """Mean absolute difference of each case; 0 where one of the two is absent.

    Raises:
        InputError: the embeddings differ in shape, or `present` is not a boolean per case.
    """
    check_same_shape(source=source, target=target)
    goal = source.detach() if detach_source else source
    return _zero_where_absent((goal - target).abs().mean(dim=-1), present)


def _zero_where_absent(terms: Float[Tensor, " B"], present: Bool[Tensor, " B"] | None) -> Float[Tensor, " B"]:
    if present is None:
        return terms
    check_per_case(terms, present=present)
    return terms.where(present, 0)


def _mean_over_present(terms: Float[Tensor, " B"], present: Bool[Tensor, " B"] | None) -> Float[Tensor, ""]:
    present = torch.ones_like(terms, dtype=torch.bool) if present is None else present
    return terms.sum() / present.sum().clamp(min=1)
