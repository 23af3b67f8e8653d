"""Tokens from expression: one small network per gene programme."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from survviz.models.inputs import ExpressionInput, GenomicTokenInput
from survviz.types import Inputs


def standard_normal(*shape: int) -> Tensor:
    """Normal draws; on the meta device, as checkpoints are checked, none: `randn` there imports sympy for a second."""
    values = torch.empty(shape)
    return values if values.is_meta else values.normal_()


GENE_SHARE = 0.2
"""Size of the gene-by-gene part of a programme network's first weights, beside the programme's mean."""


class ProgrammeTokens(nn.Module):
    """One small self-normalising network per gene programme (B1 twice), all of them in two batched products.

    Every unit starts as a multiple of the programme's mean expression plus a little of each gene's own (`GENE_SHARE`):
    a programme is a set of genes that go together, and with few cases a network that starts from random projections
    of the genes has to find that out first. And every token starts with a vector of its own (`bias_out`), as a clinical
    sentence has the words of its template: a token that is nothing but its expression turns round with its sign, and
    cannot ask the same of the slide in every case.

    Args:
        programmes: the gene columns of each programme, in token order.
        hidden: width between the two layers.
        out: width of a token.
        dropout: rate of alpha dropout.
    """

    indices: Tensor
    slots: Tensor

    def __init__(self, programmes: Sequence[Sequence[int]], hidden: int, out: int, dropout: float = 0.25) -> None:
        super().__init__()
        count, longest = len(programmes), max(map(len, programmes))
        total = sum(map(len, programmes))
        indices, slots, cells = [], [], []  # cells: of a (count, longest) table, those that hold a gene
        for row, genes in enumerate(programmes):
            absent = longest - len(genes)
            indices.append([*genes, *[0] * absent])
            slots.append([*range(len(cells), len(cells) + len(genes)), *[total] * absent])
            cells += range(row * longest, row * longest + len(genes))
        self.register_buffer("indices", torch.tensor(indices), persistent=False)
        self.register_buffer("slots", torch.tensor(slots), persistent=False)
        self.weight_in = nn.Parameter(_first_weights(programmes, cells, hidden))  # (total, H), one after another
        self.bias_in = nn.Parameter(torch.zeros(count, hidden))
        self.weight_out = nn.Parameter(standard_normal(count, hidden, out).mul_(hidden**-0.5))
        self.bias_out = nn.Parameter(standard_normal(count, out))
        self.dropout = dropout

    def forward(self, rna: Float[Tensor, "B G"]) -> Float[Tensor, "B K E"]:
        """One token per programme from standardised expression."""
        padded = torch.cat([self.weight_in, self.weight_in.new_zeros(1, self.weight_in.shape[1])])
        hidden = torch.einsum("bks,ksh->bkh", rna[:, self.indices], padded[self.slots])
        hidden = self._activate(hidden + self.bias_in)
        return self._activate(torch.einsum("bkh,kho->bko", hidden, self.weight_out) + self.bias_out)

    def _activate(self, values: Tensor) -> Tensor:
        return functional.alpha_dropout(functional.elu(values), self.dropout, self.training)


def _first_weights(programmes: Sequence[Sequence[int]], cells: list[int], hidden: int) -> Float[Tensor, "total H"]:
    sizes = torch.tensor([len(genes) for genes in programmes]).view(-1, 1, 1)
    activity = standard_normal(len(programmes), 1, hidden)
    own = standard_normal(len(programmes), max(map(len, programmes)), hidden)
    if own.is_meta:  # arithmetic there imports torch._dynamo for seconds
        return torch.empty(len(cells), hidden)
    both = activity / sizes + own * (GENE_SHARE / sizes.sqrt())
    return both.flatten(0, 1)[torch.tensor(cells)]


def genomic_projection(config: GenomicTokenInput, hidden: int, out: int, dropout: float = 0.25) -> nn.Module:
    """Values of `genomic_values` -> tokens (B, T, out): a network per programme, or one linear layer for all tokens."""
    if config.programmes is None:
        return nn.Linear(config.d_genomic, out)
    return ProgrammeTokens(list(config.programmes.values()), hidden, out, dropout)


def genomic_values(inputs: Inputs) -> Tensor:
    """What a model reads of genomics in a checked batch: expression (B, G), else precomputed tokens (B, T, D)."""
    return inputs.vectors["rna"] if "rna" in inputs.vectors else inputs.tokens["genomic"]


def genomic_vector(inputs: Inputs) -> Float[Tensor, "B G"]:
    """Expression; where a model reads precomputed tokens, those one after another."""
    return genomic_values(inputs).flatten(1)


def genomic_width(config: ExpressionInput) -> int:
    """Width of `genomic_vector`."""
    return config.n_genes or len(config.genomic_tokens) * config.d_genomic
