"""Pathomic Fusion: every product of a number of the slide with a number of the omics, after each passed a gate.

Chen et al. 2020, Pathomic Fusion, equations 5 and 6.
"""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import Field
from torch import Tensor, nn

from survviz.models.base import Model
from survviz.models.blocks import GateKind, OuterProductFusion, self_normalising_stack, to_width
from survviz.models.blocks.modality_encoders import encode_modalities, widths
from survviz.models.card import CLEAN_ROOM, TAKES_VECTOR, Card
from survviz.models.inputs import ExpressionInput, OutputKind, PatchInput
from survviz.models.registry import register
from survviz.types import Inputs, Modality, Output


class PathomicFusionConfig(PatchInput, ExpressionInput):
    """Sizes; the defaults are the published ones for glioma with 320 omic features.

    Attributes:
        d_embed: width of the vector of either modality; a slide vector of another width first passes a linear layer.
        snn: widths of the omic network before `d_embed`.
        d_hidden: width of both layers after the outer product.
        gated: modalities that pass a gate; the paper gates both, the released runs pathology or none.
        skip: concatenate the gated vectors before the last layer; off in the released survival runs.
    """

    d_patch: int = Field(32, ge=1)
    n_genes: int | None = Field(320, ge=1)
    d_embed: int = Field(32, ge=1)
    snn: tuple[int, ...] = (64, 48, 32)
    d_hidden: int = Field(64, ge=1)
    dropout: float = Field(0.25, ge=0, lt=1)
    gated: tuple[Modality, ...] = ("pathology", "genomic")
    skip: bool = False
    output: OutputKind = "log-hazard"
    modalities: tuple[Modality, ...] = ("pathology", "genomic")


@register("pathomic-fusion")
class PathomicFusion(Model):
    """A vector of the slide, a self-normalising network, bilinear gates, their outer product, two layers, a head.

    With one modality, its vector and the head: the single-modality baselines of the paper. Parameters at the published
    sizes, the omic network being 26,288:

    | gates | skip | fusion and head | with the omic network |
    |---|---|---|---|
    | both (default) | no | 143,809 | 170,097 |
    | both | yes | 148,033 | 174,321 |
    | pathology (released, glioma) | no | 109,953 | 136,241 |
    | none (released, kidney) | no | 76,097 | 102,385 |
    | none | yes | 80,321 | 106,609 |
    """

    card = Card(
        title="Pathomic Fusion",
        paper="Chen et al.: Pathomic Fusion, IEEE Transactions on Medical Imaging 2020",
        year=2020,
        family="pathology + omics",
        licence=f"original GPLv3; {CLEAN_ROOM}",
        pathology=TAKES_VECTOR,
        when_missing="the vector of an absent modality is zero; the appended 1 keeps the other's own terms",
        differences=(
            "The log-hazard is not squashed to (-3, 3), which made two thirds of the published risks tie.",
            "The slide comes as features of a frozen encoder, not through a network that is trained with the patches.",
            "A slide vector whose width is not the published 32 first passes a linear layer.",
            "The cell graph, a third modality of the paper, is left out.",
            "Both gates are on, as in the paper; the released runs gate pathology alone (glioma) or nothing (kidney).",
            "The omic network learns from the first step; the release trains it alone first, and freezes it at first.",
        ),
        parameters=170_097,
    )
    Config = PathomicFusionConfig
    config: PathomicFusionConfig
    l1 = 3e-4

    def __init__(self, config: PathomicFusionConfig) -> None:
        super().__init__(config)
        given = widths(config.reads)
        self.encode = nn.ModuleDict()
        if "pathology" in given:
            self.encode["pathology"] = to_width(given["pathology"], config.d_embed)
        if "genomic" in given:
            sizes = (given["genomic"], *config.snn, config.d_embed)
            self.encode["genomic"] = self_normalising_stack(sizes, dropout=config.dropout)
        if len(config.modalities) == 2:
            first: GateKind | None = "bilinear" if "pathology" in config.gated else None
            second: GateKind | None = "bilinear" if "genomic" in config.gated else None
            self.fuse = OuterProductFusion(
                config.d_embed,
                config.d_embed,
                hidden=config.d_embed,
                out=config.d_hidden,
                gates=(first, second),
                skip="gated" if config.skip else None,
                dropout=config.dropout,
            )
        width = config.d_hidden if len(config.modalities) == 2 else config.d_embed
        self.output_layer = nn.Linear(width, config.n_outputs)

    def penalised(self) -> Iterable[Tensor]:
        """The omic network."""
        return self.encode["genomic"].parameters() if "genomic" in self.modalities else ()

    def compute(self, inputs: Inputs, *, attention: bool) -> Output:
        """The log-hazard, the vector of each modality, and the two fused."""
        embeddings, _ = encode_modalities(self.encode, inputs, self.config.reads)
        if len(embeddings) == 2:
            embeddings["fused"] = self.fuse(embeddings["pathology"], embeddings["genomic"])
        last = list(embeddings.values())[-1]
        return Output(self.output_layer(last), self.config.output, embeddings)
