"""Settings of `Preprocess`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from survviz.types import Modality


class PreprocessConfig(BaseModel):
    """How cases become numbers.

    Attributes:
        text_encoder: name in the registry; `text_weights` is its model folder (not stored in a checkpoint).
        clinical_tokens: fields to use, in order; default the templates' default fields that the cohort has.
        templates: a file of sentence templates instead of ours.
        genomic: "programmes" (expression, with named gene sets), "tokens" (precomputed), or "auto": tokens if the
            cohort has them and no variable genes are asked for, else programmes.
        programmes: a GMT file instead of our curated sets.
        min_genes: a programme with fewer genes in the training table is left out.
        genes: what the expression vector holds: the genes of the "programmes", or these and the most "variable" ones.
        max_genes: how many variable genes; default 1,000.
        max_mirna, max_cnv: keep only so many of the most variable miRNAs or copy-number columns; default all that vary.
        modalities: what to use, where the cohort has it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    text_encoder: str = "hashed-ngrams"
    text_weights: Path | None = None
    clinical_tokens: tuple[str, ...] | None = None
    templates: Path | None = None
    genomic: Literal["auto", "programmes", "tokens"] = "auto"
    programmes: Path | None = None
    min_genes: int = Field(5, ge=1)
    genes: Literal["programmes", "variable"] = "programmes"
    max_genes: int | None = Field(None, ge=1)
    max_mirna: int | None = Field(None, ge=1)
    max_cnv: int | None = Field(None, ge=1)
    n_bins: int = Field(4, ge=1)
    modalities: tuple[Modality, ...] = ("pathology", "clinical", "genomic")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.max_genes is not None and self.genes == "programmes":
            raise ValueError('max_genes counts variable genes; say genes = "variable" too')
        if self.genes == "variable" and self.genomic == "tokens":
            raise ValueError('genes = "variable" chooses from an expression table; precomputed tokens hold no genes')
        return self
