"""Integrated gradients of a model's answer over the patches of one case, with the error of every part known.

Sundararajan et al. 2017: with x(a) = baseline + a (x - baseline), the contribution of x_i is the integral over a in
[0, 1] of (x_i - baseline_i) dF/dx_i. Contributions add up to F(x) - F(baseline) (completeness), and on every part
[a, b] of the way to F(x(b)) - F(x(a)). Both sides can be computed, so the error of the quadrature is known part by
part: where it is too large the part is halved. Behind a LayerNorm nearly everything happens at the start of the way,
which an equal grid of steps would have to be fine everywhere to see.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from survviz.errors import InputError
from survviz.explain.targets import Target, risk
from survviz.models import Model
from survviz.types import Inputs

NODES = 4
"""Gauss-Legendre points of one part of the way; few, since what is hard to integrate are the kinks of ReLUs."""
CUTS = (0.0, 1 / 16, 1 / 4, 1.0)
"""Where the first parts end: on trained models, a third fewer gradients than by halving the whole way."""
TOLERANCE = 0.005
"""Share of the change that the parts' errors may add up to."""
SMALLEST_CHANGE = 1e-4
"""A smaller change is treated as this much."""
RESOLUTION = 2**-22
"""Relative rounding of an answer in float32: an error of this size says nothing."""
MOST_PARTS = 256
NUMBERS_AT_ONCE = 2**22
"""Points of the way share a batch up to so many numbers of patches: 4 points of 1,024 patches of 1,024."""


@dataclass(frozen=True, slots=True)
class Contributions:
    """What each patch adds to a model's answer.

    Attributes:
        values: (N,), in the unit of the target.
        change: target of the case minus target of the baseline, which the values should add up to.
        n_gradients: points of the way at which gradients were taken.
    """

    values: NDArray[np.float64]
    change: float
    n_gradients: int

    @property
    def total(self) -> float:
        """Sum of the values."""
        return float(self.values.sum())

    @property
    def gap(self) -> float:
        """How far the values miss the change, as a share of it."""
        return abs(self.total - self.change) / max(abs(self.change), SMALLEST_CHANGE)


def patch_contributions(
    model: Model,
    inputs: Inputs,
    *,
    target: Target = risk,
    baseline: Float[Tensor, " D"] | Float[Tensor, "N D"] | None = None,
    tolerance: float = TOLERANCE,
    progress: Callable[[float], None] | None = None,
) -> Contributions:
    """Integrated gradients of one case, added up over the features of each patch.

    The rest of the case stays as it is. Memory is that of one forward and backward pass.

    Args:
        model: in evaluation mode, whose weights take no gradient.
        inputs: a batch of one case, all of whose patch rows are real.
        target: what is explained.
        baseline: the patches from which the way starts; None: 0, which after standardising is the mean training patch.
        progress: called with the share that is done; it may raise `CancelledError`.

    Raises:
        InputError: it is not one case with patches.
    """
    if len(inputs.patches) != 1 or not bool(inputs.patch_mask.all()):
        raise InputError("Contributions are computed for one case whose patch rows are all real; give a batch of one.")
    way = _Way(model, inputs, target, baseline)
    ends = way.answers([*CUTS])
    change = ends[-1] - ends[0]
    allowed = tolerance * max(abs(change), SMALLEST_CHANGE)
    parts = [_Part.of(way, *CUTS[i : i + 2], *ends[i : i + 2]) for i in range(len(CUTS) - 1)]
    n_parts = len(parts)
    while sum(part.error for part in parts) > allowed and n_parts < MOST_PARTS:
        if progress:
            progress(min(0.95, allowed / max(sum(part.error for part in parts), allowed)))
        worst = max(parts, key=lambda part: part.error)
        parts.remove(worst)
        middle = (worst.start + worst.stop) / 2
        (at_middle,) = way.answers([middle])
        parts.append(_Part.of(way, worst.start, middle, worst.answer, at_middle))
        parts.append(_Part.of(way, middle, worst.stop, at_middle, worst.answer + worst.change))
        n_parts += 2
    if progress:
        progress(1.0)
    values = np.sum([part.values for part in parts], axis=0)
    return Contributions(values, change, n_parts * NODES)


class _Way:
    """The straight way from the baseline to the patches of a case."""

    def __init__(self, model: Model, inputs: Inputs, target: Target, baseline: Tensor | None) -> None:
        self.model, self.inputs, self.target = model, inputs, target
        self.start = baseline
        self.span = inputs.patches[0] if baseline is None else inputs.patches[0] - baseline  # (N, D)
        self.at_once = max(1, NUMBERS_AT_ONCE // max(1, self.span.numel()))

    def answers(self, shares: list[float]) -> list[float]:
        """The target at some points."""
        found: list[float] = []
        with torch.no_grad():
            for first in range(0, len(shares), self.at_once):
                found += self._answers(self._patches(shares[first : first + self.at_once])).double().tolist()
        return found

    def along(self, shares: list[float], weights: list[float]) -> NDArray[np.float64]:
        """(N,) weighted sum over some points of what each patch adds per unit of the way."""
        total = torch.zeros(len(self.span), dtype=torch.float64, device=self.span.device)
        for first in range(0, len(shares), self.at_once):
            some = slice(first, first + self.at_once)
            with torch.enable_grad():
                patches = self._patches(shares[some]).requires_grad_()
                (gradient,) = torch.autograd.grad(self._answers(patches).sum(), patches)
            slopes = torch.einsum("bnd,nd->bn", gradient, self.span)
            total += torch.tensor(weights[some], dtype=torch.float64, device=total.device) @ slopes.double()
        return total.cpu().numpy()

    def _patches(self, shares: list[float]) -> Tensor:
        at = torch.tensor(shares, dtype=self.span.dtype, device=self.span.device)
        patches = at[:, None, None] * self.span
        return patches if self.start is None else patches + self.start

    def _answers(self, patches: Tensor) -> Tensor:
        return self.target(self.model(repeated(self.inputs, patches)))


@dataclass(frozen=True, slots=True)
class _Part:
    """Contributions of a part of the way: they should add up to `change`."""

    start: float
    stop: float
    values: NDArray[np.float64]
    answer: float
    change: float

    @classmethod
    def of(cls, way: _Way, start: float, stop: float, answer: float, answer_at_stop: float) -> _Part:
        points, weights = np.polynomial.legendre.leggauss(NODES)
        half = (stop - start) / 2
        values = way.along((start + half * (points + 1)).tolist(), (half * weights).tolist())
        return cls(start, stop, values, answer, answer_at_stop - answer)

    @property
    def error(self) -> float:
        """How far the values miss the change, beyond what rounding explains."""
        missed = abs(float(self.values.sum()) - self.change)
        return max(0.0, missed - RESOLUTION * max(abs(self.answer), abs(self.change)))


def repeated(inputs: Inputs, patches: Float[Tensor, "B N D"], mask: Tensor | None = None) -> Inputs:
    """A batch of one case with its patches replaced by several versions of them, everything else repeated.

    Args:
        mask: (B, N), which patches are there in each version; default as in the case.
    """
    n = len(patches)
    return replace(
        inputs,
        patches=patches,
        patch_mask=inputs.patch_mask.expand(n, -1) if mask is None else mask,
        tokens={name: value.expand(n, *value.shape[1:]) for name, value in inputs.tokens.items()},
        vectors={name: value.expand(n, *value.shape[1:]) for name, value in inputs.vectors.items()},
        present={name: value.expand(n) for name, value in inputs.present.items()},
    )
