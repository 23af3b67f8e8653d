"""DP-SGD: every patient's gradient is clipped, their sum gets Gaussian noise, and is divided by a public number.

Abadi et al. 2016, with what makes the accountant's theorem hold: each patient enters each batch independently
(Poisson), the noise is drawn on integers from a secret key of the run (`privacy.gaussian_vector`, `privacy.stream`),
and the sum is divided by the public expected size of a batch, never by the size of the drawn one. Gradients per patient
come from Opacus (Yousefpour et al. 2021), those of large bags from a pass per patient; its sampling, noise and
accounting are not used: they divide by the number of patients that are there (opacus#571, #819), and draw
floating-point noise from torch's generator.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import TypeAlias

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray
from opacus import GradSampleModule
from torch import Tensor, nn
from torch.optim import SGD, Adam, Optimizer

from survviz.errors import InputError, PrivacyError
from survviz.losses import discrete_nll
from survviz.models import Model
from survviz.privacy.gaussian_vector import lattice_sum, rounded_gaussian
from survviz.privacy.stream import SecretStream, poisson_batch
from survviz.training.batches import drop_modalities
from survviz.training.memory import keep_freed_memory
from survviz.training.private_config import PrivateConfig
from survviz.types import Inputs, Modality

MANY_PATCHES = 128
"""Patches of a bag from which a backward pass per patient costs less than gradients per patient by hooks."""
STRIDE = 1_000_003  # between the seeds of dropout of two steps
OnStep: TypeAlias = Callable[[int, NDArray[np.float64]], None]
"""Hears the number of a step and (d,) what it released: the noised sum of clipped gradients."""


@dataclass(frozen=True, slots=True)
class Examples:
    """Patients as a model reads them, all in memory.

    Attributes:
        inputs: one row per patient.
        bin, event: (n,) their outcome in the public time bins.
    """

    case_ids: tuple[str, ...]
    inputs: Inputs
    bin: Int[Tensor, " n"]
    event: Bool[Tensor, " n"]

    def __len__(self) -> int:
        return len(self.case_ids)

    def alone(self, row: int) -> Examples:
        """One of them, without a copy."""
        return self._at(slice(row, row + 1), self.case_ids[row : row + 1])

    def take(self, rows: Sequence[int] | NDArray[np.int64]) -> Examples:
        """Some of them, in this order."""
        at = torch.as_tensor(np.asarray(rows, dtype=np.int64))
        return self._at(at, tuple(self.case_ids[row] for row in at.tolist()))

    def _at(self, at: Tensor | slice, case_ids: tuple[str, ...]) -> Examples:
        given = self.inputs
        inputs = Inputs(
            given.patches[at],
            given.patch_mask[at],
            {name: value[at] for name, value in given.tokens.items()},
            {name: value[at] for name, value in given.vectors.items()},
            {name: value[at] for name, value in given.present.items()},
        )
        return Examples(case_ids, inputs, self.bin[at], self.event[at])


def check_private(model: Model) -> None:
    """Refuse what has no gradient of one patient alone.

    Raises:
        InputError: the model gives a log-hazard, normalises over a batch, or has nothing that learns.
    """
    if model.config.output != "discrete-hazard":
        raise InputError(
            f"Model {model.name!r} gives a log-hazard, whose partial likelihood couples patients: clipping one "
            'gradient does not bound what a patient changes. Give discrete hazards (output = "discrete-hazard").'
        )
    mixing = [name for name, layer in model.named_modules() if isinstance(layer, nn.modules.batchnorm._NormBase)]
    if mixing:
        raise InputError(
            f"Model {model.name!r} normalises over the batch in {', '.join(mixing[:3])}: every patient's answer then "
            "depends on the others. Use LayerNorm."
        )
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise InputError(f"No parameter of model {model.name!r} learns; name some in `trained`.")


class DpSgd:
    """A run between two steps.

    Args:
        model: its parameters with `requires_grad` learn, in place.
        noise_multiplier: standard deviation of the noise over the clipping norm; 0 adds none and promises nothing.
        key: of the run; decides batches and noise, and must stay secret.
        seed: of dropout, which promises nothing.
        planted: (m, d) gradients of canaries, each a patient of its own: for audits.
    """

    def __init__(
        self,
        model: Model,
        examples: Examples,
        config: PrivateConfig,
        *,
        noise_multiplier: float,
        key: bytes,
        seed: int,
        planted: Float[NDArray, "m d"] | None = None,
    ) -> None:
        check_private(model)
        self.model, self.examples, self.config = model, examples, config
        self.noise_multiplier, self.step = noise_multiplier, 0
        self._key, self._seed, self._planted = key, seed, planted
        self._learnt = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self._microbatch = torch.empty(config.microbatch, self.size)
        self.optimizer = _optimizer(self._learnt, config)
        if planted is not None and planted.shape[1:] != (self.size,):
            raise PrivacyError(f"Planted gradients of shape {planted.shape} were given; expected (m, {self.size}).")

    @property
    def size(self) -> int:
        """Number of parameters that learn."""
        return sum(parameter.numel() for parameter in self._learnt)

    def run(self, on_step: OnStep | None = None) -> None:
        """All steps that are left."""
        keep_freed_memory()
        large = self.examples.inputs.patches.shape[1] >= MANY_PATCHES
        wrapped = None if large else GradSampleModule(self.model, loss_reduction="sum")
        try:
            while self.step < self.config.steps:
                released = self._released(wrapped)
                self._apply(released)
                self.step += 1
                if on_step is not None:
                    on_step(self.step, released)
        finally:
            if wrapped is not None:
                wrapped.to_standard_module()
        self.model.eval()

    def _released(self, wrapped: nn.Module | None) -> Float[NDArray, " d"]:
        """Noised sum of the clipped gradients of a batch drawn by chance; an empty batch is noise alone."""
        planted = self._planted if self._planted is not None else np.zeros((0, self.size))
        drawn = poisson_batch(
            len(self.examples) + len(planted), self.config.sampling_rate, SecretStream(self._key, "batch", self.step)
        )
        rows, canaries = np.flatnonzero(drawn[: len(self.examples)]), planted[drawn[len(self.examples) :]]
        parts = chain(self._gradients(wrapped, rows), [canaries])
        clip, sigma = self.config.clip, self.noise_multiplier
        if not sigma:
            return sum((_clipped_sum(part, clip) for part in parts), start=np.zeros(self.size))
        total, step = lattice_sum(np.zeros((0, self.size)), clip, sigma)
        for part in parts:
            total += lattice_sum(part, clip, sigma)[0]
        return (total + rounded_gaussian(self.size, SecretStream(self._key, "noise", self.step))) * step

    def _gradients(self, wrapped: nn.Module | None, rows: NDArray[np.int64]) -> Iterator[Float[NDArray, "b d"]]:
        """Gradients of some patients, a microbatch or one at a time, which the next overwrite."""
        self.model.train()
        order = np.array_split(rows, math.ceil(len(rows) / self.config.microbatch)) if len(rows) else []
        with torch.random.fork_rng(devices=[]):
            random = torch.Generator().manual_seed(self._seed * STRIDE + self.step)
            torch.manual_seed(self._seed * STRIDE + self.step)
            for part in order:
                present = self._present(part, random)
                if wrapped is None:
                    yield from self._one_by_one(part, present)
                else:
                    found = self._microbatch[: len(part)]
                    self._by_hooks(wrapped, part, present, found)
                    yield found.numpy()

    def _present(self, rows: NDArray[np.int64], random: torch.Generator) -> Mapping[Modality, Tensor]:
        """Which modalities of some patients are shown in this step."""
        at = torch.from_numpy(rows)
        shown = {name: value[at] for name, value in self.examples.inputs.present.items()}
        bare = replace(self.examples.inputs, present=shown)
        return drop_modalities(bare, self.config.modality_dropout, self.config.modalities, random).present

    def _by_hooks(
        self,
        wrapped: nn.Module,
        rows: NDArray[np.int64],
        present: Mapping[Modality, Tensor],
        out: Float[Tensor, "b d"],
    ) -> None:
        """All patients in one pass, whose layers keep what each patient adds."""
        batch = self.examples.take(rows)
        inputs = replace(batch.inputs, present=present)
        loss = discrete_nll(wrapped(inputs).logits, batch.bin, batch.event) * len(batch)
        with warnings.catch_warnings():  # of Opacus' hooks: they need the gradient of outputs, which is there
            warnings.filterwarnings("ignore", "Full backward hook is firing")
            loss.backward()
        torch.cat([_per_patient(one, len(batch)) for one in self._learnt], dim=1, out=out)

    def _one_by_one(
        self, rows: NDArray[np.int64], present: Mapping[Modality, Tensor]
    ) -> Iterator[Float[NDArray, "1 d"]]:
        """A pass per patient: large bags keep the cores busy by themselves, and the memory is that of one bag."""
        own = self._microbatch[:1]
        parts = own[0].split([parameter.numel() for parameter in self._learnt])
        for index, row in enumerate(rows.tolist()):
            one = self.examples.alone(row)
            shown = {name: value[index : index + 1] for name, value in present.items()}
            inputs = without_padding(replace(one.inputs, present=shown))
            loss = discrete_nll(self.model(inputs).logits, one.bin, one.event)
            gradients = torch.autograd.grad(loss, self._learnt, allow_unused=True)
            for part, gradient in zip(parts, gradients, strict=True):
                part.zero_() if gradient is None else part.copy_(gradient.flatten())
            yield own.numpy()

    def _apply(self, released: Float[NDArray, " d"]) -> None:
        """One step of the optimiser along the released sum over the public expected batch."""
        mean = torch.from_numpy(released / self.config.batch)
        for parameter, part in zip(self._learnt, mean.split([p.numel() for p in self._learnt]), strict=True):
            parameter.grad = part.to(parameter.dtype).view_as(parameter)
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.lr * _factor(self.step, self.config)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    def tensors(self) -> dict[str, Tensor]:
        """Copies of everything that a resumed run needs beside `step`."""
        found = {f"model.{name}": value for name, value in self.model.state_dict().items()}
        for index, values in self.optimizer.state_dict()["state"].items():
            found |= {f"optimizer.{index}.{name}": value for name, value in values.items() if value is not None}
        return {name: value.detach().clone().contiguous() for name, value in found.items()}

    def restore(self, tensors: dict[str, Tensor], step: int) -> None:
        """Go on where `tensors` was taken."""
        state: dict[int, dict[str, Tensor]] = {}
        for name, value in tensors.items():
            kind, _, rest = name.partition(".")
            index, _, key = rest.partition(".")
            if kind == "optimizer":
                state.setdefault(int(index), {})[key] = value
        self.model.load_state_dict(
            {name.removeprefix("model."): value for name, value in tensors.items() if name.startswith("model.")}
        )
        self.optimizer.load_state_dict({"state": state, "param_groups": self.optimizer.state_dict()["param_groups"]})
        self.step = step


def without_padding(inputs: Inputs) -> Inputs:
    """A batch of one case, cut after its last real patch."""
    real = inputs.patch_mask[0].nonzero()
    end = int(real[-1]) + 1 if len(real) else min(1, inputs.patches.shape[1])
    return replace(inputs, patches=inputs.patches[:, :end], patch_mask=inputs.patch_mask[:, :end])


def _optimizer(parameters: list[nn.Parameter], config: PrivateConfig) -> Optimizer:
    if config.optimizer == "sgd":
        return SGD(parameters, lr=config.lr, momentum=config.momentum)
    return Adam(parameters, lr=config.lr, betas=(config.momentum, 0.999))


def _factor(step: int, config: PrivateConfig) -> float:
    """Share of the rate at a step: up in a line, down along a cosine; a function of public numbers alone."""
    rise = min(1.0, (step + 1) / max(1, config.warmup))
    return rise * 0.5 * (1 + math.cos(math.pi * step / config.steps))


def _per_patient(parameter: nn.Parameter, n: int) -> Float[Tensor, "b p"]:
    """Gradients of one parameter, a row per patient; zero where it had no part in the answer."""
    found = getattr(parameter, "grad_sample", None)
    parameter.grad_sample = None  # pyright: ignore[reportAttributeAccessIssue]
    parameter.grad = None
    return torch.zeros(n, parameter.numel()) if found is None else found.detach().flatten(1)


def _clipped_sum(gradients: Float[NDArray, "b d"], clip: float) -> Float[NDArray, " d"]:
    norms = np.linalg.norm(gradients.astype(np.float64), axis=1, keepdims=True)
    return (gradients * np.minimum(1.0, clip / np.maximum(norms, 1e-300))).sum(axis=0)
