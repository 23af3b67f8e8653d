"""Slow, obvious oracles: probabilities by listing everything that can happen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def laplace_table(scale: float, reach: int) -> NDArray[np.float64]:
    """Probabilities of the discrete Laplace from -reach to reach."""
    noise = np.arange(-reach, reach + 1)
    return np.tanh(0.5 / scale) * np.exp(-np.abs(noise) / scale)


def response_table(epsilon: float, k: int) -> NDArray[np.float64]:
    """Row: the truth, column: the answer of k-ary randomised response."""
    table = np.ones((k, k))
    np.fill_diagonal(table, np.exp(epsilon))
    return table / table.sum(axis=1, keepdims=True)
