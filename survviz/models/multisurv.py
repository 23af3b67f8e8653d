"""MultiSurv: one vector per modality, their entrywise maximum, and the hazards of thirty years.

Vale-Silva and Rohr, Long-term cancer survival prediction using multimodal deep learning, Scientific Reports 2021.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from pydantic import Field
from torch import nn

from survviz.models.base import Model
from survviz.models.blocks.families import consecutive
from survviz.models.blocks.modality_encoders import (
    CategoryEmbeddings,
    CopyNumberEmbeddings,
    encode_modalities,
    layers,
    widths,
)
from survviz.models.blocks.modality_fusion import ModalityAttention, pool_modalities
from survviz.models.card import CLEAN_ROOM, TAKES_VECTOR, Attends, Card
from survviz.models.inputs import ClinicalVectorInput, CnvInput, ExpressionInput, MirnaInput, PatchInput
from survviz.models.registry import register
from survviz.types import Inputs, Modality, Output

FLAGS = ("prior malignancy", "prior treatment", "synchronous malignancy", "pharmaceutical", "radiation")
CLINICAL = consecutive({"type": 33, "sex": 2, "race": 8, **dict.fromkeys(FLAGS, 3), "stage": 20, "age": 1})
"""The published clinical input: nine categories and age. The last two flags are of treatment, after the baseline."""


class MultiSurvConfig(PatchInput, ClinicalVectorInput, ExpressionInput, MirnaInput, CnvInput):
    """Sizes; the defaults are the published ones, as far as they are.

    Attributes:
        d_hidden: width of the clinical network before the common width.
        fusion: how the modalities become one vector.
    """

    clinical_fields: dict[str, tuple[int, ...]] = CLINICAL
    d_patch: int = Field(2048, ge=1)
    n_genes: int | None = Field(1000, ge=1)
    n_mirna: int = Field(1881, ge=1)
    n_cnv: int = Field(2000, ge=1)
    d_embed: int = Field(512, ge=1)
    d_hidden: int = Field(256, ge=1)
    dropout: float = Field(0.5, ge=0, lt=1)
    fusion: Literal["max", "attention", "sum", "product"] = "max"
    n_bins: int = Field(30, ge=1)
    modalities: tuple[Modality, ...] = ("pathology", "clinical", "genomic", "mirna", "cnv")


@register("multisurv")
class MultiSurv(Model):
    """Encoders to a common width, fusion over the modalities that are there, four layers, one logit per interval.

    Linear layers: clinic 43 -> 256 -> 512; slide 2048 -> 512; expression 1000 -> 512 three deep; miRNA 1881 -> 512
    three deep; copy number 2 per gene, 4000 -> 512 five deep; head 512 four deep, then the intervals. Our sources name
    the numbers of layers and the common width; the widths between are ours, so that no published count can be met.
    """

    card = Card(
        title="MultiSurv",
        paper="Vale-Silva, Rohr: Long-term cancer survival prediction using multimodal deep learning, Sci Rep 2021",
        year=2021,
        family="pan-cancer",
        licence=f"original MIT; {CLEAN_ROOM}",
        pathology=TAKES_VECTOR,
        when_missing="an absent modality has no part in the fusion; with nothing at all the fused vector is zero",
        differences=(
            "Absent modalities are masked; in the original they are vectors of zeros that are encoded and fused.",
            "LayerNorm in the place of BatchNorm, so that a case does not depend on its batch mates.",
            "The logits are those of death in an interval, not of survival; the likelihood is the same.",
            "The slide is the mean of its patch features; the ResNeXt-50 is not trained along.",
            "Copy-number values between loss, neutral and gain are interpolated.",
            "DNA methylation is not read, and there is no optional cosine loss, whose gradient the release cuts.",
            "The widths between the layers are not in our sources; all are the common width.",
        ),
    )
    Config = MultiSurvConfig
    config: MultiSurvConfig

    def __init__(self, config: MultiSurvConfig) -> None:
        super().__init__(config)
        self.encode = nn.ModuleDict({name: self._encoder(name) for name in widths(config.reads)})
        if config.fusion == "attention":
            self.fuse = ModalityAttention(config.d_embed)
            over = "the modalities of the case, for each entry of the vectors by itself"
            self.attends = (Attends("case", "modalities", config.d_embed, over),)
        self.mix = layers(*[config.d_embed] * 5, dropout=config.dropout)
        self.output_layer = nn.Linear(config.d_embed, config.n_outputs)

    @property
    def token_names(self) -> Mapping[str, tuple[str, ...]]:
        """Also the modalities, in the order of attention."""
        return {**super().token_names, "modalities": tuple(self.encode)}

    def _encoder(self, modality: Modality) -> nn.Module:
        config, width, dropout = self.config, self.config.d_embed, self.config.dropout
        if modality == "clinical":
            embed = CategoryEmbeddings(config.clinical_fields)
            first = nn.Linear(embed.width, config.d_hidden)
            return nn.Sequential(embed, nn.Dropout(dropout), first, layers(config.d_hidden, width, dropout=dropout))
        if modality == "cnv":
            embed = CopyNumberEmbeddings(config.n_cnv)
            return nn.Sequential(embed, layers(2 * config.n_cnv, *[width] * 5, dropout=dropout))
        depth = 1 if modality == "pathology" else 3
        return layers(widths(config.reads)[modality], *[width] * depth, dropout=dropout)

    def compute(self, inputs: Inputs, *, attention: bool) -> Output:
        """Logits, an embedding per modality and the fused one, and on request the attention over modalities."""
        config = self.config
        embeddings, present = encode_modalities(self.encode, inputs, config.reads)
        vectors = torch.stack(list(embeddings.values()), dim=1)  # (B, M, E)
        maps = None
        if config.fusion == "attention":
            fused, logits = self.fuse(vectors, present)
            maps = self.attends[0].of(logits.unsqueeze(2)) if attention else None  # (B, E, 1, M)
        else:
            fused = pool_modalities(vectors, present, config.fusion)
        return Output(self.output_layer(self.mix(fused)), config.output, {**embeddings, "fused": fused}, maps)
