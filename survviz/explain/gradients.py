"""Integrated gradients of a model's answer: what patches, sentences, genes and every other input add to it.

One integral over everything that the model reads gives the parts of every level (see `integration`). Where what pushes
up and what pushes down nearly cancel, rounding in float32 hides by how much the parts of the way miss their change; the
integral is then taken in float64.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from copy import deepcopy
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from survviz.errors import InputError
from survviz.explain.baselines import Reference
from survviz.explain.integration import MOST_PARTS, NODES, SMALLEST_CHANGE, TOLERANCE, Integral, integrate
from survviz.explain.targets import Target, risk
from survviz.explain.ways import InputWay
from survviz.models import Model
from survviz.types import Inputs, Modality

NUMBERS_IN_DOUBLE = 2**24
"""A case with more numbers in its patches is explained in float32 alone: 128 MiB once more, and hours."""
PARTS_IN_DOUBLE, ROWS_IN_DOUBLE = 4096, 2**22
"""Parts of the way in float64, as long as all points together have fewer patches than that."""


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


@dataclass(frozen=True, slots=True)
class InputContributions:
    """What every input adds to a model's answer, in the unit of the target.

    Attributes:
        patches: (N,); zeros where the case has no pathology or the model reads none.
        tokens: token group -> (T,).
        vectors: vector -> (G,).
        programmes: (K,) of each gene programme, in the model's order: its genes' values as they act through it. They
            are a second view of `vectors["rna"]` and are not counted again; empty where the model has none.
        change: target of the case minus target of the baseline, which everything should add up to.
        n_gradients: gradients taken; 1 for a method that needs no integral.
        rest: what a method gives to no input (the biases, under relevance propagation).
    """

    patches: NDArray[np.float64]
    tokens: Mapping[str, NDArray[np.float64]]
    vectors: Mapping[str, NDArray[np.float64]]
    change: float
    n_gradients: int
    programmes: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    rest: float = 0.0

    @property
    def total(self) -> float:
        """Sum of everything, each input once."""
        groups = (self.patches, *self.tokens.values(), *self.vectors.values())
        return float(sum(values.sum() for values in groups)) + self.rest

    @property
    def gap(self) -> float:
        """How far everything misses the change, as a share of it."""
        return abs(self.total - self.change) / max(abs(self.change), SMALLEST_CHANGE)


def contributions(
    model: Model,
    inputs: Inputs,
    *,
    target: Target = risk,
    baseline: Reference,
    tolerance: float = TOLERANCE,
    progress: Callable[[float], None] | None = None,
) -> InputContributions:
    """Integrated gradients of one case over everything that the model reads; what the case lacks adds nothing.

    Args:
        model: in evaluation mode.
        inputs: a batch of one case, all of whose patch rows are real (or none, where it has no pathology).
        target: what is explained.
        baseline: where the way starts.
        tolerance: share of the change by which the values may miss it.
        progress: called with the share that is done; it may raise `CancelledError`.

    Raises:
        InputError: it is not one case, it has padded rows, or the baseline is of another width.
    """
    way, found = _integral(model, inputs, target, baseline, None, tolerance, progress)
    return InputContributions(**way.split(found.values), change=found.change, n_gradients=found.n_gradients)


def patch_contributions(
    model: Model,
    inputs: Inputs,
    *,
    target: Target = risk,
    baseline: Float[Tensor, "... D"] | None = None,
    tolerance: float = TOLERANCE,
    progress: Callable[[float], None] | None = None,
) -> Contributions:
    """Integrated gradients of one case, added up over the features of each patch.

    The rest of the case stays as it is. Memory is that of one forward and backward pass.

    Args:
        model: in evaluation mode, whose weights take no gradient.
        inputs: a batch of one case, all of whose patch rows are real.
        target: what is explained.
        baseline: (D,) or (N, D), the patches from which the way starts; None: 0, which after standardising is the mean
            training patch.
        progress: called with the share that is done; it may raise `CancelledError`.

    Raises:
        InputError: it is not one case with patches.
    """
    if len(inputs.patches) != 1 or not bool(inputs.patch_mask.all()):
        raise InputError("Contributions are computed for one case whose patch rows are all real; give a batch of one.")
    way, found = _integral(model, inputs, target, Reference(baseline), ("pathology",), tolerance, progress)
    return Contributions(way.split(found.values)["patches"], found.change, found.n_gradients)


def _integral(
    model: Model,
    inputs: Inputs,
    target: Target,
    baseline: Reference,
    only: Collection[Modality] | None,
    tolerance: float,
    progress: Callable[[float], None] | None,
) -> tuple[InputWay, Integral]:
    """In the model's own precision, and where that does not add up in float64."""
    way = InputWay(model, inputs, target, baseline, only)
    found = integrate(way, way.n_counted, tolerance=tolerance, progress=progress)
    patches = inputs.patches
    if found.missed <= 2 * tolerance or patches.dtype == torch.float64 or patches.numel() > NUMBERS_IN_DOUBLE:
        return way, found
    way = InputWay(deepcopy(model).double(), inputs.double(), target, baseline, only)
    parts = min(PARTS_IN_DOUBLE, ROWS_IN_DOUBLE // (NODES * max(1, patches.shape[1])))
    return way, integrate(way, way.n_counted, tolerance=tolerance, most_parts=max(MOST_PARTS, parts), progress=progress)
