"""Late fusion: a clinical model and an image model, each with a score of its own; the scores are added.

Approach a of Hou et al., SurvPGC, npj Digital Medicine 2025, Figure 1a and Table 4.
"""

from __future__ import annotations

from typing import Self

import torch
from pydantic import Field, model_validator
from torch import nn

from survviz.models.base import Model
from survviz.models.blocks import masked_mean, masked_softmax, rectified
from survviz.models.blocks.modality_encoders import ONE_HOT_FIELDS
from survviz.models.card import CLEAN_ROOM, TAKES_BAG, Card
from survviz.models.inputs import ClinicalVectorInput, PatchInput
from survviz.models.registry import register
from survviz.types import Inputs, Modality, Output


class LateFusionConfig(PatchInput, ClinicalVectorInput):
    """Sizes."""

    clinical_fields: dict[str, tuple[int, ...]] = ONE_HOT_FIELDS
    d_embed: int = Field(256, ge=1)
    d_hidden: int = Field(64, ge=1)
    dropout: float = Field(0.25, ge=0, lt=1)
    modalities: tuple[Modality, ...] = ("pathology", "clinical")

    @model_validator(mode="after")
    def _both(self) -> Self:
        if len(self.modalities) < 2:
            raise ValueError("late fusion adds two scores; for one modality use 'cox' or 'abmil'")
        return self


@register("late-fusion")
class LateFusion(Model):
    """logits = bias + share_image W_image h_image + share_clinic W_clinic h_clinic.

    The branches meet in this sum only: what the slide adds is the same whatever the clinic says. The shares are learnt,
    positive and sum to one over the branches that a case has, so that a branch that is alone counts in full. The last
    layer holds both score layers side by side.
    """

    card = Card(
        title="Late fusion (Approach a)",
        paper="Hou et al.: SurvPGC, npj Digital Medicine 2025 (Table 4)",
        year=2025,
        family="with clinic",
        licence=f"no code was published; {CLEAN_ROOM}",
        pathology=TAKES_BAG,
        when_missing="the other branch alone, with its full share; with nothing at all, the risk of no information",
        differences=(
            "The paper gives no rule for the fusion of the two risks and no sizes: here, a weighted sum of the logits.",
            "The branches are trained together through the sum, not one by one.",
        ),
    )
    Config = LateFusionConfig
    config: LateFusionConfig

    def __init__(self, config: LateFusionConfig) -> None:
        super().__init__(config)
        self.project = rectified(config.d_patch, config.d_embed, config.dropout)
        self.encode_image = rectified(config.d_embed, config.d_hidden, config.dropout)
        self.encode_clinic = nn.Sequential(
            rectified(config.n_clinical, config.d_hidden, config.dropout),
            rectified(config.d_hidden, config.d_hidden, config.dropout),
        )
        self.balance = nn.Parameter(torch.zeros(2))
        self.output_layer = nn.Linear(2 * config.d_hidden, config.n_outputs)

    def compute(self, inputs: Inputs, *, attention: bool) -> Output:
        """Logits and the embedding of each branch."""
        present = torch.stack([inputs.present["pathology"], inputs.present["clinical"]], dim=1)  # (B, 2)
        image = self.encode_image(masked_mean(self.project(inputs.patches), inputs.patch_mask)) * present[:, :1]
        clinic = self.encode_clinic(inputs.vectors["clinical"]) * present[:, 1:]
        image_share, clinic_share = masked_softmax(self.balance.expand(len(present), 2), present).split(1, dim=1)
        logits = self.output_layer(torch.cat([image_share * image, clinic_share * clinic], dim=1))
        return Output(logits, self.config.output, {"pathology": image, "clinical": clinic})
