"""CMTA: each modality is encoded, translated by cross-attention to the other, and decoded; both should agree.

Zhou, Chen: Cross-Modal Translation and Alignment for Survival Analysis, ICCV 2023, section 3.
"""

from __future__ import annotations

from typing import Self

import torch
from pydantic import Field, model_validator
from torch import nn

from survviz.models.base import Model
from survviz.models.blocks import (
    FAMILIES,
    N_FAMILY_GENES,
    ClassTower,
    MultiheadCrossAttention,
    genomic_projection,
    genomic_values,
    masked_softmax,
    rectified,
    squares,
    xavier_normal,
)
from survviz.models.card import CLEAN_ROOM, TAKES_BAG, Attends, Auxiliary, Card
from survviz.models.inputs import GenomicTokenInput, PatchInput
from survviz.models.registry import register
from survviz.types import Inputs, Modality, Output


class CmtaConfig(PatchInput, GenomicTokenInput):
    """Sizes; the defaults are the published ones, with the six gene families taken from RNA alone.

    Attributes:
        d_programme: hidden width of each family's network.
        heads: of a tower; cross-attention has one.
        landmarks: of Nystrom's approximation in a tower.
        dropout: after each embedding layer.
        tower_dropout: after each attention in a tower.
    """

    programmes: dict[str, tuple[int, ...]] | None = FAMILIES
    n_genes: int | None = Field(N_FAMILY_GENES, ge=1)
    d_programme: int = Field(1024, ge=1)
    d_embed: int = Field(256, ge=1)
    heads: int = Field(8, ge=1)
    landmarks: int = Field(128, ge=1)
    dropout: float = Field(0.25, ge=0, lt=1)
    tower_dropout: float = Field(0.1, ge=0, lt=1)
    modalities: tuple[Modality, ...] = ("pathology", "genomic")

    @model_validator(mode="after")
    def _can_be_built(self) -> Self:
        if len(set(self.modalities)) < 2:
            others = "for pathology alone use the model 'transmil', for genes alone 'snn-omics'"
            raise ValueError(f"CMTA is built for pathology and genes, of which a case may lack one; {others}")
        if self.d_embed % self.heads:
            raise ValueError(f"{self.heads} heads do not divide d_embed = {self.d_embed}")
        return self


@register("cmta")
class Cmta(Model):
    """Four towers as in TransMIL, two cross-attentions, means of two class tokens per modality, a head.

    Parameters as published, with families of 53, 173, 216, 252, 387 and 200 genes: patches 1024-256-256, 328,192;
    families s-1024-256, 1,281 x 1,024 + 6 x (1,024 + 262,400) = 2,892,288; a layer of a tower (LayerNorm 512, QKV
    196,608, projection 65,792, convolution 264) 263,176; two towers of genes, each a class token, two layers and a
    LayerNorm, 2 x 527,120; two of patches, with positions (22,016), 2 x 549,136; two cross-attentions, 2 x 263,168;
    head 512-256-256-4, 198,148.
    """

    order_matters = True
    card = Card(
        title="CMTA",
        paper="Zhou, Chen: Cross-Modal Translation and Alignment for Survival Analysis, ICCV 2023",
        year=2023,
        family="pathology + omics",
        licence=f"original without a licence (non-commercial, academic); {CLEAN_ROOM}",
        pathology=f"{TAKES_BAG}; the order of the patches matters (rows, then columns)",
        when_missing="the towers of an absent modality, and both translations, give zero; the mean of an embedding and "
        "its translation is then the embedding alone; with nothing at all, the risk is that of no information",
        differences=(
            "Padding, also to a multiple of the landmarks, is masked.",
            "The pseudo-inverse starts from each matrix's own largest column sum, not from the largest of the batch.",
            "The second layer of a decoder is computed for the class token alone, which is all that is read of it.",
            "The networks of the gene families start as programme tokens do here, not by Xavier's rule.",
            "Genomic tokens may be precomputed; then one linear layer takes the place of the families' networks.",
            "The weight of the alignment is 1 for every cohort; the authors set it per cohort, from 0.0001 to 100.",
        ),
        parameters=6_097_476,
    )
    Config = CmtaConfig
    config: CmtaConfig
    attends = (
        Attends("genomic", "pathology", 1, "all patches of the patient; the copies that fill the square are added up"),
        Attends("pathology", "genomic", 1, "the genomic tokens"),
    )
    auxiliary = (
        Auxiliary("l1-to-fixed", ("pathology",), ("pathology|genomic",), 1.0),
        Auxiliary("l1-to-fixed", ("genomic",), ("genomic|pathology",), 1.0),
    )

    def __init__(self, config: CmtaConfig) -> None:
        super().__init__(config)
        width, dropout = config.d_embed, config.dropout
        first, second = rectified(config.d_patch, width, dropout), rectified(width, width, dropout)
        self.project_patches = nn.Sequential(first, second)
        self.project_families = genomic_projection(config, config.d_programme, width, dropout)
        sizes = width, config.heads, config.landmarks, config.tower_dropout
        self.encode_pathology, self.decode_pathology = (ClassTower(*sizes, class_std=1e-6) for _ in range(2))
        self.encode_genomic, self.decode_genomic = (ClassTower(*sizes, on_grid=False, class_std=1e-6) for _ in range(2))
        self.patches_ask = MultiheadCrossAttention(width)
        self.families_ask = MultiheadCrossAttention(width)
        self.hidden = nn.Sequential(rectified(2 * width, width, dropout=0), rectified(width, width, dropout=0))
        self.output_layer = nn.Linear(width, config.n_outputs)
        self.apply(xavier_normal)

    def compute(self, inputs: Inputs, *, attention: bool) -> Output:
        """Logits, class tokens before and after translation, and on request the attention both ways."""
        has_patches, has_genes = (inputs.present[name].unsqueeze(-1) for name in ("pathology", "genomic"))  # (B, 1)
        has_both = has_patches & has_genes
        square = squares(inputs.patch_mask)
        patches = square.take(self.project_patches(inputs.patches))  # (B, S, E)
        families = self.project_families(genomic_values(inputs))  # (B, T, E)
        family_mask = has_genes.expand(-1, families.shape[1])

        patches, _ = self.encode_pathology(patches, square.mask, square.side)  # (B, 1 + S, E)
        families, _ = self.encode_genomic(families, family_mask)  # (B, 1 + T, E)
        seen_by_patches, from_patches = self.patches_ask(patches[:, 1:], families[:, 1:], family_mask)
        seen_by_families, to_patches = self.families_ask(families[:, 1:], patches[:, 1:], square.mask)
        new_patches, _ = self.decode_pathology(seen_by_patches, square.mask, square.side, only_class=True)
        new_families, _ = self.decode_genomic(seen_by_families, family_mask, only_class=True)

        embeddings = {
            "pathology": patches[:, 0] * has_patches,
            "genomic": families[:, 0] * has_genes,
            "pathology|genomic": new_patches[:, 0] * has_both,
            "genomic|pathology": new_families[:, 0] * has_both,
        }
        first, second, new_first, new_second = embeddings.values()
        means = torch.cat([first + new_first, second + new_second], dim=-1) / (1 + has_both.to(first.dtype))
        maps = None
        if attention:
            shares = square.log_shares(masked_softmax(to_patches, square.mask[:, None, None]))
            maps = self.attends[0].of(shares) | self.attends[1].of(square.of_patches(from_patches))
        return Output(self.output_layer(self.hidden(means)), self.config.output, embeddings, maps)
