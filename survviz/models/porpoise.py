"""PORPOISE (MMF): a gated pool of the slide times a network of the genes, product by product.

Chen et al., Pan-cancer integrative histology-genomic analysis via multimodal deep learning, Cancer Cell 2022.
"""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import Field
from torch import Tensor, nn

from survviz.models.base import Model
from survviz.models.blocks import (
    GatedAttention,
    OuterProductFusion,
    genomic_vector,
    genomic_width,
    masked_softmax,
    rectified,
    self_normalising_stack,
)
from survviz.models.card import CLEAN_ROOM, TAKES_BAG, ZERO_EMBEDDING, Attends, Card
from survviz.models.inputs import ExpressionInput, PatchInput
from survviz.models.registry import register
from survviz.types import Inputs, Modality, Output


class PorpoiseConfig(PatchInput, ExpressionInput):
    """Sizes; the defaults are the published ones, with the 4,999 genes of the survival comparisons.

    Attributes:
        d_hidden: width of the patches before pooling.
        d_gate: width of each modality in the outer product.
        input_dropout: rate on the features of the patches.
        modalities: what to read; one alone is the paper's AMIL or SNN.
    """

    n_genes: int | None = Field(4999, ge=1)
    d_hidden: int = Field(512, ge=1)
    d_attention: int = Field(256, ge=1)
    d_embed: int = Field(256, ge=1)
    d_gate: int = Field(32, ge=1)
    dropout: float = Field(0.25, ge=0, lt=1)
    input_dropout: float = Field(0.1, ge=0, lt=1)
    modalities: tuple[Modality, ...] = ("pathology", "genomic")


@register("porpoise")
class Porpoise(Model):
    """Gated attention over patches, a self-normalising network of the genes, a gated outer product with a skip."""

    card = Card(
        title="PORPOISE (MMF)",
        paper="Chen et al.: Pan-cancer integrative histology-genomic analysis via multimodal deep learning, "
        "Cancer Cell 2022",
        year=2022,
        family="pathology + omics",
        licence=f"original GPL-3.0; {CLEAN_ROOM}",
        pathology=TAKES_BAG,
        when_missing=f"{ZERO_EMBEDDING}; the other modality still passes the outer product, beside its appended 1",
        differences=(
            "Padding is masked, and a batch may hold several cases.",
            "Genes are read from RNA; the original adds mutations and copy numbers.",
            "Genes may also come as precomputed tokens, which are read one after another.",
            "The L1 penalty is added once per step of the optimiser; in the release, once per case, 32 times as much.",
        ),
        parameters=2_793_157,
    )
    Config = PorpoiseConfig
    config: PorpoiseConfig
    l1 = 1e-5

    def __init__(self, config: PorpoiseConfig) -> None:
        super().__init__(config)
        width = config.d_embed
        if "pathology" in config.modalities:
            self.attends = (Attends("case", "pathology", 1, "all patches of the patient"),)
            self.drop_input = nn.Dropout(config.input_dropout)
            self.project = rectified(config.d_patch, config.d_hidden, config.dropout)
            self.attend = GatedAttention(config.d_hidden, config.d_attention, config.dropout)
            self.hidden = rectified(config.d_hidden, width, config.dropout)
        if "genomic" in config.modalities:
            self.genomic = self_normalising_stack((genomic_width(config), width, width), dropout=config.dropout)
        if len(config.modalities) == 2:
            self.fuse = OuterProductFusion(
                width,
                width,
                hidden=config.d_gate,
                out=width,
                skip="inputs",
                encoder_dropout=False,
                dropout=config.dropout,
            )
        self.output_layer = nn.Linear(width, config.n_outputs)

    def penalised(self) -> Iterable[Tensor]:
        """Every parameter of the network of the genes and of the fusion."""
        for part in ("genomic", "fuse"):
            if part in self._modules:
                yield from self.get_submodule(part).parameters()

    def compute(self, inputs: Inputs, *, attention: bool) -> Output:
        """Logits, the embedding of each modality and of both, and on request the raw score of each patch."""
        embeddings: dict[str, Tensor] = {}
        maps = {} if attention else None
        if "pathology" in self.modalities:
            patches = self.project(self.drop_input(inputs.patches))  # (B, N, D)
            scores = self.attend(patches)  # (B, N)
            pooled = (masked_softmax(scores, inputs.patch_mask).unsqueeze(1) @ patches).squeeze(1)  # (B, D)
            embeddings["pathology"] = self.hidden(pooled) * inputs.present["pathology"].unsqueeze(-1)
            maps = self.attends[0].of(scores[:, None, None, :]) if attention else None
        if "genomic" in self.modalities:
            genomic = self.genomic(genomic_vector(inputs))
            embeddings["genomic"] = genomic * inputs.present["genomic"].unsqueeze(-1)
        if len(embeddings) == 2:
            embeddings["fused"] = self.fuse(embeddings["pathology"], embeddings["genomic"])
        fused = list(embeddings.values())[-1]
        return Output(self.output_layer(fused), self.config.output, embeddings, maps)
