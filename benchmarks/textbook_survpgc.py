"""SurvPGC as the paper's equations read: standard layers on the whole sequence, one case at a time.

The yard-stick of `benchmarks/training_speed.py`. Parameters are named and shaped as in `survviz.models.survpgc`, so
both can hold the same weights. No code of the authors was used.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

D_PATCH, D_CLINICAL, D_GENOMIC = 1024, 512, 768
D_EMBED, D_ATTENTION, D_HEAD, DROPOUT = 256, 128, 64, 0.1


class TextbookAttention(nn.Module):
    """Tokens attend to everything, patches to tokens; queries, keys and values of all are formed."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(D_EMBED)
        self.qkv = nn.Linear(D_EMBED, 3 * D_ATTENTION, bias=False)

    def forward(self, tokens: Tensor, patches: Tensor) -> Tensor:
        """New tokens, then new patches: (1, T + N, E)."""
        n = tokens.shape[1]
        query, key, value = self.qkv(self.norm(torch.cat([tokens, patches], dim=1))).chunk(3, dim=-1)
        query = query * D_ATTENTION**-0.5
        of_tokens = (query[:, :n] @ key.mT).softmax(dim=-1) @ value
        of_patches = (query[:, n:] @ key[:, :n].mT).softmax(dim=-1) @ value[:, :n]
        return torch.cat([of_tokens, of_patches], dim=1)


class TextbookSurvPGC(nn.Module):
    """(1, N, 1024) patches, (1, 4, 768) genes, (1, 6, 512) sentences -> (1, bins) logits."""

    def __init__(self, n_bins: int = 4) -> None:
        super().__init__()
        self.project_patches = nn.Linear(D_PATCH, D_EMBED)
        self.project_tokens = nn.ModuleDict(
            {"genomic": nn.Linear(D_GENOMIC, D_EMBED), "clinical": nn.Linear(D_CLINICAL, D_EMBED)}
        )
        self.attend = nn.ModuleDict({"genomic": TextbookAttention(), "clinical": TextbookAttention()})
        self.feed_forward = nn.Sequential(
            nn.LayerNorm(D_ATTENTION), nn.Linear(D_ATTENTION, D_ATTENTION), nn.GELU(), nn.Dropout(DROPOUT),
            nn.Linear(D_ATTENTION, D_ATTENTION),
        )  # fmt: skip
        self.norm = nn.LayerNorm(D_ATTENTION)
        self.head = nn.Sequential(nn.Linear(4 * D_ATTENTION, D_HEAD), nn.ReLU(), nn.Linear(D_HEAD, n_bins))

    def forward(self, patches: Tensor, tokens: dict[str, Tensor]) -> Tensor:
        """Hazard logits of one case."""
        projected = self.project_patches(patches)
        means = []
        for group, attend in self.attend.items():
            n = tokens[group].shape[1]
            read = self.norm(self.feed_forward(attend(self.project_tokens[group](tokens[group]), projected)))
            means += [read[:, :n].mean(dim=1), read[:, n:].mean(dim=1)]
        return self.head(torch.cat(means, dim=-1))
