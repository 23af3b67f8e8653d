"""TransMIL: a class token reads the slide through two layers of self-attention among all patches, at linear cost.

Shao et al. 2021, TransMIL: Transformer based Correlated Multiple Instance Learning, section 3.
"""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator
from torch import nn

from survviz.models.base import Model
from survviz.models.blocks import ClassTower, rectified, squares
from survviz.models.card import CLEAN_ROOM, TAKES_BAG, Attends, Card
from survviz.models.inputs import PatchInput
from survviz.models.registry import register
from survviz.types import Inputs, Modality, Output


class TransMilConfig(PatchInput):
    """Sizes; the defaults are the published ones.

    Attributes:
        landmarks: of Nystrom's approximation; more are slower and nearer to exact attention.
        dropout: after each attention.
    """

    d_embed: int = Field(512, ge=1)
    heads: int = Field(8, ge=1)
    landmarks: int = Field(256, ge=1)
    dropout: float = Field(0.1, ge=0, lt=1)
    modalities: tuple[Modality, ...] = ("pathology",)

    @model_validator(mode="after")
    def _heads_divide(self) -> Self:
        if self.d_embed % self.heads:
            raise ValueError(f"d_embed {self.d_embed} cannot be divided among {self.heads} heads")
        return self


@register("transmil")
class TransMil(Model):
    """Linear and ReLU, square, class token, Nystrom layer, positions, Nystrom layer, LayerNorm, a head."""

    order_matters = True
    card = Card(
        title="TransMIL",
        paper="Shao et al.: TransMIL: Transformer based Correlated Multiple Instance Learning, NeurIPS 2021",
        year=2021,
        family="pathology",
        licence=f"original GPL-3.0; {CLEAN_ROOM}",
        pathology=f"{TAKES_BAG}; the order of the patches matters (rows, then columns)",
        when_missing="without patches the embedding is zero: every such case gets the same, uninformed risk",
        differences=(
            "Padding is masked: rows that fill up a batch or a multiple of the landmarks are no keys and no part of a "
            "landmark; in the release, the latter were keys of logit 0.",
            "The pseudo-inverse starts from each matrix's own largest column sum, not from the largest of the batch, "
            "so that a case does not depend on its batch mates.",
            "The second layer is computed for the class token alone, which is all that is read of it.",
            "Attention is the class token's row of the second layer; the release returns none.",
            "A discrete-hazard head instead of one for classes.",
            "The model that SurvPath's code calls TransMIL is another: no class token, no positions, one layer.",
        ),
        parameters=2_673_172,
    )
    Config = TransMilConfig
    config: TransMilConfig

    def __init__(self, config: TransMilConfig) -> None:
        super().__init__(config)
        self.attends = (
            Attends(
                "case",
                "pathology",
                config.heads,
                "the patches, of the class token's row of Nystrom's approximation: weights below 0, where its "
                "pseudo-inverse has not converged, set to 0, and the rest scaled to sum to 1",
            ),
        )
        self.project = rectified(config.d_patch, config.d_embed, dropout=0)
        self.tower = ClassTower(config.d_embed, config.heads, config.landmarks, config.dropout)
        self.output_layer = nn.Linear(config.d_embed, config.n_outputs)

    def compute(self, inputs: Inputs, *, attention: bool) -> Output:
        """Logits, the class token, and on request the log of its attention to each patch."""
        square = squares(inputs.patch_mask)
        tokens = square.take(self.project(inputs.patches))  # (B, S, E): repeats are projected once
        tokens, weights = self.tower(tokens, square.mask, square.side, only_class=True, weights=attention)
        case = tokens[:, 0] * inputs.present["pathology"].unsqueeze(-1)  # (B, E)
        maps = None if weights is None else self.attends[0].of(square.log_shares(weights))
        return Output(self.output_layer(case), self.config.output, {"pathology": case}, maps)
