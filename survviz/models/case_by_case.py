"""A large batch on a CPU, one case at a time: nothing padded is computed, and a case's numbers stay in the caches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from survviz.types import Inputs, Output

LARGE = 2**22
"""Numbers of a batch of patches from which on it pays: 4,096 patches of 1,024."""


def pays_case_by_case(inputs: Inputs) -> bool:
    """Whether a batch is large enough, and on a CPU; a GPU wants all cases at once."""
    patches = inputs.patches
    return len(patches) > 1 and patches.numel() > LARGE and patches.device.type == "cpu"


def single_cases(inputs: Inputs) -> Iterator[Inputs]:
    """Each case of a batch by itself, cut after its last real patch; one masked row where it has none."""
    places = torch.arange(1, inputs.patch_mask.shape[1] + 1)
    for i, n in enumerate((inputs.patch_mask * places).amax(dim=1).clamp(min=1).tolist()):
        row = slice(i, i + 1)
        yield Inputs(
            patches=inputs.patches[row, :n],
            patch_mask=inputs.patch_mask[row, :n],
            tokens={name: value[row] for name, value in inputs.tokens.items()},
            vectors={name: value[row] for name, value in inputs.vectors.items()},
            present={name: value[row] for name, value in inputs.present.items()},
        )


def joined(outputs: Sequence[Output]) -> Output:
    """Outputs of several batches as one, without attention."""
    names = outputs[0].embeddings
    embeddings = {name: torch.cat([output.embeddings[name] for output in outputs]) for name in names}
    return Output(torch.cat([output.logits for output in outputs]), outputs[0].kind, embeddings)
