"""PG-MLIF: gates, a low-rank product of slide and omics, and a weight on every entry of what is concatenated.

PG-MLIF, MICCAI 2024. Built as the paper describes it: what was released under the same names does something else.
"""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import Field
from torch import Tensor, nn

from survviz.models.base import Model
from survviz.models.blocks import (
    GatedLowRankFusion,
    OptimalWeightConcatenation,
    append_one,
    rectified,
    self_normalising_stack,
    to_width,
)
from survviz.models.blocks.modality_encoders import encode_modalities, widths
from survviz.models.card import CLEAN_ROOM, TAKES_VECTOR, Card
from survviz.models.inputs import ExpressionInput, OutputKind, PatchInput
from survviz.models.registry import register
from survviz.types import Inputs, Modality, Output


class PgMlifConfig(PatchInput, ExpressionInput):
    """Sizes; the defaults are the published ones.

    Attributes:
        d_embed: width of the vector of either modality; a slide vector of another width first passes a linear layer.
        snn: widths of the omic network before `d_embed`.
        d_hidden: width of the low-rank fusion and of the layer before the head.
        d_weights: hidden width of the weights of the concatenation.
        rank: of the low-rank fusion; 1 in the released command.
    """

    d_patch: int = Field(32, ge=1)
    n_genes: int | None = Field(320, ge=1)
    d_embed: int = Field(32, ge=1)
    snn: tuple[int, ...] = (64, 48)
    d_hidden: int = Field(64, ge=1)
    d_weights: int = Field(75, ge=1)
    rank: int = Field(1, ge=1)
    dropout: float = Field(0.25, ge=0, lt=1)
    output: OutputKind = "log-hazard"
    modalities: tuple[Modality, ...] = ("pathology", "genomic")


@register("pg-mlif")
class PgMlif(Model):
    """A vector per modality, bilinear gates (MAM), low-rank fusion (LMF), weighted concatenation (OWC), two layers.

    Parameters at the published sizes:

    | part | count |
    |---|---|
    | omic network 320-64-48-32 | 25,232 |
    | two bilinear gates | 69,824 |
    | LMF (32, 32) to 64, rank 1 (2, 4, 8: 8,514, 16,964, 33,864) | 4,289 |
    | OWC 130-75-130 | 19,705 |
    | 130-64 and the head | 8,449 |
    | total | 127,499 |

    With one modality, its vector and the head.
    """

    card = Card(
        title="PG-MLIF (as intended)",
        paper="Pan, An et al.: PG-MLIF, Multimodal Low-rank Interaction Fusion, MICCAI 2024",
        year=2024,
        family="pathology + omics",
        licence=f"original without a licence (all rights reserved); {CLEAN_ROOM}",
        pathology=TAKES_VECTOR,
        when_missing="the vector of an absent modality is zero before and after its gate; the appended 1 keeps the "
        "other's own terms",
        differences=(
            "Low-rank fusion is that of Liu et al. 2018, as the paper describes it; in the release its weights belong "
            "to places in a batch of exactly 32, and any other batch goes through a full outer product.",
            "The gates are on, as in the paper; the released command switches them off.",
            "The rank is that of the release, 1; the paper gives none.",
            "The log-hazard is not squashed to (-3, 3).",
            "The slide comes as features of a frozen encoder; one whose width is not 32 first passes a linear layer.",
            "The omic network learns from the first step; the release trains it alone first, and freezes it at first.",
        ),
        parameters=127_499,
    )
    Config = PgMlifConfig
    config: PgMlifConfig
    l1 = 3e-4

    def __init__(self, config: PgMlifConfig) -> None:
        super().__init__(config)
        width = config.d_embed
        given = widths(config.reads)
        self.encode = nn.ModuleDict()
        if "pathology" in given:
            self.encode["pathology"] = to_width(given["pathology"], width)
        if "genomic" in given:
            self.encode["genomic"] = self_normalising_stack(
                (given["genomic"], *config.snn, width), nn.SiLU, config.dropout
            )
        if len(config.modalities) == 2:
            self.fuse = GatedLowRankFusion(width, width, config.d_hidden, config.rank, "bilinear", config.dropout)
            joined = config.d_hidden + 2 * (width + 1)
            self.activate = nn.Sequential(nn.ReLU(), nn.Dropout(config.dropout))
            self.weigh = OptimalWeightConcatenation(joined, config.d_weights)
            self.mix = rectified(joined, config.d_hidden, config.dropout)
        self.output_layer = nn.Linear(config.d_hidden if len(config.modalities) == 2 else width, config.n_outputs)

    def penalised(self) -> Iterable[Tensor]:
        """The omic network."""
        return self.encode["genomic"].parameters() if "genomic" in self.modalities else ()

    def compute(self, inputs: Inputs, *, attention: bool) -> Output:
        """The log-hazard, the vector of each modality, and the two fused."""
        embeddings, present = encode_modalities(self.encode, inputs, self.config.reads)
        if len(embeddings) == 2:
            joint, path, omic = self.fuse(embeddings["pathology"], embeddings["genomic"], present)
            joint = self.activate(joint)  # (B, d_hidden)
            embeddings["fused"] = self.mix(self.weigh(joint, append_one(path), append_one(omic)))
        return Output(self.output_layer(list(embeddings.values())[-1]), self.config.output, embeddings)
