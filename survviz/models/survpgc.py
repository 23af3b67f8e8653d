"""SurvPGC: clinical sentences and gene tokens each look at the slide, and each is looked at by it.

Hou et al., SurvPGC, npj Digital Medicine 2025. Written from the equations; no code of the authors was used.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Self, TypeAlias, cast

import torch
from jaxtyping import Bool, Float
from pydantic import Field, model_validator
from torch import Tensor, nn

from survviz.models.base import Model, ModelConfig, check_width, present_mask, real_patches
from survviz.models.blocks import PartialCrossAttention, ProgrammeTokens, feed_forward, head, masked_mean
from survviz.models.registry import register
from survviz.types import MODALITIES, Attention, Inputs, Modality, Output

Group: TypeAlias = Literal["genomic", "clinical"]


class SurvPGCConfig(ModelConfig):
    """Sizes and names; the defaults are the published ones (854,852 parameters).

    Attributes:
        programmes: gene programme -> columns of `vectors["rna"]`; when given, genomic tokens come from expression
            through one small network per programme, and `d_genomic` and `genomic_tokens` are not used.
        n_genes: width of `vectors["rna"]`, needed with `programmes`.
        d_programme: hidden width of each programme's network.
        modalities: what to read; without "pathology" a path is self-attention among its tokens.
    """

    d_patch: int = Field(1024, ge=1)
    d_clinical: int = Field(512, ge=1)
    d_genomic: int = Field(768, ge=1)
    clinical_tokens: tuple[str, ...] = ("subtype", "age", "sex", "stage", "edition", "race")
    genomic_tokens: tuple[str, ...] = ("source", "target", "max", "mean")
    programmes: dict[str, tuple[int, ...]] | None = None
    n_genes: int | None = None
    d_programme: int = Field(16, ge=1)
    d_embed: int = Field(256, ge=1)
    d_attention: int = Field(128, ge=1)
    d_head: int = Field(64, ge=1)
    n_bins: int = Field(4, ge=1)
    dropout: float = Field(0.1, ge=0, lt=1)
    programme_dropout: float = Field(0.1, ge=0, lt=1)
    modalities: tuple[Modality, ...] = MODALITIES

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not set(self.modalities) & {"clinical", "genomic"}:
            raise ValueError("SurvPGC needs clinical or genomic tokens; for pathology alone use the model 'abmil'")
        if self.programmes is not None:
            genes = [index for indices in self.programmes.values() for index in indices]
            if not all(self.programmes.values()) or not genes:
                raise ValueError("every programme needs at least one gene")
            if self.n_genes is None or min(genes) < 0 or max(genes) >= self.n_genes:
                raise ValueError("programmes name columns beyond n_genes; give n_genes, the width of the rna vector")
        if "clinical" in self.modalities and not self.clinical_tokens:
            raise ValueError("clinical_tokens is empty")
        if "genomic" in self.modalities and not (self.programmes or self.genomic_tokens):
            raise ValueError("neither programmes nor genomic_tokens is given")
        return self


@register("survpgc")
class SurvPGC(Model):
    """Two partial cross-attentions over one bag, a shared feed-forward, four named means, one discrete-hazard head.

    As published: plain linear projections to 256, one head of 128, pre-LayerNorm and bias-free QKV per path, one
    feed-forward and one final LayerNorm shared by both paths, no residual anywhere, head 512 -> 64 -> bins.

    Differences from the authors' release, each of which corrects it:
        - padding is masked in attention and in means (there, padded rows were keys, values and part of the mean);
        - token groups are separated by name, not by position, so several slides cannot turn tokens into patches;
        - a missing modality gives a zero embedding and no attention (there, every case needed all three);
        - a path whose case has no patches is self-attention among its tokens; one without tokens is silent;
        - the order of the four embeddings at the head is fixed by name: genomic, pathology|genomic, clinical,
          pathology|clinical (the authors' own attribution script fed another order);
        - genomic tokens may come from expression through one network per gene programme (as in SurvPath).

    With `modalities=("pathology", "clinical")` it is SurvPC (542,788 parameters at published sizes); with one of
    "clinical" and "genomic" alone it is the single-modality baseline of the same network.
    """

    Config = SurvPGCConfig
    config: SurvPGCConfig

    def __init__(self, config: SurvPGCConfig) -> None:
        super().__init__()
        self.config = config
        self.modalities = config.modalities
        self.groups: tuple[Group, ...] = tuple(g for g in ("genomic", "clinical") if g in config.modalities)
        names = {"genomic": tuple(config.programmes or config.genomic_tokens), "clinical": config.clinical_tokens}
        self.token_names: Mapping[str, tuple[str, ...]] = {group: names[group] for group in self.groups}
        self.has_pathology = "pathology" in config.modalities
        pairs = [pair for group in self.groups for pair in ((group, "pathology"), ("pathology", group))]
        self.directions = tuple(pairs) if self.has_pathology else ()
        if self.has_pathology:
            self.project_patches = nn.Linear(config.d_patch, config.d_embed)
        self.project_tokens = nn.ModuleDict({group: self._projection(group) for group in self.groups})
        self.attend = nn.ModuleDict(
            {group: PartialCrossAttention(config.d_embed, config.d_attention) for group in self.groups}
        )
        self.feed_forward = feed_forward(config.d_attention, config.dropout)
        self.norm = nn.LayerNorm(config.d_attention)
        n_embeddings = len(self.groups) * (2 if self.has_pathology else 1)
        self.head = head(n_embeddings * config.d_attention, config.n_bins, config.d_head)

    @property
    def output_layer(self) -> nn.Linear:  # type: ignore[override]
        """The last layer of the head."""
        return cast(nn.Linear, self.head[-1])

    def _projection(self, group: Group) -> nn.Module:
        config = self.config
        if group == "clinical":
            return nn.Linear(config.d_clinical, config.d_embed)
        if config.programmes is None:
            return nn.Linear(config.d_genomic, config.d_embed)
        programmes = list(config.programmes.values())
        return ProgrammeTokens(programmes, config.d_programme, config.d_embed, config.programme_dropout)

    def forward(self, inputs: Inputs, *, attention: bool = False) -> Output:
        """Discrete-hazard logits, named embeddings, and on request the raw attention of each direction."""
        patches, patch_mask = self._patches(inputs)
        embeddings: dict[str, Tensor] = {}
        maps: dict[tuple[str, str], Attention] = {}
        for group in self.groups:
            present = present_mask(inputs, group).unsqueeze(-1)  # (B, 1)
            tokens = self._tokens(inputs, group)
            new_tokens, new_patches, to_patches, from_patches = self.attend[group](tokens, patches, patch_mask)
            token_mask = present.expand(-1, tokens.shape[1])
            embeddings[group] = masked_mean(self.norm(self.feed_forward(new_tokens)), token_mask)
            if self.has_pathology:
                readout = self.norm(self.feed_forward(new_patches))
                embeddings[f"pathology|{group}"] = masked_mean(readout, patch_mask & present)
                if attention:
                    maps |= _named_attention(group, to_patches, from_patches)
        logits = self.head(torch.cat(list(embeddings.values()), dim=-1))
        return Output(logits, "discrete-hazard", embeddings, maps if attention else None)

    def _patches(self, inputs: Inputs) -> tuple[Float[Tensor, "B N D"], Bool[Tensor, "B N"]]:
        if not self.has_pathology:
            empty = inputs.patches.new_zeros(len(inputs.patches), 0, self.config.d_embed)
            return empty, inputs.patch_mask[:, :0]
        patches, mask = real_patches(inputs, self.config.d_patch)
        return self.project_patches(patches), mask

    def _tokens(self, inputs: Inputs, group: Group) -> Float[Tensor, "B T D"]:
        config = self.config
        if group == "genomic" and config.programmes is not None:
            rna = inputs.vectors.get("rna")
            if rna is None:
                rna = inputs.patches.new_zeros(len(inputs.patches), config.n_genes or 0)
            check_width("genes", rna.shape[-1], config.n_genes or 0)
            return self.project_tokens[group](rna)
        names, width = self.token_names[group], config.d_clinical if group == "clinical" else config.d_genomic
        values = inputs.tokens.get(group)
        if values is None:
            values = inputs.patches.new_zeros(len(inputs.patches), len(names), width)
        check_width(f"{group} tokens ({', '.join(names)})", values.shape[1], len(names))
        check_width(f"numbers per {group} token", values.shape[-1], width)
        return self.project_tokens[group](values)


def _named_attention(group: str, to_patches: Tensor, from_patches: Tensor) -> dict[tuple[str, str], Attention]:
    """Raw logits of both directions of one path, with an axis for its single head."""
    both = f"the {group} tokens and all patches of the patient together"
    return {
        (group, "pathology"): Attention(to_patches.unsqueeze(1), group, "pathology", both),
        ("pathology", group): Attention(from_patches.unsqueeze(1), "pathology", group, f"the {group} tokens"),
    }
