"""Ways to noise coordinates: Laplace and randomised response, Gaussian, and the published recipe beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from benchmarks.local_release.records import Block
from survviz.privacy.allocation import proportional, two_thirds, uniform
from survviz.privacy.draw import Mechanism
from survviz.privacy.lattice import STEPS, Category, Coordinate, Numeric
from survviz.privacy.many_records import draw_gaussian, draw_records, gaussian_sigmas
from survviz.privacy.release import MOST_DIMENSIONS, ReleasePlan
from survviz.privacy.relevance import Relevance

DELTA = 1e-5
Noise = Literal["Laplace", "Gaussian", "published recipe"]


@dataclass(frozen=True, slots=True)
class Way:
    """How a record is noised.

    Attributes:
        relevance: shares follow from it; None deals equally.
    """

    noise: Noise
    relevance: Relevance | None = None

    @property
    def shares(self) -> str:
        """Where the shares of epsilon come from."""
        return "uniform" if self.relevance is None else self.relevance.source

    def noised(self, blocks: Sequence[Block], epsilon: float) -> Float[NDArray, "n p"]:
        """Columns of all blocks after the noise; those declared public as they are.

        Laplace noise is clipped to [0, 1], which loses nothing: beyond a bound, all outputs are equally likely for
        every two records. Gaussian noise is left as it is.
        """
        hidden = [block for block in blocks if block.private]
        draw = {"Laplace": self._laplace, "Gaussian": self._gaussian, "published recipe": self._published}[self.noise]
        drawn = iter(draw(hidden, epsilon))
        return np.hstack([next(drawn) if block.private else block.columns for block in blocks])

    def _laplace(self, blocks: Sequence[Block], epsilon: float) -> list[NDArray[np.float64]]:
        plan = plan_for(blocks, epsilon, self.relevance)
        codes = [b.columns.argmax(1) if b.is_category else np.rint(b.columns[:, 0] * STEPS) for b in blocks]
        drawn = draw_records(np.stack(codes, axis=1).astype(np.int64), plan.mechanisms(epsilon), STEPS)
        return [
            np.eye(b.values)[column] if b.is_category else np.clip(column[:, None] / STEPS, 0, 1)
            for b, column in zip(blocks, drawn.T, strict=True)
        ]

    def _gaussian(self, blocks: Sequence[Block], epsilon: float) -> list[NDArray[np.float64]]:
        weights = None
        if self.relevance is not None:
            shares = proportional(self.relevance, [block.name for block in blocks])
            weights = [float(shares.share(block.name)) for block in blocks]  # relevance, a tenth of it dealt equally
        sigmas = gaussian_sigmas([block.squared for block in blocks], epsilon, DELTA, weights=weights)
        per_column = [np.full(b.columns.shape[1], sigma) for b, sigma in zip(blocks, sigmas, strict=True)]
        drawn = draw_gaussian(np.hstack([b.columns for b in blocks]), np.concatenate(per_column))
        return np.split(drawn, np.cumsum([b.columns.shape[1] for b in blocks])[:-1], axis=1)

    def _published(self, blocks: Sequence[Block], epsilon: float) -> list[NDArray[np.float64]]:
        """Every column a number with its share of a nominal epsilon, which guarantees nothing."""
        assert self.relevance is not None
        names = [f"{block.name} {i}" for block in blocks for i in range(block.columns.shape[1])]
        shares = proportional(self.relevance, names)
        mechanisms = [Mechanism(Fraction(epsilon) * shares.share(name)) for name in names]
        codes = np.rint(np.hstack([block.columns for block in blocks]) * STEPS).astype(np.int64)
        drawn = np.clip(draw_records(codes, mechanisms, STEPS) / STEPS, 0, 1)
        return np.split(drawn, np.cumsum([b.columns.shape[1] for b in blocks])[:-1], axis=1)


def plan_for(blocks: Sequence[Block], epsilon: float, relevance: Relevance | None) -> ReleasePlan:
    """The release plan of a set of coordinates; refused where the relevance is private."""
    shares = uniform([b.name for b in blocks])
    if relevance is not None:
        shares = two_thirds(relevance, {block.name: 1.0 for block in blocks})
    coordinates = tuple(_coordinate(block) for block in blocks)
    most = max(MOST_DIMENSIONS, len(blocks))  # the wide vector is what is refused by default, and is here to show why
    return ReleasePlan(coordinates=coordinates, allocation=shares, levels=(epsilon,), most_dimensions=most)


def private_relevance(
    blocks: Sequence[Block], columns: Float[NDArray, "n p"], weights: Float[NDArray, " p"]
) -> Relevance:
    """What the published recipe takes: mean absolute contribution of every column to a linear risk, without noise."""
    names = [f"{block.name} {i}" for block in blocks for i in range(block.columns.shape[1])]
    sizes = np.abs((columns - columns.mean(axis=0)) * weights).mean(axis=0)
    values: Mapping[str, float] = dict(zip(names, sizes.tolist(), strict=True))
    return Relevance(values=dict(values), source="private", where="linear risk on the training patients")


def _coordinate(block: Block) -> Coordinate:
    if block.is_category:
        return Category(name=block.name, values=tuple(str(place) for place in range(block.values)))
    return Numeric(name=block.name, lower=0.0, upper=1.0)
