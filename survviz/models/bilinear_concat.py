"""The concatenation baseline of cross-modal bilinear fusion, and the encoders that the two share.

Keshvarikhojasteh, Pluim, Veta 2026, Attention-Based Multimodal Survival Prediction with Cross-Modal Bilinear Fusion
(arXiv 2605.13897), the CHIMERA challenge.
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor, nn

from survviz.models.base import Model
from survviz.models.blocks import (
    GatedAttention,
    genomic_vector,
    genomic_width,
    masked_softmax,
    rectified,
    xavier_normal,
)
from survviz.models.blocks.families import consecutive
from survviz.models.card import CLEAN_ROOM, TAKES_BAG, Attends, Card
from survviz.models.inputs import ClinicalVectorInput, ExpressionInput, OutputKind, PatchInput
from survviz.models.registry import register
from survviz.types import Attention, Inputs, Modality, Output

ORDER: tuple[Modality, ...] = ("pathology", "genomic", "clinical")
CHIMERA_FIELDS = consecutive(
    {
        **{"age": 1, "no_instillations": 1, "sex": 2, "smoking": 3, "tumor": 1, "stage": 2, "substage": 3},
        **{"grade": 2, "reTUR": 2, "LVI": 3, "variant": 2, "EORTC": 2, "BRS": 3},
    }
)
"""27 columns: two numbers, and eleven fields one-hot."""


class BilinearConcatConfig(PatchInput, ExpressionInput, ClinicalVectorInput):
    """Sizes; the defaults are the published ones.

    Attributes:
        d_embed: width of the slide's vector.
        genomic_layers: widths of the network of the genes; the last is that of its vector.
    """

    n_genes: int | None = Field(19_359, ge=1)
    clinical_fields: dict[str, tuple[int, ...]] = CHIMERA_FIELDS
    d_embed: int = Field(512, ge=1)
    d_attention: int = Field(256, ge=1)
    genomic_layers: tuple[int, int, int] = (2048, 512, 128)
    dropout: float = Field(0.25, ge=0, lt=1)
    output: OutputKind = "log-hazard"
    modalities: tuple[Modality, ...] = ORDER


class ChimeraEncoders(Model):
    """Gated attention over patches, three layers for the genes, nothing for the clinic."""

    config: BilinearConcatConfig

    def __init__(self, config: BilinearConcatConfig) -> None:
        super().__init__(config)
        given = {"pathology": config.d_embed, "genomic": config.genomic_layers[-1], "clinical": config.n_clinical}
        self.widths: dict[Modality, int] = {name: given[name] for name in ORDER if name in config.modalities}
        if "pathology" in self.widths:
            self.attends = (Attends("case", "pathology", 1, "all patches of the patient"),)
            self.project = rectified(config.d_patch, config.d_embed, config.dropout)
            self.attend = GatedAttention(config.d_embed, config.d_attention, config.dropout)
        if "genomic" in self.widths:
            first, second, last = config.genomic_layers
            self.encode_genes = nn.Sequential(
                rectified(genomic_width(config), first, config.dropout),
                rectified(first, second, config.dropout),
                rectified(second, last, 0.0),
            )

    def encode(self, inputs: Inputs) -> tuple[dict[Modality, Tensor], dict[tuple[str, str], Attention]]:
        """The vector of each modality, zero where it is absent; and the attention over patches."""
        vectors: dict[Modality, Tensor] = {}
        maps: dict[tuple[str, str], Attention] = {}
        if "pathology" in self.widths:
            patches = self.project(inputs.patches)  # (B, N, E)
            scores = self.attend(patches)  # (B, N)
            vectors["pathology"] = (masked_softmax(scores, inputs.patch_mask).unsqueeze(1) @ patches).squeeze(1)
            maps = self.attends[0].of(scores[:, None, None, :])
        if "genomic" in self.widths:
            vectors["genomic"] = self.encode_genes(genomic_vector(inputs)) * inputs.present["genomic"].unsqueeze(-1)
        if "clinical" in self.widths:
            vectors["clinical"] = inputs.vectors["clinical"]
        return vectors, maps


@register("bilinear-concat")
class BilinearConcat(ChimeraEncoders):
    """The same encoders, and one linear layer on [slide; clinic; genes].

    Parameters: patches 787,713; genes 40,764,032; head 668: 41,552,413.
    """

    card = Card(
        title="Cross-modal bilinear fusion, concatenation baseline (ABMIL_Surv)",
        paper="Keshvarikhojasteh, Pluim, Veta: Attention-Based Multimodal Survival Prediction with Cross-Modal "
        "Bilinear Fusion, arXiv 2605.13897, 2026",
        year=2026,
        family="with clinic",
        licence=f"original MIT; {CLEAN_ROOM}",
        pathology=TAKES_BAG,
        when_missing="the vector of an absent modality is zero",
        differences=(
            "A case may lack modalities; in the release, every case needs all three.",
            "Expression is standardised before; the release feeds raw values.",
            "A batch is a padded tensor; in the release, one case at a time.",
        ),
        parameters=41_552_413,
    )
    Config = BilinearConcatConfig

    def __init__(self, config: BilinearConcatConfig) -> None:
        super().__init__(config)
        self.output_layer = nn.Linear(sum(self.widths.values()), config.n_outputs)
        self.apply(xavier_normal)

    def compute(self, inputs: Inputs, *, attention: bool) -> Output:
        """The log-hazard, the vector of each modality, and on request the raw score of each patch."""
        vectors, maps = self.encode(inputs)
        logits = self.output_layer(torch.cat(list(vectors.values()), dim=-1))
        return Output(logits, self.config.output, {**vectors}, maps if attention else None)
