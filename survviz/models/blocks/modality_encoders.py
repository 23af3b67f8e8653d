"""From what a case brings to one vector per modality: the values, lookups of categories, and stacks of layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import prod

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from survviz.models.blocks.families import consecutive
from survviz.models.blocks.pooling import masked_mean
from survviz.models.blocks.programmes import standard_normal
from survviz.models.inputs import Reads
from survviz.types import Inputs, Modality

ONE_HOT_FIELDS = consecutive({"subtype": 6, "age": 1, "sex": 2, "stage": 5, "edition": 5, "race": 5})
"""24 clinical columns over the six fields of the survival comparisons, whose own division is not published."""

PAN_CANCER_FIELDS = consecutive({"type": 33, "sex": 2, "race": 6, "histology": 145, "age": 1})
"""Clinical columns of Fan et al. 2023: TCGA's clinical data resource without stage."""


def widths(reads: Sequence[Reads]) -> dict[Modality, int]:
    """Modality -> numbers in its vector of `case_vectors`."""
    return {read.modality: prod(read.shape) for read in reads}


def case_vectors(inputs: Inputs, reads: Sequence[Reads]) -> dict[Modality, Float[Tensor, "B W"]]:
    """Modality -> one vector per case of a checked batch: of patches their mean, of tokens one after another."""
    vectors: dict[Modality, Tensor] = {}
    for read in reads:
        if read.form == "patches":
            vectors[read.modality] = masked_mean(inputs.patches, inputs.patch_mask)
        elif read.form == "tokens":
            vectors[read.modality] = inputs.tokens[read.name].flatten(1)
        else:
            vectors[read.modality] = inputs.vectors[read.name]
    return vectors


def encode_modalities(
    encoders: nn.ModuleDict, inputs: Inputs, reads: Sequence[Reads]
) -> tuple[dict[str, Float[Tensor, "B E"]], Bool[Tensor, "B M"]]:
    """Modality -> its embedding, zero where it is absent, in the order of the encoders; and which are there."""
    vectors: Mapping[str, Tensor] = {**case_vectors(inputs, reads)}
    present: Mapping[str, Tensor] = {**inputs.present}
    embeddings = {name: encode(vectors[name]) * present[name].unsqueeze(-1) for name, encode in encoders.items()}
    return embeddings, torch.stack([present[name] for name in encoders], dim=1)


class CategoryEmbeddings(nn.Module):
    """A learnt vector per value of a clinical field; a field of one column, a number, stays as it is.

    A lookup is a bias-free linear layer on one-hot columns. A field of n columns gets min(50, (n + 1) // 2) numbers,
    which gives every published size: 33 -> 17, 8 -> 4, 20 -> 10, 145 -> 50.

    Args:
        fields: field -> its columns.
    """

    order: Tensor

    def __init__(self, fields: Mapping[str, Sequence[int]]) -> None:
        super().__init__()
        self.sizes = [len(columns) for columns in fields.values()]
        self.register_buffer("order", torch.tensor([i for one in fields.values() for i in one]), persistent=False)
        embed = [nn.Linear(n, min(50, (n + 1) // 2), bias=False) if n > 1 else nn.Identity() for n in self.sizes]
        self.embed = nn.ModuleList(embed)
        self.width = sum(layer.out_features if isinstance(layer, nn.Linear) else 1 for layer in embed)

    def forward(self, columns: Float[Tensor, "B C"]) -> Float[Tensor, "B W"]:
        """Embeddings of all fields, one after another."""
        fields = columns[:, self.order].split(self.sizes, dim=1)
        return torch.cat([embed(field) for embed, field in zip(self.embed, fields, strict=True)], dim=1)


class CopyNumberEmbeddings(nn.Module):
    """A learnt vector per gene for each of loss, neutral and gain.

    -1, 0 and 1 are those three, as in a lookup. Values between are shared among their two neighbours in proportion, and
    values beyond count as the outermost, so that segment means and z-scores can be read too, and have a gradient.

    Args:
        count: number of genes.
        width: numbers per gene.
    """

    def __init__(self, count: int, width: int = 2) -> None:
        super().__init__()
        self.weight = nn.Parameter(standard_normal(count, 3, width))

    def forward(self, values: Float[Tensor, "B G"]) -> Float[Tensor, "B GE"]:
        """Embeddings of all genes, one after another."""
        loss, gain = (-values).clamp(0, 1), values.clamp(0, 1)
        shares = torch.stack([loss, 1 - loss - gain, gain], dim=-1)  # (B, G, 3)
        return torch.einsum("bgs,gse->bge", shares, self.weight).flatten(1)


class Highway(nn.Module):
    """Each entry is either passed on or replaced, as a learnt gate says (Srivastava et al. 2015, equation 3).

    The gate starts mostly shut, as they recommend for a deep stack.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.change = nn.Linear(width, width)
        self.gate = nn.Linear(width, width)
        nn.init.constant_(self.gate.bias, -1.0)

    def forward(self, values: Float[Tensor, "B E"]) -> Float[Tensor, "B E"]:
        """gate * ReLU(change) + (1 - gate) * values."""
        gate = self.gate(values).sigmoid()
        return gate * self.change(values).relu() + (1 - gate) * values


def layers(*sizes: int, dropout: float) -> nn.Sequential:
    """Linear, LayerNorm, ReLU and dropout from each size to the next; LayerNorm in the place of BatchNorm."""
    return nn.Sequential(
        *(
            layer
            for n_in, n_out in pairwise(sizes)
            for layer in (nn.Linear(n_in, n_out), nn.LayerNorm(n_out), nn.ReLU(), nn.Dropout(dropout))
        )
    )
