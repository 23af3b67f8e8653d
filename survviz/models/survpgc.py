"""SurvPGC: clinical sentences and gene tokens each look at the slide, and each is looked at by it.

Hou et al., SurvPGC, npj Digital Medicine 2025. Written from the equations; no code of the authors was used.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Literal, Self, TypeAlias, cast

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional

from survviz.models.base import Model
from survviz.models.blocks import (
    BagReadout,
    PartialCrossAttention,
    centred,
    feed_forward,
    genomic_projection,
    genomic_values,
    head,
    masked_mean,
)
from survviz.models.card import CLEAN_ROOM, TAKES_BAG, ZERO_EMBEDDING, Attends, Auxiliary, Card
from survviz.models.case_by_case import bags_of, is_one_bag
from survviz.models.inputs import GenomicTokenInput, PatchInput, SentenceInput
from survviz.models.registry import register
from survviz.types import Attention, Inputs, Modality, Output

Group: TypeAlias = Literal["genomic", "clinical"]


class SurvPGCConfig(PatchInput, SentenceInput, GenomicTokenInput):
    """Sizes and names; the defaults are the published ones.

    Attributes:
        d_programme: hidden width of each programme's network.
        modalities: what to read; without "pathology" a path is self-attention among its tokens.
    """

    d_programme: int = Field(16, ge=1)
    d_embed: int = Field(256, ge=1)
    d_attention: int = Field(128, ge=1)
    d_head: int = Field(64, ge=1)
    dropout: float = Field(0.1, ge=0, lt=1)
    programme_dropout: float = Field(0.1, ge=0, lt=1)
    modalities: tuple[Modality, ...] = ("pathology", "clinical", "genomic")

    @model_validator(mode="after")
    def _has_a_path(self) -> Self:
        if not set(self.modalities) & {"clinical", "genomic"}:
            raise ValueError("SurvPGC needs clinical or genomic tokens; for pathology alone use the model 'abmil'")
        return self


@register("survpgc")
class SurvPGC(Model):
    """Two partial cross-attentions over one bag, a shared feed-forward, four named means, one head.

    As published: plain linear projections to 256, one head of 128, pre-LayerNorm and bias-free QKV per path, one
    feed-forward and one final LayerNorm shared by both paths, no residual anywhere, head 512 -> 64 -> bins.

    With `modalities=("pathology", "clinical")` it is SurvPC; with one of "clinical" and "genomic" alone it is the
    single-modality baseline of the same network.
    """

    shares_bag = True
    card = Card(
        title="SurvPGC",
        paper="Hou et al.: SurvPGC, npj Digital Medicine 2025",
        year=2025,
        family="with clinic",
        licence=f"original without a licence (all rights reserved); {CLEAN_ROOM}",
        pathology=TAKES_BAG,
        when_missing=f"{ZERO_EMBEDDING}; a path without patches is self-attention among its tokens",
        differences=(
            "Padding is masked in attention and in means; in the release, padded rows were keys, values and part of "
            "the mean.",
            "Token groups are separated by name, not by position, so several slides cannot turn tokens into patches.",
            "A case may lack any modality; in the release every case needed all three.",
            "The order of the four embeddings at the head is fixed by name; the release's own attribution script fed "
            "another order.",
            "Genomic tokens may come from expression through one network per gene programme, as in SurvPath.",
            "Queries, keys and values start by Xavier's rule, and a programme's token with a vector of its own.",
        ),
        parameters=854_852,
    )
    Config = SurvPGCConfig
    config: SurvPGCConfig

    def __init__(self, config: SurvPGCConfig) -> None:
        super().__init__(config)
        self.groups: tuple[Group, ...] = tuple(g for g in ("genomic", "clinical") if g in config.modalities)
        self.has_pathology = "pathology" in config.modalities
        if self.has_pathology:
            self.attends = tuple(path for group in self.groups for path in _paths(group))
            self.project_patches = nn.Linear(config.d_patch, config.d_embed)
        if len(self.groups) == 2:
            first, second = (self._embeddings(group) for group in self.groups)
            self.auxiliary = (Auxiliary("cosine", first, second),)
        self.project_tokens = nn.ModuleDict({group: self._projection(group) for group in self.groups})
        self.attend = nn.ModuleDict(
            {group: PartialCrossAttention(config.d_embed, config.d_attention) for group in self.groups}
        )
        self.feed_forward = feed_forward(config.d_attention, config.dropout)
        self.norm = nn.LayerNorm(config.d_attention)
        self.fused = tuple(name for group in self.groups for name in self._embeddings(group))
        self.head = head(len(self.fused) * config.d_attention, config.n_outputs, config.d_head)

    @property
    def output_layer(self) -> nn.Linear:  # type: ignore[override]
        """The last layer of the head."""
        return cast(nn.Linear, self.head[-1])

    def _embeddings(self, group: Group) -> tuple[str, ...]:
        return (group, f"pathology|{group}") if self.has_pathology else (group,)

    def _projection(self, group: Group) -> nn.Module:
        config = self.config
        if group == "clinical":
            return nn.Linear(config.d_clinical, config.d_embed)
        return genomic_projection(config, config.d_programme, config.d_embed, config.programme_dropout)

    def _projected(self, pieces: Sequence[tuple[Tensor, Tensor]]) -> Iterator[tuple[Tensor, Tensor]]:
        """Some cases' patches (b, n, D), none where the model reads no pathology, and their mask, piece by piece."""
        if not self.has_pathology:
            for patches, mask in pieces:
                yield patches.new_zeros(len(mask), 0, self.config.d_embed), mask[:, :0]
            return
        weight, bias = (one.to(pieces[0][0].dtype) for one in centred(self.project_patches))
        for patches, mask in pieces:
            yield functional.linear(patches, weight, bias), mask

    @staticmethod
    def _values(inputs: Inputs, group: Group) -> Tensor:
        return inputs.tokens["clinical"] if group == "clinical" else genomic_values(inputs)

    def compute(self, inputs: Inputs, *, attention: bool) -> Output:
        """Logits, named embeddings, and on request the raw attention of each direction."""
        tokens = [self.project_tokens[group](self._values(inputs, group)) for group in self.groups]  # (B, T, D) each
        paths = [cast(PartialCrossAttention, self.attend[group]) for group in self.groups]
        readout = BagReadout(paths, tokens, self.feed_forward, self.norm)
        if not (attention or self.training) and self.has_pathology and is_one_bag(inputs, tokens):
            ((bag, _),) = self._projected([(inputs.patches[:1], inputs.patch_mask[:1])])
            read = readout.read_masked(bag[0], inputs.patch_mask)
        else:
            pieces = bags_of(inputs, attention=attention)
            read = readout.read(self._projected(pieces), [len(mask) for _, mask in pieces], attention=attention)
        embeddings: dict[str, Tensor] = {}
        maps: dict[tuple[str, str], Attention] = {}
        for group, attended in zip(self.groups, read, strict=True):
            present = inputs.present[group].unsqueeze(-1)  # (B, 1)
            token_mask = present.expand(-1, attended.tokens.shape[1])
            embeddings[group] = masked_mean(self.norm(self.feed_forward(attended.tokens)), token_mask)
            if self.has_pathology:
                embeddings[f"pathology|{group}"] = attended.readout * present
            if attended.to_patches is not None and attended.from_patches is not None and self.has_pathology:
                towards, back = _paths(group)
                maps |= towards.of(attended.to_patches.unsqueeze(1)) | back.of(attended.from_patches.unsqueeze(1))
        return replace(self.from_embeddings(embeddings, inputs.present), attention=maps if attention else None)

    def from_embeddings(self, embeddings: Mapping[str, Tensor], present: Mapping[Modality, Tensor]) -> Output:
        """The head on the means of both paths, which are zero where a modality is absent."""
        logits = self.head(torch.cat([embeddings[name] for name in self.fused], dim=-1))
        return Output(logits, self.config.output, embeddings)


def _paths(group: Group) -> tuple[Attends, Attends]:
    """Tokens -> patches, and back."""
    return (
        Attends(group, "pathology", 1, f"the {group} tokens and all patches of the patient together"),
        Attends("pathology", group, 1, f"the {group} tokens"),
    )
