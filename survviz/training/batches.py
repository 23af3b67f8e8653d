"""Batches of prepared cases: which patches, which modalities, in which order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray
from torch import Tensor

from survviz.data.preprocess import Sample
from survviz.types import Inputs, Modality

Collate: TypeAlias = Callable[..., Inputs]
"""A padded batch of a list of samples; may take `new_patches`, where their patches go."""


@dataclass(frozen=True, slots=True)
class Part:
    """Prepared cases of one part of a fold, in one order.

    Attributes:
        bin: (n,) time bin of each case, by the edges of the fold's training part.
        event: (n,)
        time: (n,) months.
    """

    case_ids: tuple[str, ...]
    samples: Sequence[Sample]
    bin: Int[Tensor, " n"]
    event: Bool[Tensor, " n"]
    time: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.samples)


@dataclass(frozen=True, slots=True)
class Batch:
    """A padded batch with its labels."""

    inputs: Inputs
    bin: Int[Tensor, " B"]
    event: Bool[Tensor, " B"]
    time: Float[Tensor, " B"]


def in_bf16(collate: Collate) -> Collate:
    """The same batches with patches in bf16, written so at once: no float32 copy of a bag is ever made."""
    return partial(collate, new_patches=partial(torch.empty, dtype=torch.bfloat16))


def training_batches(
    part: Part,
    collate: Collate,
    *,
    batch_size: int,
    max_patches: int,
    modality_dropout: float,
    modalities: Sequence[Modality],
    random: torch.Generator,
) -> Iterator[Batch]:
    """Every case once in random order, with fresh patches and fresh modality dropout."""
    for rows in torch.randperm(len(part), generator=random).split(batch_size):
        samples = [draw_patches(part.samples[row], max_patches, random) for row in rows.tolist()]
        inputs = drop_modalities(collate(samples), modality_dropout, modalities, random)
        yield Batch(inputs, part.bin[rows], part.event[rows], torch.from_numpy(part.time[rows.numpy()]))


def evaluation_batches(
    part: Part, collate: Collate, *, max_cases: int = 16, max_patches: int = 65_536
) -> Iterator[Batch]:
    """Every case in order, with all of its patches; large bags come in smaller batches, so that memory stays flat."""
    rows: list[int] = []
    longest = 0
    for row, sample in enumerate(part.samples):
        longest = max(longest, len(sample.patches))
        if rows and (len(rows) == max_cases or longest * (len(rows) + 1) > max_patches):
            yield _batch(part, collate, rows)
            rows, longest = [], len(sample.patches)
        rows.append(row)
    if rows:
        yield _batch(part, collate, rows)


def _batch(part: Part, collate: Collate, rows: list[int]) -> Batch:
    time = torch.from_numpy(part.time[rows])
    return Batch(collate([part.samples[row] for row in rows]), part.bin[rows], part.event[rows], time)


def draw_patches(sample: Sample, max_patches: int, random: torch.Generator) -> Sample:
    """The same case with at most so many patches, drawn without replacement, in their original order."""
    n_patches = len(sample.patches)
    if n_patches <= max_patches:
        return sample
    chosen = torch.randperm(n_patches, generator=random)[:max_patches].sort().values
    return replace(sample, patches=sample.patches[chosen.numpy()])


def drop_modalities(inputs: Inputs, rate: float, modalities: Sequence[Modality], random: torch.Generator) -> Inputs:
    """Mark modalities as absent at random; a case never loses the last one that it has."""
    names: list[Modality] = [name for name in modalities if name in inputs.present]
    if not rate or len(names) < 2:
        return inputs
    present = torch.stack([inputs.present[name] for name in names], dim=1)  # (B, M)
    kept = present & (torch.rand(present.shape, generator=random) >= rate)
    kept = torch.where(kept.any(dim=1, keepdim=True), kept, present)
    changed = {name: kept[:, column] for column, name in enumerate(names)}
    return replace(inputs, present={**inputs.present, **changed})
