"""GPDBN: products of every two numbers, within each modality and between the two, beside the numbers themselves.

Wang et al. 2021, GPDBN, Bioinformatics; the Cox version.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations_with_replacement, pairwise

import torch
from pydantic import Field
from torch import Tensor, nn

from survviz.models.base import Model
from survviz.models.blocks import rectified, to_width
from survviz.models.blocks.modality_encoders import encode_modalities, widths
from survviz.models.card import CLEAN_ROOM, TAKES_VECTOR, Card
from survviz.models.inputs import ExpressionInput, OutputKind, PatchInput
from survviz.models.registry import register
from survviz.types import Inputs, Modality, Output

ORDER: tuple[Modality, ...] = ("genomic", "pathology")


class GpdbnConfig(PatchInput, ExpressionInput):
    """Sizes; the defaults are the published ones.

    Attributes:
        d_embed: width of the vector of either modality; one of another width first passes a linear layer.
        d_product: width of each set of products.
        layers: widths of the layers before the head.
    """

    d_patch: int = Field(32, ge=1)
    n_genes: int | None = Field(32, ge=1)
    d_embed: int = Field(32, ge=1)
    d_product: int = Field(20, ge=1)
    layers: tuple[int, ...] = Field((500, 256, 128, 32), min_length=1)
    dropout: float = Field(0.1, ge=0, lt=1)
    output: OutputKind = "log-hazard"
    modalities: tuple[Modality, ...] = ("pathology", "genomic")


@register("gpdbn")
class Gpdbn(Model):
    """Both vectors, and three outer products through one layer each; four layers; a head.

    Parameters: three times 1024-20 (61,500), then 124-500-256-128-32 (227,780) and the head (33): 289,313. With one
    modality, its vector and its products with itself.
    """

    card = Card(
        title="GPDBN",
        paper="Wang et al.: GPDBN, deep bilinear network integrating genomic data and pathological images for breast "
        "cancer prognosis, Bioinformatics 2021",
        year=2021,
        family="pathology + omics",
        licence=f"original without a licence (all rights reserved); {CLEAN_ROOM}",
        pathology=TAKES_VECTOR,
        when_missing="the vector of an absent modality and all products with it are zero",
        differences=(
            "The log-hazard is not squashed to (-3, 3).",
            "Vectors are standardised numbers; in the release, 32 features of each modality were chosen and made "
            "discrete on all patients together, those of the test folds too.",
            "A slide or an expression vector whose width is not 32 first passes a linear layer, an adaptation of ours.",
        ),
        parameters=289_313,
    )
    Config = GpdbnConfig
    config: GpdbnConfig
    l1 = 3e-4

    def __init__(self, config: GpdbnConfig) -> None:
        super().__init__(config)
        given = widths(config.reads)
        self.names: list[Modality] = [name for name in ORDER if name in config.modalities]
        self.pairs = list(combinations_with_replacement(self.names, 2))
        self.project = nn.ModuleDict({name: to_width(given[name], config.d_embed) for name in self.names})
        self.products = nn.ModuleDict(
            {
                f"{first} {second}": nn.Sequential(nn.Linear(config.d_embed**2, config.d_product), nn.ReLU())
                for first, second in self.pairs
            }
        )
        joined = len(self.names) * config.d_embed + len(self.pairs) * config.d_product
        self.encode = nn.Sequential(*(rectified(*pair, config.dropout) for pair in pairwise((joined, *config.layers))))
        self.output_layer = nn.Linear(config.layers[-1], config.n_outputs)

    def penalised(self) -> Iterable[Tensor]:
        """Everything."""
        return self.parameters()

    def compute(self, inputs: Inputs, *, attention: bool) -> Output:
        """The log-hazard, the vector of each modality, and all fused."""
        vectors, _ = encode_modalities(self.project, inputs, self.config.reads)
        products = [
            self.products[f"{first} {second}"]((vectors[first].unsqueeze(2) * vectors[second].unsqueeze(1)).flatten(1))
            * (inputs.present[first] & inputs.present[second]).unsqueeze(-1)
            for first, second in self.pairs
        ]
        fused = self.encode(torch.cat([*vectors.values(), *products], dim=-1))
        return Output(self.output_layer(fused), self.config.output, {**vectors, "fused": fused})
