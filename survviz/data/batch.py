"""One case as numbers, and several of them as a padded batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from survviz.data.stored_patches import StoredPatches
from survviz.errors import InputError
from survviz.types import Inputs, Modality

if TYPE_CHECKING:
    from torch import Tensor

NewPatches: TypeAlias = "Callable[[tuple[int, int, int]], Tensor]"
"""Memory for the patches of a batch (B, N, D), of any content, in the dtype that they are computed in."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One case as numbers, not yet padded; what it lacks is left out.

    Attributes:
        patches: (N, D) standardised, or to be so when a batch is built; the case's slides one after another in the
            order of `Case.bags`, or its regions.
        tokens: "clinical" (sentence embeddings) and "genomic" (precomputed) -> (T, E).
        vectors: "clinical", "rna", "mirna" and "cnv" -> (G,).
        present: the modalities that the case has.
    """

    case_id: str
    patches: NDArray[np.float32] | StoredPatches
    tokens: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    vectors: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    present: frozenset[Modality] = frozenset()


def pad(
    samples: Sequence[Sample],
    *,
    tokens: Mapping[str, tuple[int, int]],
    vectors: Mapping[str, int],
    modalities: Sequence[Modality],
    new_patches: NewPatches | None = None,
) -> Inputs:
    """A batch of one or more cases, zero where a case lacks something; at least one (masked) patch row.

    Args:
        tokens: shape (T, E) of every token group of the batch.
        vectors: width of every vector of the batch.
        new_patches: where the patches go; float32 of their own if not given.

    Raises:
        InputError: there is no case.
    """
    import torch

    if not samples:
        raise InputError("An empty batch was asked for; give one case or more.")
    n = max(1, *(len(sample.patches) for sample in samples))
    patches = (new_patches or torch.empty)((len(samples), n, samples[0].patches.shape[1]))
    mask = torch.zeros(len(samples), n, dtype=torch.bool)
    for i, sample in enumerate(samples):
        real = len(sample.patches)
        if isinstance(sample.patches, StoredPatches):
            sample.patches.read_into(patches[i, :real])
        else:
            patches[i, :real] = torch.from_numpy(sample.patches)
        patches[i, real:] = 0
        mask[i, :real] = True
    return Inputs(
        patches=patches,
        patch_mask=mask,
        tokens={name: _stack([one.tokens.get(name) for one in samples], shape) for name, shape in tokens.items()},
        vectors={name: _stack([one.vectors.get(name) for one in samples], (n,)) for name, n in vectors.items()},
        present={name: torch.tensor([name in sample.present for sample in samples]) for name in modalities},
    )


def _stack(rows: Sequence[NDArray[np.float32] | None], shape: tuple[int, ...]) -> Tensor:
    import torch

    return torch.from_numpy(np.stack([np.zeros(shape, dtype=np.float32) if row is None else row for row in rows]))
