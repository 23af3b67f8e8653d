"""SNN (Genomic): expression through a self-normalising network, a head.

A row of every comparison since MCAT; Klambauer et al. 2017, Self-Normalizing Neural Networks.
"""

from __future__ import annotations

from pydantic import Field
from torch import nn

from survviz.models.base import Model
from survviz.models.blocks import genomic_values, self_normalising
from survviz.models.blocks.programmes import standard_normal
from survviz.models.card import CLEAN_ROOM, ZERO_EMBEDDING, Card
from survviz.models.inputs import ExpressionInput
from survviz.models.registry import register
from survviz.types import Inputs, Modality, Output


class SnnOmicsConfig(ExpressionInput):
    """Sizes; the defaults are the published ones."""

    n_genes: int | None = Field(4999, ge=1)
    d_embed: int = Field(256, ge=1)
    dropout: float = Field(0.25, ge=0, lt=1)
    modalities: tuple[Modality, ...] = ("genomic",)


@register("snn-omics")
class SnnOmics(Model):
    """Linear, ELU and alpha dropout twice, one linear layer.

    All weights start as N(0, 1 / inputs), all biases at zero, as Klambauer et al. ask. Precomputed tokens (`n_genes`
    None) each go through the network, and the head sees their mean, as in SNN (Clinic).
    """

    card = Card(
        title="SNN (Genomic)",
        paper="Hou et al.: SurvPGC, npj Digital Medicine 2025 (comparison system); Klambauer et al., NeurIPS 2017",
        year=2017,
        family="clinic or omics",
        licence=f"the comparison's code is without a licence (all rights reserved); {CLEAN_ROOM}",
        when_missing=ZERO_EMBEDDING,
        differences=(
            "Expression is standardised per gene, not scaled by one minimum and maximum of the whole table.",
            "Precomputed genomic tokens can be read too.",
        ),
        parameters=1_346_820,
    )
    Config = SnnOmicsConfig
    config: SnnOmicsConfig

    def __init__(self, config: SnnOmicsConfig) -> None:
        super().__init__(config)
        self.encode = nn.Sequential(
            self_normalising(config.n_genes or config.d_genomic, config.d_embed, config.dropout),
            self_normalising(config.d_embed, config.d_embed, config.dropout),
        )
        self.output_layer = nn.Linear(config.d_embed, config.n_outputs)
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                layer.weight = nn.Parameter(standard_normal(*layer.weight.shape) * layer.in_features**-0.5)
                nn.init.zeros_(layer.bias)

    def compute(self, inputs: Inputs, *, attention: bool) -> Output:
        """Logits and the genomic embedding."""
        encoded = self.encode(genomic_values(inputs))  # (B, E), of tokens (B, T, E)
        genomic = encoded if self.config.n_genes else encoded.mean(dim=1)
        genomic = genomic * inputs.present["genomic"].unsqueeze(-1)
        return Output(self.output_layer(genomic), self.config.output, {"genomic": genomic})
