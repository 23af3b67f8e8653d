"""Bilayer: attention among the tokens of each modality, then attention over the modalities. Inspired by, not a copy of:

Chen, Deng, Wang, Wang, Wu, A Bilayer Feature Fusion Framework for Pan-Cancer Survival Prediction Based on Multihead
Attention and Adaptive Differential Privacy, JMIR Medical Informatics 2026, of which our sources hold the abstract only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import prod

import torch
from pydantic import Field
from torch import Tensor, nn

from survviz.models.base import Model
from survviz.models.blocks.linear import ProportionalLinear
from survviz.models.blocks.modality_encoders import PAN_CANCER_FIELDS, widths
from survviz.models.blocks.plain_attention import ColumnTokens, GroupMeans, PlainBlock
from survviz.models.card import CLEAN_ROOM, Attends, Auxiliary, Card
from survviz.models.inputs import ClinicalVectorInput, CnvInput, GenomicTokenInput, MirnaInput, Reads
from survviz.models.registry import register
from survviz.types import Attention, Inputs, Modality, Output

DIRECT = "directly"
"""Ends the name of what a modality's columns add to the logits past both layers."""


class BilayerConfig(ClinicalVectorInput, GenomicTokenInput, MirnaInput, CnvInput):
    """Sizes; a small one (`d_embed` 32, `d_hidden` 64) suits training with differential privacy.

    Attributes:
        programmes: tokens of expression; None = learnt groups, and with `n_genes` None precomputed tokens.
        n_groups: learnt groups per modality that has no groups of its own.
        shortcut: every column of every modality also has a weight of its own in the risk, past both layers.
        proportional: the last layer has one slope for all bins, as `logistic-hazard`, and reads the fused embedding
            over sqrt(d_embed), so that no case's gradient is mostly that of the last layer.
    """

    clinical_fields: dict[str, tuple[int, ...]] = PAN_CANCER_FIELDS
    n_genes: int | None = Field(1579, ge=1)
    n_groups: int = Field(16, ge=1)
    d_embed: int = Field(128, ge=1)
    d_hidden: int = Field(256, ge=1)
    heads: int = Field(4, ge=1)
    dropout: float = Field(0.1, ge=0, lt=1)
    n_bins: int = Field(15, ge=1)
    shortcut: bool = False
    proportional: bool = False
    modalities: tuple[Modality, ...] = ("clinical", "genomic", "mirna", "cnv")

    @property
    def groups(self) -> dict[Modality, tuple[str, ...]]:
        """Modality -> names of its tokens."""
        learnt = tuple(f"group {i + 1}" for i in range(self.n_groups))
        genomic = learnt if self.n_genes and not self.programmes else self.token_names.get("genomic", ())
        named: dict[Modality, tuple[str, ...]] = {"clinical": tuple(self.clinical_fields), "genomic": genomic}
        return {read.modality: named.get(read.modality, learnt) for read in self.reads}

    def _genomic_tokens(self) -> Reads:
        return self._expression() if self.n_genes else super()._genomic_tokens()


@register("bilayer")
class Bilayer(Model):
    """Layer 1 makes a modality's tokens look at each other and pools them; layer 2 does so with the modalities.

    Tokens: a clinical field is one; a gene programme is one, by the mean of its genes; miRNA, copy number, and
    expression without programmes have learnt groups, each a weighted sum of all columns. A token is its number times a
    vector, plus a vector of its own. Every parameter is in an `nn.Linear` or a LayerNorm, cases never meet, and the
    loss is a sum over cases: what training with differential privacy needs. With `shortcut` and `proportional` the
    network is a linear model plus what attention adds to it: few parameters learn most of what noise leaves to learn.
    """

    card = Card(
        title="Bilayer attention (inspired by Chen et al.)",
        paper="Chen, Deng, Wang, Wang, Wu: A Bilayer Feature Fusion Framework for Pan-Cancer Survival Prediction, "
        "JMIR Medical Informatics 2026",
        year=2026,
        family="pan-cancer",
        licence=f"no code was published; {CLEAN_ROOM}",
        when_missing="an absent modality has no weight in layer 2; with nothing at all, the risk of no information",
        differences=(
            "The paper was available as an abstract: all sizes, the tokens and the pooling are ours.",
            "Discrete hazards in the place of the likely Cox loss, whose gradient is not a sum over patients.",
            "The contrastive term of its forerunner couples patients too; it is off unless asked for.",
            "No noise is part of the network: privacy is the trainer's, with a stated guarantee.",
        ),
    )
    Config = BilayerConfig
    config: BilayerConfig

    def __init__(self, config: BilayerConfig) -> None:
        super().__init__(config)
        names, sizes = tuple(config.groups), (config.d_embed, config.heads, config.d_hidden, config.dropout)
        self.make_tokens = nn.ModuleDict({name: self._tokens(name) for name in names})
        self.look_within = nn.ModuleDict({name: PlainBlock(*sizes) for name in names})
        self.pool = nn.ModuleDict({name: nn.Linear(config.d_embed, 1, bias=False) for name in names})
        self.case = nn.Linear(1, config.d_embed, bias=False)  # a learnt query, kept in a layer for hooks to find
        self.look_across = PlainBlock(*sizes)
        last = ProportionalLinear if config.proportional else nn.Linear
        self.output_layer = last(config.d_embed, config.n_outputs)
        self.within = {name: Attends(name, name, config.heads, f"the {name} tokens") for name in names}
        self.pooled = {name: Attends("case", name, 1, f"the {name} tokens") for name in names}
        self.across = Attends("case", "modalities", config.heads, "the modalities of the case")
        self.attends = (*self.within.values(), *self.pooled.values(), self.across)
        self.auxiliary = (Auxiliary("similarity", names),)
        self.fused = names
        if config.shortcut:
            wide = {read.modality: prod(read.shape) for read in config.reads}
            self.shortcut = nn.ModuleDict({name: _silent(nn.Linear(wide[name], 1, bias=False)) for name in names})
            self.fused = (*names, *(f"{name} {DIRECT}" for name in names))

    @property
    def token_names(self) -> Mapping[str, tuple[str, ...]]:
        """Names of the tokens of each modality, and of the modalities."""
        return {**super().token_names, **self.config.groups, "modalities": tuple(self.config.groups)}

    def _tokens(self, modality: Modality) -> nn.Module:
        config = self.config
        if modality == "clinical":
            return ColumnTokens(list(config.clinical_fields.values()), config.d_embed)
        if modality == "genomic" and not (config.programmes or config.n_genes):
            return nn.Linear(config.d_genomic, config.d_embed)
        width, count = widths(config.reads)[modality], len(config.groups[modality])
        if modality == "genomic" and config.programmes:
            group: nn.Module = GroupMeans(list(config.programmes.values()), width)
        else:
            group = nn.Linear(width, count)
        return nn.Sequential(group, ColumnTokens([(i,) for i in range(count)], config.d_embed))

    def compute(self, inputs: Inputs, *, attention: bool) -> Output:
        """Logits, an embedding per modality and the fused one, and on request the maps of both layers."""
        embeddings: dict[str, Tensor] = {}
        maps: dict[tuple[str, str], Attention] = {}
        for read in self.config.reads:
            name, present = read.modality, inputs.present[read.modality].unsqueeze(-1)
            columns = (inputs.tokens if read.form == "tokens" else inputs.vectors)[read.name]
            if self.config.shortcut:
                embeddings[f"{name} {DIRECT}"] = self.shortcut[name](columns.flatten(1))
            tokens = self.make_tokens[name](columns)
            tokens, logits = self.look_within[name](tokens, tokens, present.expand(-1, tokens.shape[1]))
            scores = self.pool[name](tokens).mT  # (B, 1, T)
            embeddings[name] = (scores.softmax(dim=-1) @ tokens).squeeze(1) * present
            maps |= self.within[name].of(logits) | self.pooled[name].of(scores.unsqueeze(1))
        output = self.from_embeddings(embeddings, inputs.present)
        maps |= output.attention or {}
        kept = {direction: maps[direction] for direction in self.directions} if attention else None
        return replace(output, attention=kept)

    def from_embeddings(self, embeddings: Mapping[str, Tensor], present: Mapping[Modality, Tensor]) -> Output:
        """Attention over the modalities, with its map, and the last layer."""
        vectors = torch.stack([embeddings[name] for name in self.config.groups], dim=1)  # (B, M, E)
        here = torch.stack([present[read.modality] for read in self.config.reads], dim=1)
        query = self.case(vectors.new_ones(len(vectors), 1, 1))
        fused, logits = self.look_across(query, vectors, here)  # (B, 1, E)
        scale = self.config.d_embed**-0.5 if self.config.proportional else 1.0
        embeddings = {**embeddings, "fused": fused.squeeze(1) * scale}
        found = self.output_layer(embeddings["fused"])
        for name in self.fused[vectors.shape[1] :]:
            found = found + embeddings[name]
        return Output(found, self.config.output, embeddings, self.across.of(logits))


def _silent(layer: nn.Linear) -> nn.Linear:
    """The same layer, adding nothing until it has learnt something."""
    nn.init.zeros_(layer.weight)
    return layer
