"""Intermediate fusion: one clinical token, made of all clinical columns, looks at the slide.

Approach c of Hou et al., SurvPGC, npj Digital Medicine 2025, Figure 1c and Table 4.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self, cast

import torch
from pydantic import Field, model_validator
from torch import nn

from survviz.models.base import Model
from survviz.models.blocks import PartialCrossAttention, feed_forward, head, masked_mean, self_normalising
from survviz.models.blocks.modality_encoders import ONE_HOT_FIELDS
from survviz.models.card import CLEAN_ROOM, TAKES_BAG, ZERO_EMBEDDING, Attends, Card
from survviz.models.inputs import ClinicalVectorInput, PatchInput
from survviz.models.registry import register
from survviz.types import Inputs, Modality, Output


class IntermediateFusionConfig(PatchInput, ClinicalVectorInput):
    """Sizes; the defaults are the published ones."""

    clinical_fields: dict[str, tuple[int, ...]] = ONE_HOT_FIELDS
    d_embed: int = Field(256, ge=1)
    d_attention: int = Field(128, ge=1)
    d_hidden: int = Field(64, ge=1)
    dropout: float = Field(0.25, ge=0, lt=1)
    last_dropout: float = Field(0.1, ge=0, lt=1)
    modalities: tuple[Modality, ...] = ("pathology", "clinical")

    @model_validator(mode="after")
    def _both(self) -> Self:
        if len(self.modalities) < 2:
            raise ValueError("intermediate fusion is attention between two modalities; for one use 'cox' or 'abmil'")
        return self


@register("intermediate-fusion")
class IntermediateFusion(Model):
    """A self-normalising network makes the token; partial cross-attention, feed-forward and head as in SurvPC.

    With one token, the softmax of a patch over the tokens is always 1: every new patch is the token's value, and
    "pathology|clinical" holds nothing of the slide. What the slide says comes through the token's own attention, and
    without clinical data it is not read. It is so in the original; SurvPC, with a token per field, is its remedy.
    """

    card = Card(
        title="Intermediate fusion (Approach c)",
        paper="Hou et al.: SurvPGC, npj Digital Medicine 2025 (Table 4)",
        year=2025,
        family="with clinic",
        licence=f"original without a licence (all rights reserved); {CLEAN_ROOM}",
        pathology=TAKES_BAG,
        when_missing=f"{ZERO_EMBEDDING}; without clinical data the slide is not read either",
        differences=(
            "Padding is masked in attention and in means.",
            "The clinical columns are those of the cohort; the release reads one unpublished file of 24 for BRCA.",
            "Queries, keys and values start by Xavier's rule.",
            "The attention of patches to the only token is not returned, because it is always 1.",
        ),
        parameters=483_652,
    )
    Config = IntermediateFusionConfig
    config: IntermediateFusionConfig
    attends = (Attends("clinical", "pathology", 1, "the clinical token and all patches of the patient together"),)

    def __init__(self, config: IntermediateFusionConfig) -> None:
        super().__init__(config)
        self.project_patches = nn.Linear(config.d_patch, config.d_embed)
        self.make_token = nn.Sequential(
            self_normalising(config.n_clinical, config.d_embed, config.dropout),
            self_normalising(config.d_embed, config.d_embed, config.dropout),
        )
        self.attend = PartialCrossAttention(config.d_embed, config.d_attention)
        self.feed_forward = feed_forward(config.d_attention, config.last_dropout)
        self.norm = nn.LayerNorm(config.d_attention)
        self.head = head(2 * config.d_attention, config.n_outputs, config.d_hidden)

    @property
    def output_layer(self) -> nn.Linear:  # type: ignore[override]
        """The last layer of the head."""
        return cast(nn.Linear, self.head[-1])

    @property
    def token_names(self) -> Mapping[str, tuple[str, ...]]:
        """One token for all clinical fields."""
        return {**super().token_names, "clinical": ("all fields",)}

    def compute(self, inputs: Inputs, *, attention: bool) -> Output:
        """Logits, two named embeddings, and on request the raw attention of the token to the patches."""
        clinical = inputs.present["clinical"].unsqueeze(-1)  # (B, 1)
        token = self.make_token(inputs.vectors["clinical"]).unsqueeze(1)  # (B, 1, E)
        patches = self.project_patches(inputs.patches)
        new_token, new_patches, to_patches, _ = self.attend(token, patches, inputs.patch_mask)
        embeddings = {
            "clinical": self.norm(self.feed_forward(new_token)).squeeze(1) * clinical,
            "pathology|clinical": masked_mean(self.norm(self.feed_forward(new_patches)), inputs.patch_mask & clinical),
        }
        logits = self.head(torch.cat(list(embeddings.values()), dim=-1))
        maps = self.attends[0].of(to_patches.unsqueeze(1)) if attention else None
        return Output(logits, self.config.output, embeddings, maps)
