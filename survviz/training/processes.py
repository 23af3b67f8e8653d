"""Several processes that train one model as one would: each computes its share of the cases, all see every output.

Every process draws the same batches and computes the same loss over all of their cases, so a risk set or a term between
cases never ends at a process's share. A gathered output gives each process the gradient of its own rows, `size` times;
the mean of the processes' gradients is then the gradient of the one loss, penalties on the weights included.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, overload

import torch
import torch.distributed as dist
from torch import Tensor, nn

from survviz.data.preprocess import Sample
from survviz.errors import InputError
from survviz.training.batches import Part
from survviz.types import Inputs, Output


@dataclass(frozen=True, slots=True)
class World:
    """This process among those that train together; alone, everything here does nothing.

    Attributes:
        rank: 0 writes and prints.
        size: number of processes.
    """

    rank: int = 0
    size: int = 1

    @classmethod
    def current(cls) -> World:
        """The group that `processes` joined, or this process alone."""
        if dist.is_available() and dist.is_initialized():
            return cls(dist.get_rank(), dist.get_world_size())
        return cls()

    @property
    def is_first(self) -> bool:
        """Whether this process writes and prints."""
        return self.rank == 0

    def sizes(self, n_cases: int) -> list[int]:
        """How many of so many cases each process counts for; the first ones take what is left over."""
        return [n_cases // self.size + (rank < n_cases % self.size) for rank in range(self.size)]

    def rows(self, n_cases: int) -> slice:
        """The cases that this process computes: its share; without one the first case, which is not counted."""
        sizes = self.sizes(n_cases)
        start = sum(sizes[: self.rank])
        return slice(start, start + sizes[self.rank]) if sizes[self.rank] else slice(0, min(1, n_cases))

    def gather(self, values: Tensor, n_cases: int) -> Tensor:
        """(n_cases, ...) the counted rows of all processes, in order; gradients go back to the rows' own process."""
        if self.size == 1:
            return values
        return _Gather.apply(values, self.sizes(n_cases), self.rank)  # type: ignore[no-any-return]

    def gather_output(self, output: Output, n_cases: int) -> Output:
        """Logits and embeddings of all processes."""
        if self.size == 1:
            return output
        embeddings = {name: self.gather(output.embeddings[name], n_cases) for name in sorted(output.embeddings)}
        return replace(output, logits=self.gather(output.logits, n_cases), embeddings=embeddings)

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace each gradient by its mean over processes; a parameter that no process used keeps none."""
        if self.size == 1:
            return
        used = [parameter for parameter in parameters if parameter.requires_grad]
        gradients = [torch.zeros_like(one) if one.grad is None else one.grad for one in used]
        has = torch.tensor([float(one.grad is not None) for one in used]).to(gradients[0])
        flat = torch.cat([has, *(gradient.flatten() for gradient in gradients)])
        dist.all_reduce(flat)
        has, *means = (flat / self.size).split([len(used), *(one.numel() for one in used)])
        for parameter, mean, share in zip(used, means, has.tolist(), strict=True):
            parameter.grad = mean.view_as(parameter) if share else None

    def same_weights(self, model: nn.Module) -> None:
        """Give every process the first one's weights."""
        if self.size > 1:
            for value in model.state_dict().values():
                dist.broadcast(value, 0)

    def agreed(self, *values: float | None, device: torch.device) -> tuple[Any, ...]:
        """The first process's numbers, so that a last bit that differs between machines decides nothing."""
        if self.size == 1:
            return values
        numbers = torch.tensor([math.nan if value is None else value for value in values], dtype=torch.float64)
        numbers = numbers.to(device)
        dist.broadcast(numbers, 0)
        return tuple(None if math.isnan(value) else value for value in numbers.tolist())

    def states(self, value: Tensor, device: torch.device) -> list[Tensor]:
        """The same-sized tensor of each process, on the CPU, in order of rank."""
        if self.size == 1:
            return [value]
        parts = [torch.empty_like(value, device=device) for _ in range(self.size)]
        dist.all_gather(parts, value.to(device))
        return [part.cpu() for part in parts]

    def wait(self) -> None:
        """Until every process is here."""
        if self.size > 1:
            dist.barrier()


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, sizes: list[int], rank: int) -> Tensor:
        ctx.size, ctx.n_rows = len(sizes), len(values)
        ctx.counted = slice(sum(sizes[:rank]), sum(sizes[: rank + 1]))
        padded = values.new_zeros(max(sizes), *values.shape[1:])
        padded[: sizes[rank]] = values[: sizes[rank]]
        parts = [torch.empty_like(padded) for _ in sizes]
        dist.all_gather(parts, padded)
        return torch.cat([part[:n] for part, n in zip(parts, sizes, strict=True)])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (gradient,) = gradients
        mine = gradient.new_zeros(ctx.n_rows, *gradient.shape[1:])
        counted = gradient[ctx.counted]
        mine[: len(counted)] = counted * ctx.size
        return mine, None, None


@contextmanager
def processes(device: torch.device) -> Iterator[World]:
    """Join the processes that `torchrun` started, by NCCL on GPUs and by gloo on CPUs; without it, stay alone.

    Raises:
        InputError: there are more processes on this machine than GPUs.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1 or "RANK" not in os.environ or dist.is_initialized():
        yield World.current()
        return
    if device.type == "cuda":
        dist.init_process_group("nccl", device_id=device)
    else:
        dist.init_process_group("gloo")
    try:
        yield World.current()
    finally:
        dist.destroy_process_group()


def local_device(name: str) -> torch.device:
    """The device of this process; with several on a machine, "cuda" and "auto" take one GPU each.

    Raises:
        InputError: there are more processes on this machine than GPUs, or no GPU.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name != "cuda":
        return torch.device(name)
    local, n_gpus = int(os.environ.get("LOCAL_RANK", "0")), torch.cuda.device_count()
    if local >= n_gpus:
        raise InputError(
            f"Process {local} of this machine asked for a GPU of its own; torch sees {n_gpus}. Start torchrun with "
            "--nproc-per-node at most the number of GPUs, or set --device cpu."
        )
    torch.cuda.set_device(local)
    return torch.device("cuda", local)


def rows_of(inputs: Inputs, rows: slice) -> Inputs:
    """Some cases of a padded batch."""
    return Inputs(
        patches=inputs.patches[rows],
        patch_mask=inputs.patch_mask[rows],
        tokens={name: value[rows] for name, value in inputs.tokens.items()},
        vectors={name: value[rows] for name, value in inputs.vectors.items()},
        present={name: value[rows] for name, value in inputs.present.items()},
    )


def share_of(part: Part, world: World) -> Part:
    """The cases of a part that this process scores; they are read when they are asked for."""
    if world.size == 1:
        return part
    rows = world.rows(len(part))
    return replace(
        part,
        case_ids=part.case_ids[rows],
        samples=_Rows(part.samples, range(len(part))[rows]),
        bin=part.bin[rows],
        event=part.event[rows],
        time=part.time[rows],
    )


class _Rows(Sequence[Sample]):
    """Some of the samples, without reading any."""

    def __init__(self, samples: Sequence[Sample], rows: Sequence[int]) -> None:
        self._samples, self._rows = samples, rows

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> Sample: ...

    @overload
    def __getitem__(self, index: slice) -> _Rows: ...

    def __getitem__(self, index: int | slice) -> Sample | _Rows:
        if isinstance(index, slice):
            return _Rows(self._samples, self._rows[index])
        return self._samples[self._rows[index]]
