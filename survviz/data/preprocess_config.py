"""Settings of `Preprocess`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from survviz.types import Modality


class PreprocessConfig(BaseModel):
    """How cases become numbers.

    Attributes:
        text_encoder: name in the registry; `text_weights` is its model folder (not stored in a checkpoint).
        clinical_tokens: fields to use, in order; default the templates' default fields that the cohort has.
        templates: a file of sentence templates instead of ours.
        genomic: "programmes" (expression through named gene sets), "tokens" (precomputed), or "auto": tokens if the
            cohort has them, else programmes.
        programmes: a GMT file instead of our curated sets.
        min_genes: a programme with fewer genes in the training table is left out.
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
    n_bins: int = Field(4, ge=1)
    modalities: tuple[Modality, ...] = ("pathology", "clinical", "genomic")
