"""Fan 2023: a vector per modality, attention over modalities for each entry, one hazard.

Fan, Jiang, Liang, Han, Pancancer survival prediction using a deep learning architecture with multimodal representation
and integration, Bioinformatics Advances 2023.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from pydantic import Field
from torch import nn

from survviz.models.base import Model
from survviz.models.blocks.modality_encoders import (
    PAN_CANCER_FIELDS,
    CategoryEmbeddings,
    encode_modalities,
    layers,
    widths,
)
from survviz.models.blocks.modality_fusion import ModalityAttention
from survviz.models.card import CLEAN_ROOM, Attends, Auxiliary, Card
from survviz.models.inputs import ClinicalVectorInput, CnvInput, ExpressionInput, MirnaInput, OutputKind
from survviz.models.registry import register
from survviz.types import Inputs, Modality, Output


class Fan2023Config(ClinicalVectorInput, ExpressionInput, MirnaInput, CnvInput):
    """Sizes; the defaults are the published ones.

    Attributes:
        mirna_hidden, cnv_hidden: widths between the input and the common width.
    """

    clinical_fields: dict[str, tuple[int, ...]] = PAN_CANCER_FIELDS
    n_genes: int | None = Field(1579, ge=1)
    d_embed: int = Field(128, ge=1)
    mirna_hidden: tuple[int, ...] = (400,)
    cnv_hidden: tuple[int, ...] = (1300, 700, 300)
    dropout: float = Field(0.4, ge=0, lt=1)
    output: OutputKind = "log-hazard"
    modalities: tuple[Modality, ...] = ("clinical", "genomic", "mirna", "cnv")


@register("fan2023")
class Fan2023(Model):
    """Encoders to 128, a weighted mean whose weights a linear layer per modality gives, one log-hazard.

    The modalities of one patient are asked to resemble each other more than those of two (weight 0.3).

    Parameters at the published sizes: clinic, lookups 7,831 and 72 -> 128, 9,344; expression 1,579 -> 128, 202,496;
    miRNA 743 -> 400 -> 128, 349,984; copy number 2,711 -> 1,300 -> 700 -> 300 -> 128, 4,689,984; attention 4 x 16,384;
    hazard 129; in all 5,325,304, with LayerNorm's two numbers per unit as BatchNorm's.
    """

    card = Card(
        title="Fan 2023",
        paper="Fan, Jiang, Liang, Han: Pancancer survival prediction using a deep learning architecture with "
        "multimodal representation and integration, Bioinformatics Advances 2023",
        year=2023,
        family="pan-cancer",
        licence=f"original without a licence (all rights reserved); {CLEAN_ROOM}",
        when_missing="an absent modality has no weight in the attention; with nothing at all the fused vector is zero",
        differences=(
            "The attention's linear layers are parameters; in the release they are never trained nor saved.",
            "Absent modalities are masked; in the original they are vectors of zeros that are encoded and fused.",
            "LayerNorm in the place of BatchNorm, so that a case does not depend on its batch mates.",
            "No second head for dead or alive, whose label ignores how long a patient was followed.",
            "Scaling and choice of features are fitted on training cases, not on the whole cohort.",
        ),
        parameters=5_325_304,
    )
    Config = Fan2023Config
    config: Fan2023Config

    def __init__(self, config: Fan2023Config) -> None:
        super().__init__(config)
        self.encode = nn.ModuleDict({name: self._encoder(name) for name in widths(config.reads)})
        self.fuse = ModalityAttention(config.d_embed, count=len(self.encode))
        over = "the modalities of the case, for each entry of the vectors by itself"
        self.attends = (Attends("case", "modalities", config.d_embed, over),)
        self.auxiliary = (Auxiliary("similarity", tuple(self.encode), weight=0.3),)
        self.output_layer = nn.Linear(config.d_embed, config.n_outputs)

    @property
    def token_names(self) -> Mapping[str, tuple[str, ...]]:
        """Also the modalities, in the order of attention."""
        return {**super().token_names, "modalities": tuple(self.encode)}

    def _encoder(self, modality: Modality) -> nn.Module:
        config = self.config
        if modality == "clinical":
            embed = CategoryEmbeddings(config.clinical_fields)
            return nn.Sequential(embed, nn.Linear(embed.width, config.d_embed))
        hidden = {"mirna": config.mirna_hidden, "cnv": config.cnv_hidden}.get(modality, ())
        return layers(widths(config.reads)[modality], *hidden, config.d_embed, dropout=config.dropout)

    def compute(self, inputs: Inputs, *, attention: bool) -> Output:
        """Log-hazard, an embedding per modality and the fused one, and on request the attention over modalities."""
        embeddings, present = encode_modalities(self.encode, inputs, self.config.reads)
        fused, logits = self.fuse(torch.stack(list(embeddings.values()), dim=1), present)
        maps = self.attends[0].of(logits.unsqueeze(2)) if attention else None  # (B, E, 1, M)
        return Output(self.output_layer(fused), self.config.output, {**embeddings, "fused": fused}, maps)
