"""The straight way from a baseline to a case, in everything that a model reads or in some modalities alone."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypedDict

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from survviz.errors import InputError
from survviz.explain.baselines import Reference
from survviz.explain.targets import Target
from survviz.models import Model
from survviz.models.inputs import Reads, checked
from survviz.types import Inputs, Modality

NUMBERS_AT_ONCE = 2**22
"""Points of the way share a batch up to so many numbers of patches: 4 points of 1,024 patches of 1,024."""

Form = Literal["patches", "tokens", "vector"]


class ByInput(TypedDict):
    """Values of a way by what they belong to, as fields of `InputContributions`."""

    patches: NDArray[np.float64]
    tokens: Mapping[str, NDArray[np.float64]]
    vectors: Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class Moving:
    """One tensor that moves.

    Attributes:
        name: key in `Inputs.tokens` or `Inputs.vectors`; "" for patches.
        start: (..., E), where it starts; broadcasts against `span`.
        span: (..., E), what the whole way adds.
    """

    form: Form
    name: str
    start: Tensor | None
    span: Tensor

    def at(self, shares: Tensor) -> Tensor:
        """(B, ..., E) at some points of the way."""
        moved = shares.view(-1, *[1] * self.span.ndim) * self.span
        return moved if self.start is None else moved + self.start

    def slopes(self, gradient: Tensor | None, n_points: int) -> Tensor:
        """(B, P) what each patch, token or column adds per unit of the way."""
        if gradient is None:
            return self.span.new_zeros(n_points, self.size)
        if self.form == "vector":
            return gradient * self.span
        return torch.einsum("bnd,nd->bn", gradient, self.span)

    @property
    def size(self) -> int:
        """Number of patches, tokens or columns."""
        return self.span.shape[0]


class InputWay:
    """The way in everything that the model reads and the case has.

    Args:
        only: modalities that move; the others stay as they are in the case. None: all.
    """

    def __init__(
        self,
        model: Model,
        inputs: Inputs,
        target: Target,
        baseline: Reference,
        only: Collection[Modality] | None = None,
    ) -> None:
        self.model, self.target = model, target
        self.inputs = checked(inputs, model.config.reads)
        if len(inputs.patches) != 1:
            raise InputError(f"Contributions are computed for one case; a batch of {len(inputs.patches)} was given.")
        if "pathology" in self.inputs.present and self._has("pathology") and not bool(self.inputs.patch_mask.all()):
            raise InputError("Contributions are computed for a case whose patch rows are all real; this one is padded.")
        self.moving = [
            self._moving(read, baseline)
            for read in model.config.reads
            if self._has(read.modality) and (only is None or read.modality in only)
        ]
        self.at_once = max(1, NUMBERS_AT_ONCE // max(1, self.inputs.patches.numel()))

    @property
    def n_counted(self) -> int:
        """Number of values that add up to the change."""
        return sum(one.size for one in self.moving)

    def answers(self, shares: list[float]) -> list[float]:
        """The target at some points."""
        found: list[float] = []
        with torch.no_grad():
            for first in range(0, len(shares), self.at_once):
                found += self._answers(self._tensors(shares[first : first + self.at_once])).double().tolist()
        return found

    def along(self, shares: list[float], weights: list[float]) -> NDArray[np.float64]:
        """(P,) weighted sum over some points of what each input adds per unit of the way."""
        total = torch.zeros(self.n_counted, dtype=torch.float64, device=self.inputs.patches.device)
        for first in range(0, len(shares), self.at_once):
            some = slice(first, first + self.at_once)
            with torch.enable_grad():
                tensors = [tensor.requires_grad_() for tensor in self._tensors(shares[some])]
                gradients = torch.autograd.grad(self._answers(tensors).sum(), tensors, allow_unused=True)
            n = len(shares[some])
            slopes = [one.slopes(gradient, n) for one, gradient in zip(self.moving, gradients, strict=True)]
            weight = torch.tensor(weights[some], dtype=torch.float64, device=total.device)
            total += weight @ torch.cat(slopes, dim=1).double()
        return total.cpu().numpy()

    def split(self, values: NDArray[np.float64]) -> ByInput:
        """Values of `along`, by input; zeros for what the case lacks."""
        found: ByInput = {"patches": np.zeros(self.inputs.patches.shape[1]), "tokens": {}, "vectors": {}}
        tokens = {read.name: np.zeros(read.shape[0]) for read in self.model.config.reads if read.form == "tokens"}
        vectors = {read.name: np.zeros(read.shape[0]) for read in self.model.config.reads if read.form == "vector"}
        ends = np.cumsum([one.size for one in self.moving])
        for one, own in zip(self.moving, np.split(values, ends)[: len(self.moving)], strict=True):
            if one.form == "patches":
                found["patches"] = own
            else:
                (tokens if one.form == "tokens" else vectors)[one.name] = own
        return {**found, "tokens": tokens, "vectors": vectors}

    def _has(self, modality: Modality) -> bool:
        return bool(self.inputs.present[modality].all())

    def _moving(self, read: Reads, baseline: Reference) -> Moving:
        if read.form == "patches":
            case, start = self.inputs.patches[0], baseline.patches
        elif read.form == "tokens":
            case, start = self.inputs.tokens[read.name][0], baseline.tokens.get(read.name)
        else:
            case, start = self.inputs.vectors[read.name][0], baseline.vectors.get(read.name)
        if start is None:
            return Moving(read.form, read.name, None, case)
        if tuple(start.shape)[-len(read.shape) :] != read.shape:
            raise InputError(
                f"The baseline has {tuple(start.shape)} {read.what}; the model reads {read.shape}. Take the baseline "
                "of the same checkpoint and fold."
            )
        start = start.to(case)
        return Moving(read.form, read.name, start, case - start)

    def _tensors(self, shares: list[float]) -> list[Tensor]:
        at = torch.tensor(shares, dtype=self.inputs.patches.dtype, device=self.inputs.patches.device)
        return [one.at(at) for one in self.moving]

    def batch(self, tensors: list[Tensor]) -> Inputs:
        """Points of the way as a model reads them, from the tensors of everything that moves, (B, ...) each."""
        batch = repeated(self.inputs, self.inputs.patches.expand(len(tensors[0]), -1, -1))
        tokens, vectors = dict(batch.tokens), dict(batch.vectors)
        for one, tensor in zip(self.moving, tensors, strict=True):
            if one.form == "patches":
                batch = replace(batch, patches=tensor)
            else:
                (tokens if one.form == "tokens" else vectors)[one.name] = tensor
        return replace(batch, tokens=tokens, vectors=vectors)

    def _answers(self, tensors: list[Tensor]) -> Tensor:
        return self.target(self.model(self.batch(tensors)))


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
