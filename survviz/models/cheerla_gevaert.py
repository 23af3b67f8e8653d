"""Cheerla and Gevaert: the mean of the modalities that a patient has, through ten highway layers, to one hazard.

Deep learning with multimodal representation for pancancer prognosis prediction, Bioinformatics 2019.
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import nn

from survviz.models.base import Model
from survviz.models.blocks.families import consecutive
from survviz.models.blocks.modality_encoders import Highway, encode_modalities, widths
from survviz.models.blocks.modality_fusion import pool_modalities
from survviz.models.card import CLEAN_ROOM, TAKES_VECTOR, Auxiliary, Card
from survviz.models.inputs import ClinicalVectorInput, ExpressionInput, MirnaInput, OutputKind, PatchInput
from survviz.models.registry import register
from survviz.types import Inputs, Modality, Output


class CheerlaGevaertConfig(PatchInput, ClinicalVectorInput, ExpressionInput, MirnaInput):
    """Sizes; the defaults are the published ones, as far as they are.

    Attributes:
        clinical_fields: seven columns are published, not their meaning.
        d_patch: of the slide features; 512 channels of SqueezeNet.
        n_highways: number of highway layers.
    """

    clinical_fields: dict[str, tuple[int, ...]] = consecutive({"age": 1, "sex": 2, "race": 4})
    d_patch: int = Field(512, ge=1)
    n_genes: int | None = Field(60_483, ge=1)
    n_mirna: int = Field(1881, ge=1)
    d_embed: int = Field(256, ge=1)
    n_highways: int = Field(10, ge=0)
    dropout: float = Field(0.5, ge=0, lt=1)
    output: OutputKind = "log-hazard"
    modalities: tuple[Modality, ...] = ("pathology", "clinical", "genomic", "mirna")


@register("cheerla-gevaert")
class CheerlaGevaert(Model):
    """A linear layer with tanh per modality, masked mean, normalisation, dropout, highway layers, one log-hazard.

    The modalities of one patient are asked to resemble each other more than those of two (weight 0.3).

    Parameters at the published sizes: clinic 7 -> 256, 2,048; slide 512 -> 256, 131,328; expression 60,483 -> 256,
    15,483,904; miRNA 1,881 -> 256, 481,792; LayerNorm 512; ten highway layers of 131,584; hazard 257; in all
    17,415,681. The slide's width is not in our sources.
    """

    card = Card(
        title="Cheerla and Gevaert",
        paper="Cheerla, Gevaert: Deep learning with multimodal representation for pancancer prognosis prediction, "
        "Bioinformatics 2019",
        year=2019,
        family="pan-cancer",
        licence=f"that of the original is not known to us; {CLEAN_ROOM}",
        pathology=TAKES_VECTOR,
        when_missing="the mean is over the modalities that are there; with nothing at all it is zero",
        differences=(
            "A Cox loss with the real censoring times; the release takes every living patient as alive at 20,000 days.",
            "The cosine hinge of the paper, where the release has a ratio of variances.",
            "No second head for dead or alive, whose label ignores how long a patient was followed.",
            "LayerNorm in the place of BatchNorm, so that a case does not depend on its batch mates.",
            "Modality dropout, 1/4 in the original, is a setting of training.",
            "The slide is the mean of its patch features; no SqueezeNet is trained along.",
        ),
        parameters=17_415_681,
    )
    Config = CheerlaGevaertConfig
    config: CheerlaGevaertConfig

    def __init__(self, config: CheerlaGevaertConfig) -> None:
        super().__init__(config)
        width = config.d_embed
        self.encode = nn.ModuleDict(
            {name: nn.Sequential(nn.Linear(n, width), nn.Tanh()) for name, n in widths(config.reads).items()}
        )
        self.auxiliary = (Auxiliary("similarity", tuple(self.encode), weight=0.3),)
        self.mix = nn.Sequential(
            nn.LayerNorm(width), nn.Dropout(config.dropout), *(Highway(width) for _ in range(config.n_highways))
        )
        self.output_layer = nn.Linear(width, config.n_outputs)

    def compute(self, inputs: Inputs, *, attention: bool) -> Output:
        """Log-hazard, an embedding per modality and the fused one."""
        embeddings, present = encode_modalities(self.encode, inputs, self.config.reads)
        fused = pool_modalities(torch.stack(list(embeddings.values()), dim=1), present, "mean")
        return Output(self.output_layer(self.mix(fused)), self.config.output, {**embeddings, "fused": fused})
