"""Does a map depend on what the model has learnt? The same map of the same model with its weights shuffled tells.

Adebayo et al. 2018, Sanity Checks for Saliency Maps: a map that looks the same when the weights are random shows the
input and the architecture, whatever it is called. Here the entries of every tensor of weights are permuted, all layers
at once: each layer keeps its exact distribution of weights, and loses what it knows.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from survviz.errors import InputError
from survviz.explain.disagreement import percentile_ranks
from survviz.models import Model

SEEDS = (0, 1, 2, 3, 4)
"""Of the shufflings that a map is compared under, unless others are given."""
LARGEST_AGREEMENT = 0.5
"""A map that agrees with those of shuffled models by more than this, on average, is not of what was learnt."""


@dataclass(frozen=True, slots=True)
class Change:
    """How much of a map is left when the weights are shuffled.

    Attributes:
        correlations: (R,) Spearman's rank correlation of the map with that of each shuffled model; 0 where the
            shuffled model gives every patch the same number, which keeps nothing of an order.
    """

    correlations: NDArray[np.float64]

    @property
    def agreement(self) -> float:
        """Mean of the correlations: 1 = the map does not change, 0 = nothing of it is left.

        With their signs: a shuffled model that turns the map round has changed it.
        """
        return float(self.correlations.mean())

    @property
    def passed(self) -> bool:
        """Whether the map changes enough to be shown as one of what the model has learnt."""
        return self.agreement <= LARGEST_AGREEMENT


def randomised(model: Model, seed: int) -> Model:
    """A copy of a model in which the entries of each tensor of weights are permuted; the model itself is left alone."""
    shuffled = copy.deepcopy(model)
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in shuffled.parameters():
            order = torch.randperm(weight.numel(), generator=random).to(weight.device)
            weight.copy_(weight.flatten()[order].view_as(weight))
    return shuffled


def change_under_randomisation(
    map_of: Callable[[Model], NDArray[np.floating]], model: Model, *, seeds: Sequence[int] = SEEDS
) -> Change:
    """Rank correlation of a map with the same map of the model with shuffled weights.

    Args:
        map_of: from a model to (N,) numbers, one per patch (or gene, or token), of a case and a kind of map that the
            caller has fixed.
        seeds: one shuffling each.

    Raises:
        InputError: there is no seed, or the map gives fewer than two different numbers, which have no order to lose.
    """
    own = np.asarray(map_of(model), dtype=np.float64)
    if not seeds or len(np.unique(own)) < 2:
        raise InputError(
            f"A map of {own.size} patches with {len(np.unique(own))} different numbers, and {len(seeds)} shufflings, "
            "were given; rank correlation needs two different numbers and one shuffling or more."
        )
    shuffled = [np.asarray(map_of(randomised(model, seed)), dtype=np.float64) for seed in seeds]
    return Change(np.array([rank_correlation(own, other) for other in shuffled]))


def rank_correlation(first: NDArray[np.floating], second: NDArray[np.floating]) -> float:
    """Spearman's rho, ties sharing their ranks; 0 where one of the two is constant."""
    both = np.stack([percentile_ranks(first), percentile_ranks(second)])
    centred = both - both.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(centred, axis=1)
    return float(centred[0] @ centred[1] / lengths.prod()) if lengths.all() else 0.0
