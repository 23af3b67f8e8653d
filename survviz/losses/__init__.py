"""Losses: pure functions over tensors, in log space, averaged over cases so that batch size does not matter."""

from __future__ import annotations

from survviz.losses.alignment import cosine_hinge
from survviz.losses.discrete import discrete_nll

__all__ = ["cosine_hinge", "discrete_nll"]
