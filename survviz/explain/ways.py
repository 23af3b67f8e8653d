"""The straight way from a baseline to a case, in everything that a model reads or in some modalities alone."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypedDict

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from survviz.errors import InputError
from survviz.explain.baselines import Reference
from survviz.explain.targets import Target
from survviz.explain.watch import Watch
from survviz.models import Model
from survviz.models.blocks.programmes import ProgrammeTokens
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
    programmes: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Moving:
    """One tensor that moves along the way.

    Attributes:
        name: key in `Inputs.tokens` or `Inputs.vectors`; "" for patches.
        start: where it starts; None: 0. It broadcasts against `case`.
        case: (N, D) patches, (T, E) tokens or (G,) columns, where it ends.
    """

    form: Form
    name: str
    start: Tensor | None
    case: Tensor

    @property
    def span(self) -> Tensor:
        """What the whole way adds."""
        return self.case if self.start is None else self.case - self.start

    @property
    def size(self) -> int:
        """Number of patches, tokens or columns."""
        return len(self.case)

    def at(self, shares: Tensor) -> Tensor:
        """(B, ...) at some points of the way."""
        return _at(shares, self.start, self.span)

    def slopes(self, gradient: Tensor) -> Tensor:
        """(B, P) what each patch, token or column adds per unit of the way."""
        return gradient * self.span if self.form == "vector" else torch.einsum("bnd,nd->bn", gradient, self.span)


@dataclass(frozen=True, slots=True)
class Run:
    """A forward pass at some points of the way.

    Attributes:
        answers: (B,) target.
        tensors: what moved, in the order of `InputWay.moving`; of projected patches the place holder.
        projected: outputs of the patches' linear layers, each a leaf.
        gathered: columns (K, S) and values (B, K, S) of each network of programmes.
    """

    answers: Tensor
    tensors: list[Tensor]
    projected: list[Tensor]
    gathered: list[tuple[Tensor, Tensor]]


class InputWay:
    """The way in everything that the model reads and the case has.

    Where a model reads its patches by linear layers alone, as nearly all do, their outputs move instead: the way from
    W x0 to W x is as straight as that from x0 to x, W is applied once, and no gradient of the wide patches is needed.
    A model that does anything else with a patch would meet the place holder's NaN, and gets the patches themselves.

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
        if len(inputs.patches) != 1:
            raise InputError(f"Contributions are computed for one case; a batch of {len(inputs.patches)} was given.")
        self.model, self.target = model, target
        self.inputs = checked(inputs, model.config.reads)
        if "pathology" in self.inputs.present and self._has("pathology") and not bool(self.inputs.patch_mask.all()):
            raise InputError(
                "Contributions are computed for one case whose patch rows are all real; this one is padded."
            )
        self.moving = [
            self._moving(read, baseline)
            for read in model.config.reads
            if self._has(read.modality) and (only is None or read.modality in only)
        ]
        self.programmes = [one for one in model.modules() if isinstance(one, ProgrammeTokens)]
        self.n_programmes = sum(len(one.indices) for one in self.programmes[:1])
        self.projects = True
        self.projections: list[tuple[Tensor, Tensor]] = []  # (1, E) or (N, E) start and (N, E) span of each layer

    @property
    def n_counted(self) -> int:
        """Number of values that add up to the change; those of programmes follow."""
        return sum(one.size for one in self.moving)

    @property
    def resolution(self) -> float:
        """Relative rounding of an answer."""
        return 2 * torch.finfo(self.inputs.patches.dtype).eps

    def answers(self, shares: list[float]) -> list[float]:
        """The target at some points."""
        found: list[float] = []
        with torch.no_grad():
            for some in self._batches(shares):
                found += self._run(shares[some]).answers.double().tolist()
        return found

    def along(self, shares: list[float], weights: list[float]) -> NDArray[np.float64]:
        """(P,) weighted sum over some points of what each input, then each programme adds per unit of the way."""
        device = self.inputs.patches.device
        total = torch.zeros(self.n_counted + self.n_programmes, dtype=torch.float64, device=device)
        for some in self._batches(shares):
            with torch.enable_grad():
                slopes = self._slopes(self._run(shares[some]))
            total += torch.tensor(weights[some], dtype=torch.float64, device=device) @ slopes.double()
        return total.cpu().numpy()

    def batch(self, share: float) -> Inputs:
        """One point of the way as a model reads it."""
        at = self.inputs.patches.new_tensor([share])
        return self._moved([one.at(at) for one in self.moving], 1)

    def split(self, values: NDArray[np.float64]) -> ByInput:
        """Values of `along`, by input; zeros for what the case lacks."""
        patches = np.zeros(self.inputs.patches.shape[1])
        reads = self.model.config.reads
        tokens = {read.name: np.zeros(read.shape[0]) for read in reads if read.form == "tokens"}
        vectors = {read.name: np.zeros(read.shape[0]) for read in reads if read.form == "vector"}
        *parts, programmes = np.split(values, np.cumsum([one.size for one in self.moving]))
        for one, own in zip(self.moving, parts, strict=True):
            if one.form == "patches":
                patches = own
            else:
                (tokens if one.form == "tokens" else vectors)[one.name] = own
        return ByInput(patches=patches, tokens=tokens, vectors=vectors, programmes=programmes)

    def _has(self, modality: Modality) -> bool:
        return bool(self.inputs.present[modality].all())

    def _moving(self, read: Reads, baseline: Reference) -> Moving:
        if read.form == "patches":
            case, start = self.inputs.patches[0], baseline.patches
        elif read.form == "tokens":
            case, start = self.inputs.tokens[read.name][0], baseline.tokens.get(read.name)
        else:
            case, start = self.inputs.vectors[read.name][0], baseline.vectors.get(read.name)
        if start is not None and tuple(start.shape)[-len(read.shape) :] != read.shape:
            raise InputError(
                f"The baseline has {tuple(start.shape)} {read.what}; the model reads {read.shape}. Take the baseline "
                "of the same checkpoint and fold."
            )
        return Moving(read.form, read.name, None if start is None else start.to(case), case)

    def _batches(self, shares: list[float]) -> list[slice]:
        width = max((end.shape[-1] for _, end in self.projections), default=self.inputs.patches.shape[-1])
        at_once = max(1, NUMBERS_AT_ONCE // max(1, self.inputs.patches.shape[1] * width))
        return [slice(first, first + at_once) for first in range(0, len(shares), at_once)]

    def _run(self, shares: list[float]) -> Run:
        """One forward pass, from the patches themselves where they cannot be projected."""
        at = torch.tensor(shares, dtype=self.inputs.patches.dtype, device=self.inputs.patches.device)
        run = self._forward(at)
        if self.projects and bool(run.answers.isnan().any()):
            self.projects = False
            run = self._forward(at)
        return run

    def _forward(self, at: Tensor) -> Run:
        tensors, leaves, holder = [], [], None
        for one in self.moving:
            if one.form == "patches" and self.projects:
                tensor = holder = torch.full((1, 1, 1), torch.nan).to(one.case).expand(len(at), *one.case.shape)
            else:
                tensor = one.at(at).requires_grad_(torch.is_grad_enabled())
            tensors.append(tensor)

        def project(index: int, weight: Tensor, bias: Tensor | None) -> Tensor:
            if index == len(self.projections):
                self.projections.append(self._projection(weight, bias))
            leaves.append(_at(at, *self.projections[index]).requires_grad_(torch.is_grad_enabled()))
            return leaves[-1]

        with Watch(holder, project, self.programmes) as watch:
            output = self.model(self._moved(tensors, len(at)))
            return Run(self.target(output), tensors, leaves, watch.gathered)

    def _moved(self, moved: Sequence[Tensor], n_points: int) -> Inputs:
        """The case, with what moves replaced."""
        tensors = {(one.form, one.name): tensor for one, tensor in zip(self.moving, moved, strict=True)}
        batch = repeated(self.inputs, self.inputs.patches.expand(n_points, -1, -1))
        return replace(
            batch,
            patches=tensors.get(("patches", ""), batch.patches),
            tokens={name: tensors.get(("tokens", name), own) for name, own in batch.tokens.items()},
            vectors={name: tensors.get(("vector", name), own) for name, own in batch.vectors.items()},
        )

    def _projection(self, weight: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor]:
        """Where the output of a linear layer of the patches starts, and what the way adds."""
        patches = next(one for one in self.moving if one.form == "patches")
        start = patches.case.new_zeros(1, patches.case.shape[1]) if patches.start is None else patches.start
        with torch.no_grad():
            first = functional.linear(start.view(-1, start.shape[-1]), weight, bias)
            return first, functional.linear(patches.case, weight, bias) - first

    def _slopes(self, run: Run) -> Tensor:
        """(B, P) what each input, then each programme, adds per unit of the way."""
        n_points, columns = len(run.answers), [values for _, values in run.gathered if values.requires_grad]
        wanted = [one for one in run.tensors if one.requires_grad]
        if not run.answers.requires_grad:  # nothing that moves is read
            return run.answers.new_zeros(n_points, self.n_counted + self.n_programmes)
        gradients = iter(torch.autograd.grad(run.answers.sum(), [*wanted, *run.projected, *columns], allow_unused=True))
        slopes = []
        for one, tensor in zip(self.moving, run.tensors, strict=True):
            gradient = next(gradients) if tensor.requires_grad else None
            slopes.append(run.answers.new_zeros(n_points, one.size) if gradient is None else one.slopes(gradient))
        for _, span in self.projections if run.projected else ():
            if (gradient := next(gradients)) is not None:
                at = next(i for i, one in enumerate(self.moving) if one.form == "patches")
                slopes[at] = slopes[at] + torch.einsum("bnd,nd->bn", gradient, span)
        return torch.cat([*slopes, self._of_programmes(run, n_points, gradients)], dim=1)

    def _of_programmes(self, run: Run, n_points: int, gradients: Iterator[Tensor | None]) -> Tensor:
        """(B, K) what the genes of each programme add through it; columns that pad a programme have no weight."""
        found = run.answers.new_zeros(n_points, self.n_programmes)
        span = next((one.span for one in self.moving if one.name == "rna"), None)
        for columns, values in run.gathered:
            gradient = next(gradients) if values.requires_grad else None
            if gradient is not None and span is not None:
                found = found + (gradient * span[columns]).sum(dim=-1)
        return found


def _at(shares: Tensor, start: Tensor | None, span: Tensor) -> Tensor:
    """(B, ...) points of a straight way."""
    moved = shares.view(-1, *[1] * span.ndim) * span
    return moved if start is None else moved + start


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
