"""Losses: pure functions over tensors, in log space; means over cases, events or pairs, so batch size sets no scale."""

from __future__ import annotations

from survviz.losses.alignment import cosine_hinge, cosine_hinge_terms, l1_alignment, l1_alignment_terms
from survviz.losses.contrastive import similarity_hinge
from survviz.losses.cox import cox_partial_likelihood
from survviz.losses.discrete import discrete_cross_entropy, discrete_nll
from survviz.losses.penalty import l1_weights
from survviz.losses.ranking import pairwise_ranking

__all__ = [
    "cosine_hinge",
    "cosine_hinge_terms",
    "cox_partial_likelihood",
    "discrete_cross_entropy",
    "discrete_nll",
    "l1_alignment",
    "l1_alignment_terms",
    "l1_weights",
    "pairwise_ranking",
    "similarity_hinge",
]
