"""Which records a release leaves plausible: the band of predictions that a page draws around a noised one.

Everything here is computed from the release, the public plan and the public noise, so it costs nothing more, and its
randomness need not be secret.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from survviz.privacy.draw import Mechanism
from survviz.privacy.lattice import Coordinate
from survviz.privacy.release import View


def plausible_records(view: View, count: int, *, seed: int) -> list[dict[str, float | str]]:
    """Records drawn from the posterior of the true one, where all within the public bounds were equally likely.

    Args:
        seed: of the draws; the same view and seed give the same records.
    """
    random = np.random.default_rng(seed)
    columns: dict[str, list[float | str]] = {}
    released = zip(view.plan.coordinates, view.plan.mechanisms(view.level), view.codes, strict=True)
    for coordinate, mechanism, code in released:
        posterior = _posterior(mechanism, code, view.plan.steps)
        drawn = random.choice(len(posterior), size=count, p=posterior)
        columns[coordinate.name] = _decoded(coordinate, drawn, view.plan.steps)
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _posterior(mechanism: Mechanism, code: int, steps: int) -> NDArray:
    """Probability of each true code, given the released one."""
    if mechanism.categories:
        log = np.where(np.arange(mechanism.categories) == code, float(mechanism.promised), 0.0)
    else:
        log = -np.abs(np.arange(steps + 1) - code) / mechanism.scale(steps)
    weights = np.exp(log - log.max())
    return weights / weights.sum()


def _decoded(coordinate: Coordinate, codes: NDArray, steps: int) -> list[float | str]:
    return [coordinate.decode(int(code), steps) for code in codes]
