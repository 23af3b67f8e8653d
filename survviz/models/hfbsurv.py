"""HFBSurv: factorised bilinear pooling in two levels, of each modality with itself, then of each two.

Li et al. 2022, HFBSurv, Bioinformatics 38(9). Corrected where the released code crosses its modalities.
"""

from __future__ import annotations

from itertools import combinations, pairwise

import torch
from pydantic import Field
from torch import Tensor, nn

from survviz.models.base import Model
from survviz.models.blocks import FactorisedBilinearPooling, masked_softmax, to_width
from survviz.models.blocks.modality_encoders import encode_modalities, widths
from survviz.models.card import CLEAN_ROOM, TAKES_VECTOR, Card
from survviz.models.inputs import CnvInput, ExpressionInput, OutputKind, PatchInput
from survviz.models.registry import register
from survviz.types import Inputs, Modality, Output

ORDER: tuple[Modality, ...] = ("genomic", "pathology", "cnv")


class HfbSurvConfig(PatchInput, ExpressionInput, CnvInput):
    """Sizes; 32 numbers per modality is the published input, the rest is ours.

    Attributes:
        d_embed: width of the vector of each modality; one of another width first passes a linear layer.
        d_product: width of each bilinear term.
        rank: products that are summed into one number of a bilinear term.
        layers: widths of the layers before the head.
    """

    d_patch: int = Field(32, ge=1)
    n_genes: int | None = Field(32, ge=1)
    n_cnv: int = Field(32, ge=1)
    d_embed: int = Field(32, ge=1)
    d_product: int = Field(20, ge=1)
    rank: int = Field(4, ge=1)
    layers: tuple[int, ...] = Field((64, 32), min_length=1)
    dropout: float = Field(0.1, ge=0, lt=1)
    output: OutputKind = "log-hazard"
    modalities: tuple[Modality, ...] = ("pathology", "genomic", "cnv")


@register("hfbsurv")
class HfbSurv(Model):
    """Pooling of each vector with itself, a weight per modality, pooling and a weight per pair, tanh layers, a head.

    Level one: z_m = MFB(x_m, x_m), a_m = sigmoid(w_m z_m), h_m = a_m z_m. Level two: h_mn = b_mn MFB(h_m, h_n), where
    b is the softmax over pairs of (a_m + a_n) / (s_mn + 1/2) and s_mn the inner product of softmax(z_m) and
    softmax(z_n): a pair counts for more the more each tells, and the less they tell the same.

    Parameters: 3 * 5,280 for x to z, 3 * 21 for a, 3 * 3,360 for pairs, LayerNorm 240, 120-64-32 (9,824), head 33:
    36,080.
    """

    card = Card(
        title="HFBSurv (corrected)",
        paper="Li et al.: HFBSurv, hierarchical multimodal fusion with factorized bilinear models for cancer survival "
        "prediction, Bioinformatics 2022",
        year=2022,
        family="pathology + omics",
        licence=f"original without a licence (all rights reserved); {CLEAN_ROOM}",
        pathology=TAKES_VECTOR,
        when_missing="terms of an absent modality are zero, and pairs with it take no part in the softmax over pairs",
        differences=(
            "The copy-number branch weighs its own features; in the release, it weighs those of the genes.",
            "Each modality has its own layers in the second level; in the release, all use those of the genes.",
            "LayerNorm instead of batch normalisation, so that a case does not depend on its batch.",
            "The log-hazard is not squashed to (-3, 3).",
            "Widths after the 32 inputs are ours, and so is the formula that makes similarity into a weight, which "
            "follows Mai et al. 2020, the graph fusion network.",
            "A vector whose width is not 32 first passes a linear layer, an adaptation of ours.",
        ),
    )
    Config = HfbSurvConfig
    config: HfbSurvConfig

    def __init__(self, config: HfbSurvConfig) -> None:
        super().__init__(config)
        given = widths(config.reads)
        self.names: list[Modality] = [name for name in ORDER if name in config.modalities]
        self.pairs = list(combinations(self.names, 2))
        width, product, rank = config.d_embed, config.d_product, config.rank
        self.project = nn.ModuleDict({name: to_width(given[name], width) for name in self.names})
        self.within = nn.ModuleDict(
            {name: FactorisedBilinearPooling(width, width, product, rank, config.dropout) for name in self.names}
        )
        self.weigh = nn.ModuleDict({name: nn.Linear(product, 1) for name in self.names})
        self.between = nn.ModuleDict(
            {
                f"{first} {second}": FactorisedBilinearPooling(product, product, product, rank, config.dropout)
                for first, second in self.pairs
            }
        )
        joined = (len(self.names) + len(self.pairs)) * product
        layers = [
            nn.Sequential(nn.Linear(n_in, n_out), nn.Tanh(), nn.Dropout(config.dropout))
            for n_in, n_out in pairwise((joined, *config.layers))
        ]
        self.encode = nn.Sequential(nn.LayerNorm(joined), *layers)
        self.output_layer = nn.Linear(config.layers[-1], config.n_outputs)

    def compute(self, inputs: Inputs, *, attention: bool) -> Output:
        """The log-hazard, the weighted bilinear term of each modality and each pair, and all fused."""
        present = {name: inputs.present[name].unsqueeze(-1) for name in self.names}
        given, _ = encode_modalities(self.project, inputs, self.config.reads)
        pooled = {name: self.within[name](value, value) for name, value in given.items()}
        weights = {name: self.weigh[name](value).sigmoid() for name, value in pooled.items()}  # (B, 1)
        terms: dict[str, Tensor] = {name: weights[name] * pooled[name] * present[name] for name in self.names}
        if self.pairs:
            both = torch.cat([present[first] & present[second] for first, second in self.pairs], dim=-1)  # (B, P)
            scores = [
                (weights[first] + weights[second]) / (_similarity(pooled[first], pooled[second]) + 0.5)
                for first, second in self.pairs
            ]
            shares = masked_softmax(torch.cat(scores, dim=-1), both)
            for (first, second), share in zip(self.pairs, shares.unbind(dim=-1), strict=True):
                joint = self.between[f"{first} {second}"](terms[first], terms[second])
                terms[f"{first}|{second}"] = joint * share.unsqueeze(-1)
        fused = self.encode(torch.cat(list(terms.values()), dim=-1))
        return Output(self.output_layer(fused), self.config.output, {**terms, "fused": fused})


def _similarity(first: Tensor, second: Tensor) -> Tensor:
    """Inner product of the two as distributions (B, 1)."""
    return (first.softmax(dim=-1) * second.softmax(dim=-1)).sum(dim=-1, keepdim=True)
