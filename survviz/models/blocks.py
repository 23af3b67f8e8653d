"""Building blocks of the models. B1 to B7 are the names of the method dossier; shapes are (batch, items, width)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional


def masked_mean(values: Float[Tensor, "B N E"], mask: Bool[Tensor, "B N"]) -> Float[Tensor, "B E"]:
    """Mean over real items (B6); zero where a case has none."""
    weights = mask.unsqueeze(-1).to(values.dtype)  # (B, N, 1)
    return (values * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1)


def feed_forward(width: int, dropout: float = 0.1) -> nn.Sequential:
    """LayerNorm, two linear layers with GELU between; no residual (B5), as published."""
    return nn.Sequential(
        nn.LayerNorm(width), nn.Linear(width, width), nn.GELU(), nn.Dropout(dropout), nn.Linear(width, width)
    )


def head(width: int, n_out: int, hidden: int = 64) -> nn.Sequential:
    """Linear, ReLU, Linear (B7)."""
    return nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, n_out))


class PartialCrossAttention(nn.Module):
    """Tokens and patches attend to each other, patches never to patches (B4; Jaume et al. 2024, SurvPath).

    One head, pre-LayerNorm, no bias, no output projection, no residual. Keys, values and queries of the patches are
    never formed: with T tokens, `Q (P W_k)^T = (Q W_k^T) P^T`, and so on, which costs O(N T d) instead of O(N d^2).

    Queries, keys and values start by Xavier's rule, as in torch's own attention: with the default of `nn.Linear` the
    logits start four times smaller, and in a few hundred steps of Adam attention hardly leaves the uniform.
    """

    def __init__(self, width: int, out: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * out, bias=False)
        for projection in self.qkv.weight.chunk(3):
            nn.init.xavier_uniform_(projection)
        self.scale = out**-0.5

    def forward(
        self, tokens: Float[Tensor, "B T D"], patches: Float[Tensor, "B N D"], patch_mask: Bool[Tensor, "B N"]
    ) -> tuple[Float[Tensor, "B T E"], Float[Tensor, "B N E"], Float[Tensor, "B T N"], Float[Tensor, "B N T"]]:
        """New tokens, new patches, and the raw logits token -> patch and patch -> token."""
        w_query, w_key, w_value = self.qkv.weight.chunk(3)  # (E, D) each
        tokens, patches = self.norm(tokens), self.norm(patches)
        query, key, value = self.qkv(tokens).chunk(3, dim=-1)  # (B, T, E) each
        query = query * self.scale
        to_tokens = query @ key.mT  # (B, T, T)
        to_patches = (query @ w_key) @ patches.mT  # (B, T, N)
        from_patches = patches @ (key @ w_query * self.scale).mT  # (B, N, T)
        masked = to_patches.masked_fill(~patch_mask.unsqueeze(1), float("-inf"))
        weights = torch.cat([to_tokens, masked], dim=-1).softmax(dim=-1)  # (B, T, T + N)
        n_tokens = tokens.shape[1]
        seen = (weights[..., n_tokens:] @ patches) @ w_value.mT  # (B, T, E)
        return weights[..., :n_tokens] @ value + seen, from_patches.softmax(dim=-1) @ value, to_patches, from_patches


class GatedAttention(nn.Module):
    """Scores of gated attention pooling (B2; Ilse et al. 2018, equation 9)."""

    def __init__(self, width: int, hidden: int, dropout: float = 0.25) -> None:
        super().__init__()
        self.value = nn.Sequential(nn.Linear(width, hidden), nn.Tanh(), nn.Dropout(dropout))
        self.gate = nn.Sequential(nn.Linear(width, hidden), nn.Sigmoid(), nn.Dropout(dropout))
        self.score = nn.Linear(hidden, 1)

    def forward(self, patches: Float[Tensor, "B N D"]) -> Float[Tensor, "B N"]:
        """Raw score of each patch, before the softmax over patches."""
        return self.score(self.value(patches) * self.gate(patches)).squeeze(-1)


def masked_softmax(logits: Float[Tensor, "B N"], mask: Bool[Tensor, "B N"]) -> Float[Tensor, "B N"]:
    """Softmax over real items; all zero, with finite gradients, where a case has none."""
    empty = ~mask.any(dim=1, keepdim=True)
    return logits.masked_fill(~(mask | empty), float("-inf")).softmax(dim=1) * mask


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
    real: Tensor

    def __init__(self, programmes: Sequence[Sequence[int]], hidden: int, out: int, dropout: float = 0.25) -> None:
        super().__init__()
        count, longest = len(programmes), max(len(genes) for genes in programmes)
        indices = torch.zeros(count, longest, dtype=torch.int64)
        real = torch.zeros(count, longest)
        for row, genes in enumerate(programmes):
            indices[row, : len(genes)] = torch.tensor(genes)
            real[row, : len(genes)] = 1
        self.register_buffer("indices", indices, persistent=False)
        self.register_buffer("real", real, persistent=False)
        sizes = real.sum(dim=1).clamp(min=1).view(-1, 1, 1)
        activity = standard_normal(count, 1, hidden) / sizes
        own = standard_normal(count, longest, hidden) * (GENE_SHARE / sizes.sqrt())
        self.weight_in = nn.Parameter((activity + own) * real.unsqueeze(-1))
        self.bias_in = nn.Parameter(torch.zeros(count, hidden))
        self.weight_out = nn.Parameter(standard_normal(count, hidden, out).mul_(hidden**-0.5))
        self.bias_out = nn.Parameter(standard_normal(count, out))
        self.dropout = dropout

    def forward(self, rna: Float[Tensor, "B G"]) -> Float[Tensor, "B K E"]:
        """One token per programme from standardised expression."""
        genes = rna[:, self.indices] * self.real  # (B, K, S)
        hidden = self._activate(torch.einsum("bks,ksh->bkh", genes, self.weight_in) + self.bias_in)
        return self._activate(torch.einsum("bkh,kho->bko", hidden, self.weight_out) + self.bias_out)

    def _activate(self, values: Tensor) -> Tensor:
        return functional.alpha_dropout(functional.elu(values), self.dropout, self.training)
