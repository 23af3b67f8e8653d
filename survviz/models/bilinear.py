"""Cross-modal bilinear fusion: slide, expression and clinic meet two at a time, in a low-rank product per pair.

Keshvarikhojasteh, Pluim, Veta 2026, Attention-Based Multimodal Survival Prediction with Cross-Modal Bilinear Fusion
(arXiv 2605.13897), the CHIMERA challenge.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations

import torch
from pydantic import Field
from torch import Tensor, nn

from survviz.models.bilinear_concat import ORDER, BilinearConcat, BilinearConcatConfig, ChimeraEncoders
from survviz.models.blocks import LowRankBilinear, rectified, xavier_normal
from survviz.models.card import TAKES_BAG, Card
from survviz.models.registry import register
from survviz.types import Inputs, Modality, Output


class BilinearConfig(BilinearConcatConfig):
    """Sizes; the defaults are the published ones.

    Attributes:
        rank: products per pair.
        pair_widths: widths of the pairs slide and genes, slide and clinic, genes and clinic.
        residual: also one layer on all three side by side ("PG_Res"), so that a modality that is alone still speaks.
        d_residual: its width.
    """

    rank: int = Field(64, ge=1)
    pair_widths: tuple[int, int, int] = (64, 32, 32)
    residual: bool = False
    d_residual: int = Field(128, ge=1)


@register("bilinear")
class Bilinear(ChimeraEncoders):
    """F(x, y) = W_o [(W_a x + a) * (W_b y + b)] + o per pair; the pairs side by side; a head.

    A pair with an absent member is zero, and the others are multiplied by all pairs / pairs present. With one modality
    in a case nothing pairs, and its risk is the head's bias: uninformed, unless `residual`. A model built for one
    modality has the head on that vector; for two, on their pair: the published ablations.

    Parameters: patches 787,713; genes 40,764,032 (98 %); pairs 45,248, 36,704, 12,128; head 129: 41,645,954.
    """

    card = Card(
        title="Cross-modal bilinear fusion (ABMIL_Surv_PG)",
        paper=BilinearConcat.card.paper,
        year=2026,
        family="with clinic",
        licence=BilinearConcat.card.licence,
        pathology=TAKES_BAG,
        when_missing="pairs with an absent member are zero, and the rest is scaled up to the number of all pairs; a "
        "case with one modality has the risk of no information, unless the residual layer is on",
        differences=BilinearConcat.card.differences,
        parameters=41_645_954,
    )
    Config = BilinearConfig
    config: BilinearConfig

    def __init__(self, config: BilinearConfig) -> None:
        super().__init__(config)
        published = dict(zip(combinations(ORDER, 2), config.pair_widths, strict=True))
        self.fused = tuple(self.widths)
        self.pairs = list(combinations(self.widths, 2))
        self.fuse = nn.ModuleDict(
            {
                "|".join(pair): LowRankBilinear(
                    self.widths[pair[0]], self.widths[pair[1]], published[pair], config.rank
                )
                for pair in self.pairs
            }
        )
        width = sum(published[pair] for pair in self.pairs) or next(iter(self.widths.values()))
        if config.residual:
            self.residual = rectified(sum(self.widths.values()), config.d_residual, 0.0)
            width += config.d_residual
        self.output_layer = nn.Linear(width, config.n_outputs)
        self.apply(xavier_normal)

    def compute(self, inputs: Inputs, *, attention: bool) -> Output:
        """The log-hazard, the vector of each modality and of each pair, and on request the raw score of each patch."""
        vectors, maps = self.encode(inputs)
        output = self.from_embeddings({**vectors}, inputs.present)
        return replace(output, attention=maps if attention else None)

    def from_embeddings(self, embeddings: Mapping[str, Tensor], present: Mapping[Modality, Tensor]) -> Output:
        """The bilinear fusion of every pair of modalities, and the last layer."""
        vectors = {name: embeddings[name] for name in self.widths}
        embeddings = {**vectors}
        pieces = [] if self.pairs else list(vectors.values())
        if self.pairs:
            both = torch.stack([present[x] & present[y] for x, y in self.pairs], dim=1)  # (B, P)
            both = both.to(next(iter(vectors.values())).dtype)
            shares = both * len(self.pairs) / both.sum(dim=1, keepdim=True).clamp(min=1)
            for (x, y), share in zip(self.pairs, shares.unbind(dim=1), strict=True):
                pieces.append(self.fuse[f"{x}|{y}"](vectors[x], vectors[y]) * share.unsqueeze(-1))
                embeddings[f"{x}|{y}"] = pieces[-1]
        if self.config.residual:
            pieces.append(self.residual(torch.cat(list(vectors.values()), dim=-1)))
        return Output(self.output_layer(torch.cat(pieces, dim=-1)), self.config.output, embeddings)
