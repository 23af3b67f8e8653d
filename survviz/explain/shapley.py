"""Exact Shapley values over a few players: what each modality adds, averaged over every order in which they come."""

from __future__ import annotations

from collections.abc import Mapping
from math import comb
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from survviz.errors import InputError

Player = TypeVar("Player", bound=str)


def shapley(values: Mapping[frozenset[Player], NDArray[np.float64]]) -> dict[Player, NDArray[np.float64]]:
    """Player -> (...,) its Shapley value (Shapley 1953); they add up to value of all - value of none.

    Args:
        values: every subset of the players, 2^M of them -> (...,) what it is worth.

    Raises:
        InputError: a subset is missing.
    """
    everyone = max(values, key=len, default=frozenset[Player]())
    m = len(everyone)
    if len(values) != 2**m or any(not subset <= everyone for subset in values):
        raise InputError(f"{len(values)} subsets of {m} players were given; expected all {2**m}, the empty one too.")
    found = {}
    for player in sorted(everyone):
        without = [subset for subset in values if player not in subset]
        gains = [(values[subset | {player}] - values[subset]) / (m * comb(m - 1, len(subset))) for subset in without]
        found[player] = np.sum(gains, axis=0)
    return found
