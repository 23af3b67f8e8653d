"""CA-MLIF: tokens of the slide and of the genes enrich each other; both stages are fused, low-rank, and weighted.

An, Chen, Lin et al. 2025, CA-MLIF, AAAI, equations 1 to 7. The paper and its release differ in most parts: `variant`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from survviz.models.base import Model
from survviz.models.blocks import (
    GatedLowRankFusion,
    GlobalContextCrossAttention,
    OptimalWeightConcatenation,
    genomic_projection,
    genomic_values,
    rectified,
)
from survviz.models.blocks.modality_encoders import ONE_HOT_FIELDS
from survviz.models.blocks.token_sets import ClassTokenEncoder, RegionPooling, TwoWayCrossAttention
from survviz.models.card import CLEAN_ROOM, Attends, Auxiliary, Card
from survviz.models.inputs import ClinicalVectorInput, GenomicTokenInput, OutputKind, PatchInput
from survviz.models.registry import register
from survviz.types import Inputs, Modality, Output


class CaMlifConfig(PatchInput, GenomicTokenInput, ClinicalVectorInput):
    """Sizes; the paper gives none, so 256 and 4 heads are those of the release, 32 and 64 those of PG-MLIF.

    Attributes:
        variant: the network of the paper, or the one that was released.
        pathology: "bag": patches, pooled into `n_region_tokens` learnt tokens (an adaptation of ours); "regions": a
            few region vectors, each a token.
        residual_from: whose residual the cross-attention of the paper adds.
        d_attention: hidden width of each pooling.
        d_programme: hidden width of each programme's network.
        d_gate: width of a modality after its gate.
        d_hidden: width of the low-rank fusion and of the layer before the head.
    """

    variant: Literal["paper", "released"] = "paper"
    pathology: Literal["bag", "regions"] = "bag"
    n_region_tokens: int = Field(4, ge=1)
    residual_from: Literal["own", "other"] = "own"
    clinical_fields: dict[str, tuple[int, ...]] = ONE_HOT_FIELDS
    d_embed: int = Field(256, ge=1)
    heads: int = Field(4, ge=1)
    d_attention: int = Field(128, ge=1)
    d_programme: int = Field(16, ge=1)
    d_gate: int = Field(32, ge=1)
    d_hidden: int = Field(64, ge=1)
    rank: int = Field(4, ge=1)
    dropout: float = Field(0.25, ge=0, lt=1)
    output: OutputKind = "log-hazard"
    modalities: tuple[Modality, ...] = ("pathology", "genomic", "clinical")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.d_embed % self.heads:
            raise ValueError(f"{self.heads} heads do not divide a width of {self.d_embed}")
        if self.modalities == ("clinical",):
            raise ValueError("CA-MLIF needs pathology or genomic tokens; for clinical data alone use the model 'cox'")
        return self


@register("ca-mlif")
class CaMlif(Model):
    """Class tokens, cross-attention, class tokens again; gates and low-rank fusion twice; weights; a layer; a head.

    Paper: two layers per encoder, global-context cross-attention (no map of which token looks at which patch), fusion
    of the originals and of the enriched, weighted together with both gated originals, then the clinical columns and
    one layer. Released: one layer per encoder, ordinary cross-attention with one head, the two fusions and one linear
    layer. One gate and fusion serves both stages. With one of pathology and genomic, its class token goes to the head.

    Parameters at the default sizes: patches 526,084 (regions 262,400) and genes 196,864; encoders 1,055,232 (released
    528,896) and as many for the second class tokens; cross-attention 788,992 (526,336); gates and fusion 68,356;
    weights 37,152, layer 13,888 and head 65 (released: head 153). Paper 3,741,865, released 2,375,585.
    """

    card = Card(
        title="CA-MLIF",
        paper="An, Chen, Lin et al.: CA-MLIF, Cross-Attention and Multimodal Low-Rank Interaction Fusion Framework for "
        "Tumor Prognostic Prediction, AAAI 2025",
        year=2025,
        family="with clinic",
        licence=f"original without a licence (all rights reserved); {CLEAN_ROOM}",
        pathology='a few region vectors, each a token (`pathology="regions"`), as published; by default a bag of '
        "patches, pooled into four learnt tokens, an adaptation of ours",
        when_missing="the class token of an absent modality is zero before and after its gate; without both slide and "
        "genes nothing is enriched, and those vectors are zero; absent clinical columns are zero",
        differences=(
            "Genomic tokens stand in the place of the paper's CT radiomics tokens.",
            "Gates are linear in both modalities: at width 256, the bilinear ones of PG-MLIF would have two million "
            "weights each.",
            "The released variant fuses by gates and low-rank fusion too: the fusion that was released is a name "
            "without a file.",
            "The released variant has ordinary self-attention; in the release, Nystrom attention over a few tokens and "
            "some sixty unmasked zeros.",
            "The released variant, too, takes clinical columns, beside the fusions; the release has none.",
            "In the paper's words the other modality's residual is added; with `residual_from` at its default, its own "
            "is, as in CMX, where the equations come from.",
            "Class tokens take no part in the cross-attention, as in the release; the paper does not say.",
            "The log-hazard is not squashed to (-3, 3).",
        ),
    )
    Config = CaMlifConfig
    config: CaMlifConfig

    def __init__(self, config: CaMlifConfig) -> None:
        super().__init__(config)
        self.paper = paper = config.variant == "paper"
        width, dropout = config.d_embed, config.dropout
        self.names: list[Modality] = [name for name in ("pathology", "genomic") if name in config.modalities]
        self.pools = "pathology" in self.names and config.pathology == "bag"
        if self.pools:
            over = "all patches of the patient, once per region token"
            self.attends = (Attends("case", "pathology", config.n_region_tokens, over),)
            self.pool = RegionPooling(config.d_patch, width, config.n_region_tokens, config.d_attention, dropout)
        elif "pathology" in self.names:
            self.project = rectified(config.d_patch, width, dropout)
        if "genomic" in self.names:
            self.project_genes = genomic_projection(config, config.d_programme, width, dropout)
        self.encode = self._class_tokens()
        joined = width
        both = ("pathology|genomic", "genomic|pathology") if len(self.names) == 2 else ()
        self.fused = (*self.names, *both, *(["clinical"] if "clinical" in config.modalities else []))
        if len(self.names) == 2:
            self.auxiliary = (
                Auxiliary("l1", ("pathology",), ("pathology|genomic",), 0.5),
                Auxiliary("l1", ("genomic",), ("genomic|pathology",), 0.5),
            )
            contexts = GlobalContextCrossAttention(width, config.heads, config.residual_from) if paper else None
            self.cross = contexts or TwoWayCrossAttention(width)
            self.decode = self._class_tokens()
            self.fuse = GatedLowRankFusion(width, config.d_gate, config.d_hidden, config.rank, "linear", dropout)
            joined = 2 * config.d_hidden + (2 * config.d_gate if paper else 0)
            if paper:
                self.weigh = OptimalWeightConcatenation(joined, joined // 2)
        joined += config.n_clinical if "clinical" in config.modalities else 0
        self.mix = rectified(joined, config.d_hidden, dropout) if paper else nn.Identity()
        self.output_layer = nn.Linear(config.d_hidden if paper else joined, config.n_outputs)

    def _class_tokens(self) -> nn.ModuleList:
        width, heads, dropout = self.config.d_embed, self.config.heads, self.config.dropout
        depth = 2 if self.paper else 1
        return nn.ModuleList(
            ClassTokenEncoder(width, heads, depth, last_norm=not self.paper, dropout=dropout) for _ in self.names
        )

    def compute(self, inputs: Inputs, *, attention: bool) -> Output:
        """The log-hazard, the class tokens of both stages, what is fused, and on request the scores of the patches."""
        present = torch.stack([inputs.present[name] for name in self.names], dim=1)  # (B, M)
        tokens, masks, scores = self._tokens(inputs)
        encoded = [encode(*each) for encode, *each in zip(self.encode, tokens, masks, strict=True)]
        cases = [case * here.unsqueeze(-1) for (case, _), here in zip(encoded, present.unbind(dim=1), strict=True)]
        embeddings: dict[str, Tensor] = {**dict(zip(self.names, cases, strict=True))}
        if len(self.names) == 2:
            both = present.all(dim=1, keepdim=True)
            enriched = self.cross(encoded[0][1], encoded[1][1], *masks)
            again = [decode(*each)[0] * both for decode, *each in zip(self.decode, enriched, masks, strict=True)]
            embeddings |= {"pathology|genomic": again[0], "genomic|pathology": again[1]}
        if "clinical" in self.modalities:
            embeddings["clinical"] = inputs.vectors["clinical"]
        maps = self.attends[0].of(scores.unsqueeze(2)) if attention and scores is not None else None
        return replace(self.from_embeddings(embeddings, inputs.present), attention=maps)

    def from_embeddings(self, embeddings: Mapping[str, Tensor], present: Mapping[Modality, Tensor]) -> Output:
        """Both stages fused and weighted, beside the clinical columns, and the last layer."""
        pieces = [embeddings[name] for name in self.names]
        if len(self.names) == 2:
            here = torch.stack([present[name] for name in self.names], dim=1)  # (B, 2)
            both = here.all(dim=1, keepdim=True).expand(-1, 2)
            joint, *gated = self.fuse(*pieces, here)
            joint_again, *_ = self.fuse(embeddings["pathology|genomic"], embeddings["genomic|pathology"], both)
            pieces = [self.weigh(joint, joint_again, *gated)] if self.paper else [joint, joint_again]
        if "clinical" in self.modalities:
            pieces = [*pieces, embeddings["clinical"]]
        embeddings = {**embeddings, "fused": self.mix(torch.cat(pieces, dim=-1))}
        return Output(self.output_layer(embeddings["fused"]), self.config.output, embeddings)

    def _tokens(self, inputs: Inputs) -> tuple[list[Tensor], list[Tensor], Tensor | None]:
        """Tokens and masks of slide and genes, and the score (B, R, N) of each patch for each region token."""
        tokens, masks, scores = [], [], None
        if self.pools:
            regions, scores = self.pool(inputs.patches, inputs.patch_mask)
            tokens.append(regions)
            masks.append(inputs.patch_mask.any(dim=1, keepdim=True).expand(-1, regions.shape[1]))
        elif "pathology" in self.names:
            tokens.append(self.project(inputs.patches))
            masks.append(inputs.patch_mask)
        if "genomic" in self.names:
            tokens.append(self.project_genes(genomic_values(inputs)))
            masks.append(inputs.present["genomic"].unsqueeze(-1).expand(-1, tokens[-1].shape[1]))
        return tokens, masks, scores
