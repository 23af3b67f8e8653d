"""Attention between a few tokens and many patches, and attention pooling. Shapes are (batch, items, width)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn


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

    def ask(self, tokens: Float[Tensor, "B T D"]) -> Asked:
        """The tokens' side of the attention, for patches that are normalised but not scaled by this norm's weights."""
        w_query, w_key, _ = self.qkv.weight.chunk(3)  # (E, D) each
        query, key, value = self.qkv(self.norm(tokens)).chunk(3, dim=-1)  # (B, T, E) each
        query = query * self.scale
        asks, answers = query @ w_key, key @ w_query * self.scale  # (B, T, D)
        scale, shift = self.norm.weight, self.norm.bias.unsqueeze(-1)
        return Asked(query, key, value, asks * scale, answers * scale, asks @ shift, answers @ shift)

    def hear(self, seen: Float[Tensor, "B T D"], share: Float[Tensor, "B T 1"]) -> Float[Tensor, "B T E"]:
        """Values of what the tokens saw of normalised patches; `share` is the attention that the patches got."""
        return (seen * self.norm.weight + share * self.norm.bias) @ self.qkv.weight.chunk(3)[2].mT


@dataclass(frozen=True, slots=True)
class Asked:
    """Tokens as queries, keys and values, and how both look from the patches' side.

    Attributes:
        query, key, value: (B, T, E); queries are scaled.
        query_rows, key_rows: (B, T, D), whose products with a normalised patch are its logits, up to the shifts.
        query_shift, key_shift: (B, T, 1)
    """

    query: Tensor
    key: Tensor
    value: Tensor
    query_rows: Tensor
    key_rows: Tensor
    query_shift: Tensor
    key_shift: Tensor


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
