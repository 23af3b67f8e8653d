"""Mixed fusion: the mean of the patches beside the clinical columns, and a head over both.

Approach b of Hou et al., SurvPGC, npj Digital Medicine 2025, Figure 1b and Table 4.
"""

from __future__ import annotations

from typing import cast

import torch
from pydantic import Field
from torch import Tensor, nn

from survviz.models.base import Model
from survviz.models.blocks import head, masked_mean
from survviz.models.blocks.modality_encoders import ONE_HOT_FIELDS
from survviz.models.card import CLEAN_ROOM, TAKES_BAG, ZERO_EMBEDDING, Card
from survviz.models.inputs import ClinicalVectorInput, PatchInput
from survviz.models.registry import register
from survviz.types import Inputs, Modality, Output


class MixedFusionConfig(PatchInput, ClinicalVectorInput):
    """Sizes; the defaults are the published ones."""

    clinical_fields: dict[str, tuple[int, ...]] = ONE_HOT_FIELDS
    d_embed: int = Field(256, ge=1)
    d_hidden: int = Field(64, ge=1)
    modalities: tuple[Modality, ...] = ("pathology", "clinical")


@register("mixed-fusion")
class MixedFusion(Model):
    """Linear and ReLU per patch, their mean, the clinical columns as they are, head 280 -> 64 -> bins.

    With `modalities=("pathology",)` it is the MLP (Pathology) of the same paper, 279,108 parameters.
    """

    card = Card(
        title="Mixed fusion (Approach b)",
        paper="Hou et al.: SurvPGC, npj Digital Medicine 2025 (Table 4)",
        year=2025,
        family="with clinic",
        licence=f"original without a licence (all rights reserved); {CLEAN_ROOM}",
        pathology=TAKES_BAG,
        when_missing=ZERO_EMBEDDING,
        differences=(
            "Padding is masked in the mean.",
            "The clinical columns are those of the cohort; the release reads one unpublished file of 24 for BRCA.",
        ),
        parameters=280_644,
    )
    Config = MixedFusionConfig
    config: MixedFusionConfig

    def __init__(self, config: MixedFusionConfig) -> None:
        super().__init__(config)
        width = 0
        if "pathology" in config.modalities:
            self.project = nn.Sequential(nn.Linear(config.d_patch, config.d_embed), nn.ReLU())
            width += config.d_embed
        if "clinical" in config.modalities:
            width += config.n_clinical
        self.head = head(width, config.n_outputs, config.d_hidden)

    @property
    def output_layer(self) -> nn.Linear:  # type: ignore[override]
        """The last layer of the head."""
        return cast(nn.Linear, self.head[-1])

    def compute(self, inputs: Inputs, *, attention: bool) -> Output:
        """Logits, the pooled patches and the clinical columns."""
        embeddings: dict[str, Tensor] = {}
        if "pathology" in self.modalities:
            embeddings["pathology"] = masked_mean(self.project(inputs.patches), inputs.patch_mask)
        if "clinical" in self.modalities:
            embeddings["clinical"] = inputs.vectors["clinical"]
        return Output(self.head(torch.cat(list(embeddings.values()), dim=1)), self.config.output, embeddings)
