"""SurvPath: hundreds of pathways look at the slide and at each other, and the slide looks back at them.

Jaume et al., Modeling Dense Multimodal Interactions Between Biological Pathways and Histology for Survival Prediction,
CVPR 2024.
"""

from __future__ import annotations

from typing import Self, cast

import torch
from pydantic import Field, model_validator
from torch import nn

from survviz.models.base import Model
from survviz.models.blocks import (
    PartialCrossAttention,
    feed_forward,
    genomic_projection,
    genomic_values,
    head,
    masked_mean,
)
from survviz.models.blocks.families import consecutive
from survviz.models.card import CLEAN_ROOM, TAKES_BAG, ZERO_EMBEDDING, Attends, Card
from survviz.models.inputs import GenomicTokenInput, PatchInput
from survviz.models.registry import register
from survviz.types import Inputs, Modality, Output

N_GENES = 4999
N_PATHWAYS = 331


def stand_in_pathways() -> dict[str, tuple[int, ...]]:
    """331 programmes over 4,999 genes, as many as were published, with made-up members.

    Of the published pathways (Reactome and Hallmark) this project knows the range of sizes, 1 to 199, and their sum,
    9,745; those of these stand-ins have both, most are small, and neighbours in the list share no genes.
    """
    last = N_PATHWAYS - 1
    sizes = [1 + 198 * i**6 // last**6 + (239 <= i < last) for i in range(N_PATHWAYS)]
    named = consecutive({f"pathway {i + 1}": size for i, size in enumerate(sizes)})
    return {name: tuple(column % N_GENES for column in columns) for name, columns in named.items()}


class SurvpathConfig(PatchInput, GenomicTokenInput):
    """Sizes; the defaults are the published ones, with stand-ins for the pathways.

    Attributes:
        d_programme: hidden width of each pathway's network.
        modalities: what to read; without "pathology" it is self-attention among pathways.
    """

    programmes: dict[str, tuple[int, ...]] | None = Field(default_factory=stand_in_pathways)
    n_genes: int | None = Field(N_GENES, ge=1)
    d_programme: int = Field(256, ge=1)
    d_embed: int = Field(256, ge=1)
    d_attention: int = Field(128, ge=1)
    d_head: int = Field(64, ge=1)
    dropout: float = Field(0.1, ge=0, lt=1)
    programme_dropout: float = Field(0.25, ge=0, lt=1)
    modalities: tuple[Modality, ...] = ("pathology", "genomic")

    @model_validator(mode="after")
    def _has_pathways(self) -> Self:
        if "genomic" not in self.modalities:
            raise ValueError("SurvPath needs genomic tokens; for pathology alone use the model 'abmil'")
        return self


@register("survpath")
class Survpath(Model):
    """One partial cross-attention between pathway tokens and patches, feed-forward, two means, a head.

    Nearly all of its weights (97 %) are those of the pathways' networks.
    """

    card = Card(
        title="SurvPath",
        paper="Jaume et al.: Modeling Dense Multimodal Interactions Between Biological Pathways and Histology for "
        "Survival Prediction, CVPR 2024",
        year=2024,
        family="pathology + omics",
        licence=f"original GPL-3.0, non-commercial; {CLEAN_ROOM}",
        pathology=TAKES_BAG,
        when_missing=f"{ZERO_EMBEDDING}; without patches, pathways attend to each other alone",
        differences=(
            "Padding is masked in attention and in means; in the release, padded rows were keys, values and part of "
            "the mean.",
            "A batch may hold several cases, and expression belongs to its case by name; in the release a batch is one "
            "case, whose expression is read by position.",
            "The pathways that come with the default settings are stand-ins of the published number and sizes.",
            "Genomic tokens may also be precomputed.",
            "Queries, keys and values start by Xavier's rule; the networks of the pathways near the mean of their "
            "genes, and their tokens apart.",
        ),
        parameters=24_768_068,
    )
    Config = SurvpathConfig
    config: SurvpathConfig

    def __init__(self, config: SurvpathConfig) -> None:
        super().__init__(config)
        self.has_pathology = "pathology" in config.modalities
        if self.has_pathology:
            self.attends = (
                Attends("genomic", "pathology", 1, "the genomic tokens and all patches of the patient together"),
                Attends("pathology", "genomic", 1, "the genomic tokens"),
            )
            self.project_patches = nn.Linear(config.d_patch, config.d_embed)
        self.project_tokens = genomic_projection(config, config.d_programme, config.d_embed, config.programme_dropout)
        self.attend = PartialCrossAttention(config.d_embed, config.d_attention)
        self.feed_forward = feed_forward(config.d_attention, config.dropout)
        self.norm = nn.LayerNorm(config.d_attention)
        self.head = head((1 + self.has_pathology) * config.d_attention, config.n_outputs, config.d_head)

    @property
    def output_layer(self) -> nn.Linear:  # type: ignore[override]
        """The last layer of the head."""
        return cast(nn.Linear, self.head[-1])

    def compute(self, inputs: Inputs, *, attention: bool) -> Output:
        """Logits, the mean of pathways and of patches, and on request the raw attention of both directions."""
        mask, has_genes = inputs.patch_mask, inputs.present["genomic"].unsqueeze(-1)  # (B, N), (B, 1)
        tokens = self.project_tokens(genomic_values(inputs))  # (B, T, D)
        if self.has_pathology:
            patches = self.project_patches(inputs.patches)  # (B, N, D)
        else:
            patches, mask = tokens[:, :0], mask[:, :0]
        tokens, patches, to_patches, from_patches = self.attend(tokens, patches, mask)
        embeddings = {"genomic": masked_mean(self._read(tokens), has_genes.expand(-1, tokens.shape[1]))}
        if self.has_pathology:
            embeddings["pathology|genomic"] = masked_mean(self._read(patches), mask & has_genes)
        logits = self.head(torch.cat(list(embeddings.values()), dim=-1))
        maps = {}
        for attends, values in zip(self.attends, (to_patches, from_patches), strict=False):
            maps |= attends.of(values.unsqueeze(1))
        return Output(logits, self.config.output, embeddings, maps if attention else None)

    def _read(self, items: torch.Tensor) -> torch.Tensor:
        return self.norm(self.feed_forward(items))
