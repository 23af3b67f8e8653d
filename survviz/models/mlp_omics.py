"""MLP (Genomic): expression through two narrow layers, a head.

A row of the SurvPGC comparison (Hou et al. 2025, Table 1).
"""

from __future__ import annotations

from pydantic import Field
from torch import nn

from survviz.models.base import Model
from survviz.models.blocks import genomic_values, rectified
from survviz.models.blocks.dense import flattened_tokens
from survviz.models.card import CLEAN_ROOM, ZERO_EMBEDDING, Card
from survviz.models.inputs import ExpressionInput
from survviz.models.registry import register
from survviz.types import Inputs, Modality, Output


class MlpOmicsConfig(ExpressionInput):
    """Sizes; the defaults are the published ones.

    Attributes:
        d_hidden, dropout: of the two layers after expression.
        d_token_hidden, d_token, token_dropout: of the two layers after each precomputed token.
    """

    n_genes: int | None = Field(4999, ge=1)
    d_hidden: int = Field(32, ge=1)
    dropout: float = Field(0.25, ge=0, lt=1)
    d_token_hidden: int = Field(256, ge=1)
    d_token: int = Field(128, ge=1)
    token_dropout: float = Field(0.1, ge=0, lt=1)
    modalities: tuple[Modality, ...] = ("genomic",)


@register("mlp-omics")
class MlpOmics(Model):
    """Linear and ReLU twice, one linear layer; of precomputed tokens (`n_genes` None), the network of MLP (Clinic)."""

    card = Card(
        title="MLP (Genomic)",
        paper="Hou et al.: SurvPGC, npj Digital Medicine 2025 (comparison system)",
        year=2025,
        family="clinic or omics",
        licence=f"original without a licence (all rights reserved); {CLEAN_ROOM}",
        when_missing=ZERO_EMBEDDING,
        differences=(
            "Expression is standardised per gene, not scaled by one minimum and maximum of the whole table.",
            "It reads expression, as the release does, or embeddings, as the paper says.",
        ),
        parameters=161_188,
    )
    Config = MlpOmicsConfig
    config: MlpOmicsConfig

    def __init__(self, config: MlpOmicsConfig) -> None:
        super().__init__(config)
        if config.n_genes:
            width = config.d_hidden
            self.encode = nn.Sequential(
                rectified(config.n_genes, width, config.dropout), rectified(width, width, config.dropout)
            )
        else:
            width = len(config.genomic_tokens) * config.d_token
            sizes = config.d_genomic, config.d_token_hidden, config.d_token
            self.encode = flattened_tokens(*sizes, config.token_dropout)
        self.output_layer = nn.Linear(width, config.n_outputs)

    def compute(self, inputs: Inputs, *, attention: bool) -> Output:
        """Logits and the genomic embedding."""
        genomic = self.encode(genomic_values(inputs)) * inputs.present["genomic"].unsqueeze(-1)
        return Output(self.output_layer(genomic), self.config.output, {"genomic": genomic})
