"""MCAT: each gene family asks the slide what it wants to know, and the answers stand in for the patches.

Chen et al., Multimodal Co-Attention Transformer for Survival Prediction in Gigapixel Whole Slide Images, ICCV 2021.
"""

from __future__ import annotations

from typing import ClassVar, Literal, Self

import torch
from jaxtyping import Float
from pydantic import Field, model_validator
from torch import Tensor, nn

from survviz.models.base import Model
from survviz.models.blocks import (
    FAMILIES,
    N_FAMILY_GENES,
    GatedAttention,
    MultiheadCrossAttention,
    OuterProductFusion,
    genomic_projection,
    genomic_values,
    rectified,
)
from survviz.models.card import CLEAN_ROOM, TAKES_BAG, Attends, Card
from survviz.models.inputs import GenomicTokenInput, PatchInput
from survviz.models.registry import register
from survviz.types import Inputs, Modality, Output


class McatConfig(PatchInput, GenomicTokenInput):
    """Sizes; the defaults are the published ones, with the six gene families taken from RNA alone.

    Attributes:
        d_programme: hidden width of each family's network.
        d_hidden: width of the feed-forward part of a transformer layer.
        heads: of a transformer layer; the co-attention has one.
        fusion: of the two branches: "concat" or "bilinear" (gated outer product).
        modalities: what to read; without "pathology" the genomic branch alone.
    """

    programmes: dict[str, tuple[int, ...]] | None = FAMILIES
    n_genes: int | None = Field(N_FAMILY_GENES, ge=1)
    d_programme: int = Field(256, ge=1)
    d_embed: int = Field(256, ge=1)
    d_attention: int = Field(256, ge=1)
    d_hidden: int = Field(512, ge=1)
    heads: int = Field(8, ge=1)
    dropout: float = Field(0.25, ge=0, lt=1)
    fusion: Literal["concat", "bilinear"] = "concat"
    modalities: tuple[Modality, ...] = ("pathology", "genomic")

    @model_validator(mode="after")
    def _can_be_built(self) -> Self:
        if "genomic" not in self.modalities:
            raise ValueError("here genes ask and patches answer; for pathology alone use the model 'abmil'")
        if self.d_embed % self.heads:
            raise ValueError(f"{self.heads} heads do not divide d_embed = {self.d_embed}")
        return self


@register("mcat")
class Mcat(Model):
    """Families look at patches; what they saw, and the families, each pass a small transformer and gated pooling."""

    card: ClassVar[Card] = Card(
        title="MCAT",
        paper="Chen et al.: Multimodal Co-Attention Transformer for Survival Prediction in Gigapixel Whole Slide "
        "Images, ICCV 2021",
        year=2021,
        family="pathology + omics",
        licence=f"original GPL-3.0; {CLEAN_ROOM}",
        pathology=TAKES_BAG,
        when_missing="without patches the genomic branch decides; without genes nothing can ask the slide, so both "
        "embeddings are zero and the risk is that of no information",
        differences=(
            "Padding is masked, and a batch may hold several cases.",
            "The six families are read from RNA; the original adds the mutations and copy numbers of their genes.",
            "By default the families are consecutive columns, since only their sizes go with the model.",
            "Genomic tokens may also be precomputed.",
            "The networks of the families start near the mean of their genes, and their tokens apart.",
            "The two layers of a transformer start from different weights; torch's container would copy the first.",
        ),
        parameters=3_951_622,
    )
    Config = McatConfig
    config: McatConfig

    def __init__(self, config: McatConfig) -> None:
        super().__init__(config)
        width = config.d_embed
        self.project_tokens = genomic_projection(config, config.d_programme, width, config.dropout)
        self.read_tokens = TokenReadout(config)
        self.has_pathology = "pathology" in config.modalities
        if self.has_pathology:
            self.attends = (self._attends(),)
            self.project_patches = rectified(config.d_patch, width, config.dropout)
            self.coattend = self._coattention()
            self.read_seen = TokenReadout(config)
            if config.fusion == "bilinear":
                self.fuse = OuterProductFusion(width, width, out=width, dropout=config.dropout)
            else:
                self.fuse = nn.Sequential(nn.Linear(2 * width, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU())
        self.output_layer = nn.Linear(width, config.n_outputs)

    def _attends(self) -> Attends:
        return Attends("genomic", "pathology", 1, "all patches of the patient")

    def _coattention(self) -> nn.Module:
        """What takes (tokens, patches, patch mask) to (what each token sees, raw logits)."""
        return MultiheadCrossAttention(self.config.d_embed)

    def compute(self, inputs: Inputs, *, attention: bool) -> Output:
        """Logits, the embedding of each branch, and on request the raw co-attention."""
        has_genes = inputs.present["genomic"].unsqueeze(-1)  # (B, 1)
        tokens = self.project_tokens(genomic_values(inputs))  # (B, T, E)
        genomic = self.read_tokens(tokens) * has_genes
        if not self.has_pathology:
            logits, maps = self.output_layer(genomic), {} if attention else None
            return Output(logits, self.config.output, {"genomic": genomic}, maps)
        seen, scores = self.coattend(tokens, self.project_patches(inputs.patches), inputs.patch_mask)
        pathology = self.read_seen(seen) * (has_genes & inputs.present["pathology"].unsqueeze(-1))
        if self.config.fusion == "bilinear":
            fused = self.fuse(pathology, genomic)
        else:
            fused = self.fuse(torch.cat([pathology, genomic], dim=-1))
        embeddings = {"pathology|genomic": pathology, "genomic": genomic, "fused": fused}
        maps = self.attends[0].of(scores) if attention else None
        return Output(self.output_layer(fused), self.config.output, embeddings, maps)


class TokenReadout(nn.Module):
    """A few tokens become one vector: two post-norm transformer layers, gated attention, one layer (B9, B2, B3)."""

    def __init__(self, config: McatConfig) -> None:
        super().__init__()
        width, rate = config.d_embed, config.dropout
        layers = (
            nn.TransformerEncoderLayer(width, config.heads, config.d_hidden, rate, batch_first=True) for _ in range(2)
        )
        self.transform = nn.Sequential(*layers)
        self.attend = GatedAttention(width, config.d_attention, rate)
        self.hidden = rectified(width, width, rate)

    def forward(self, tokens: Float[Tensor, "B T E"]) -> Float[Tensor, "B E"]:
        """The tokens of each case as one vector."""
        tokens = self.transform(tokens)
        weights = self.attend(tokens).softmax(dim=-1)  # (B, T)
        return self.hidden((weights.unsqueeze(1) @ tokens).squeeze(1))
