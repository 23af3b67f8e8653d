"""What a model reads of a batch: settings that its configuration inherits, and the check of every batch against them.

A configuration lists the forms that it reads as base classes (`PatchInput`, `SentenceInput`, ...), and is limited to
`modalities`; `config.reads` follows. A model then finds every form that it reads in the batch, of the right width, with
zeros where a case lacks it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, Self

import torch
from jaxtyping import Bool
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor

from survviz.errors import InputError
from survviz.types import Inputs, Modality

OutputKind = Literal["discrete-hazard", "log-hazard"]


@dataclass(frozen=True, slots=True)
class Reads:
    """One form of one modality.

    Attributes:
        form: "patches", "tokens" or "vector".
        name: key in `Inputs.tokens` or `Inputs.vectors`; "" for patches.
        shape: (D,) of a patch, (T, E) of tokens, (G,) of a vector.
        what: for error messages, what the last number counts.
    """

    modality: Modality
    form: Literal["patches", "tokens", "vector"]
    name: str
    shape: tuple[int, ...]
    what: str


class ModelConfig(BaseModel):
    """Settings of a model; sizes default to the published ones.

    Attributes:
        modalities: what to read; a model that can do without one says so by its validator.
        n_bins: time bins of a discrete-time head.
        output: what the head gives: discrete-hazard logits, or one log-hazard for a Cox loss.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    modalities: tuple[Modality, ...]
    n_bins: int = Field(4, ge=1)
    output: OutputKind = "discrete-hazard"

    @classmethod
    def takes(cls) -> tuple[Modality, ...]:
        """Everything that `modalities` may name; as a rule its default."""
        return cls.model_fields["modalities"].default

    @model_validator(mode="after")
    def _known_modalities(self) -> Self:
        taken = self.takes()
        unknown = [name for name in self.modalities if name not in taken]
        if unknown or not self.modalities:
            raise ValueError(f"modalities must be some of {', '.join(taken)}; {', '.join(unknown) or 'none'} was given")
        return self

    @property
    def n_outputs(self) -> int:
        """Width of the head."""
        return self.n_bins if self.output == "discrete-hazard" else 1

    @property
    def reads(self) -> tuple[Reads, ...]:
        """Every form that the model reads, of the modalities that it was asked to read."""
        return tuple(read for read in self._forms() if read.modality in self.modalities)

    @property
    def token_names(self) -> Mapping[str, tuple[str, ...]]:
        """Names of the tokens of each group that it reads as tokens."""
        return {}

    def _forms(self) -> tuple[Reads, ...]:
        return ()


class PatchInput(ModelConfig):
    """Reads a bag of patches (or of region vectors) per case."""

    d_patch: int = Field(1024, ge=1)

    def _forms(self) -> tuple[Reads, ...]:
        return (*super()._forms(), Reads("pathology", "patches", "", (self.d_patch,), "features per patch"))


class SentenceInput(ModelConfig):
    """Reads one embedded sentence per clinical field."""

    d_clinical: int = Field(512, ge=1)
    clinical_tokens: tuple[str, ...] = ("subtype", "age", "sex", "stage", "edition", "race")

    @model_validator(mode="after")
    def _has_sentences(self) -> Self:
        if "clinical" in self.modalities and not self.clinical_tokens:
            raise ValueError("clinical_tokens is empty")
        return self

    @property
    def token_names(self) -> Mapping[str, tuple[str, ...]]:
        """Also the clinical tokens."""
        named = {"clinical": self.clinical_tokens} if "clinical" in self.modalities else {}
        return {**super().token_names, **named}

    def _forms(self) -> tuple[Reads, ...]:
        shape = (len(self.clinical_tokens), self.d_clinical)
        return (*super()._forms(), Reads("clinical", "tokens", "clinical", shape, "numbers per clinical token"))


class ClinicalVectorInput(ModelConfig):
    """Reads clinical data as numbers: scaled and one-hot columns.

    Attributes:
        clinical_fields: field -> its columns in `vectors["clinical"]`.
    """

    clinical_fields: dict[str, tuple[int, ...]]

    @model_validator(mode="after")
    def _has_columns(self) -> Self:
        columns = sorted(column for columns in self.clinical_fields.values() for column in columns)
        if "clinical" in self.modalities and (not columns or columns != list(range(len(columns)))):
            raise ValueError(f"clinical_fields must name columns 0, 1, ... once each; {columns} was given")
        return self

    @property
    def n_clinical(self) -> int:
        """Number of clinical columns."""
        return sum(len(columns) for columns in self.clinical_fields.values())

    def _forms(self) -> tuple[Reads, ...]:
        return (*super()._forms(), Reads("clinical", "vector", "clinical", (self.n_clinical,), "clinical columns"))


class _GenomicInput(ModelConfig):
    d_genomic: int = Field(768, ge=1)
    genomic_tokens: tuple[str, ...] = ("source", "target", "max", "mean")
    n_genes: int | None = Field(None, ge=1)

    def _genomic_tokens(self) -> Reads:
        shape = (len(self.genomic_tokens), self.d_genomic)
        return Reads("genomic", "tokens", "genomic", shape, "numbers per genomic token")

    def _expression(self) -> Reads:
        return Reads("genomic", "vector", "rna", (self.n_genes or 0,), "genes")


class GenomicTokenInput(_GenomicInput):
    """Reads genomic tokens: one per gene programme from expression, or precomputed embeddings.

    Attributes:
        programmes: gene programme -> columns of `vectors["rna"]`; when given, `d_genomic` and `genomic_tokens` are not
            used.
        n_genes: width of `vectors["rna"]`, needed with `programmes`.
    """

    programmes: dict[str, tuple[int, ...]] | None = None

    @model_validator(mode="after")
    def _has_tokens(self) -> Self:
        if self.programmes is not None:
            genes = [index for indices in self.programmes.values() for index in indices]
            if not all(self.programmes.values()) or not genes:
                raise ValueError("every programme needs at least one gene")
            if self.n_genes is None or min(genes) < 0 or max(genes) >= self.n_genes:
                raise ValueError("programmes name columns beyond n_genes; give n_genes, the width of the rna vector")
        if "genomic" in self.modalities and not (self.programmes or self.genomic_tokens):
            raise ValueError("neither programmes nor genomic_tokens is given")
        return self

    @property
    def token_names(self) -> Mapping[str, tuple[str, ...]]:
        """Also the genomic tokens."""
        named = {"genomic": tuple(self.programmes or self.genomic_tokens)} if "genomic" in self.modalities else {}
        return {**super().token_names, **named}

    def _forms(self) -> tuple[Reads, ...]:
        return (*super()._forms(), self._expression() if self.programmes is not None else self._genomic_tokens())


class ExpressionInput(_GenomicInput):
    """Reads expression as one vector; where a cohort has only precomputed tokens (`n_genes` None), those."""

    @model_validator(mode="after")
    def _has_genes(self) -> Self:
        if "genomic" in self.modalities and not (self.n_genes or self.genomic_tokens):
            raise ValueError("neither n_genes nor genomic_tokens is given")
        return self

    @property
    def token_names(self) -> Mapping[str, tuple[str, ...]]:
        """Also the genomic tokens, where those are read."""
        named = {"genomic": self.genomic_tokens} if "genomic" in self.modalities and not self.n_genes else {}
        return {**super().token_names, **named}

    def _forms(self) -> tuple[Reads, ...]:
        return (*super()._forms(), self._expression() if self.n_genes else self._genomic_tokens())


class MirnaInput(ModelConfig):
    """Reads miRNA expression."""

    n_mirna: int = Field(743, ge=1)

    def _forms(self) -> tuple[Reads, ...]:
        return (*super()._forms(), Reads("mirna", "vector", "mirna", (self.n_mirna,), "miRNAs"))


class CnvInput(ModelConfig):
    """Reads copy-number changes."""

    n_cnv: int = Field(2711, ge=1)

    def _forms(self) -> tuple[Reads, ...]:
        return (*super()._forms(), Reads("cnv", "vector", "cnv", (self.n_cnv,), "copy-number columns"))


def present_mask(inputs: Inputs, modality: Modality) -> Bool[Tensor, " B"]:
    """Which cases have a modality; a modality that `inputs.present` does not name is present where it has values."""
    if modality in inputs.present:
        return inputs.present[modality]
    if modality == "pathology":
        return inputs.patch_mask.any(dim=1)
    given = (
        modality in inputs.tokens or modality in inputs.vectors or (modality == "genomic" and "rna" in inputs.vectors)
    )
    return torch.full((len(inputs.patches),), given, dtype=torch.bool, device=inputs.patches.device)


def checked(inputs: Inputs, reads: tuple[Reads, ...]) -> Inputs:
    """The batch as a model may rely on it.

    Every form in `reads` is there, zero in every case that lacks its modality; `present` names every modality that is
    read; a patch counts only where its case has pathology; there is at least one (possibly masked) patch row; other
    modalities are gone.

    Raises:
        InputError: the batch has no case, or a width differs from what the model was built for.
    """
    n_cases = len(inputs.patches)
    if n_cases == 0:
        raise InputError("A batch of no cases was given; a model needs one case or more.")
    present = {read.modality: present_mask(inputs, read.modality) for read in reads}
    patches, mask = inputs.patches, inputs.patch_mask
    tokens: dict[str, Tensor] = {}
    vectors: dict[str, Tensor] = {}
    patch_width = 1
    for read in reads:
        if read.form == "patches":
            patch_width = read.shape[0]
            continue
        values = (inputs.tokens if read.form == "tokens" else inputs.vectors).get(read.name)
        if values is None and bool(present[read.modality].any()):
            raise InputError(
                f"The batch says that cases have {read.modality} data, but holds no {read.form} of it for this model "
                f"({read.shape[-1]} {read.what}). Use the preprocessing stored in the checkpoint."
            )
        if values is None:
            values = patches.new_zeros(n_cases, *read.shape)
        _check_shape(read, tuple(values.shape[1:]))
        here = present[read.modality].view(-1, *[1] * len(read.shape))
        (tokens if read.form == "tokens" else vectors)[read.name] = values.where(here, 0)
    if "pathology" not in present or patches.shape[1] == 0:
        patches, mask = patches.new_zeros(n_cases, 1, patch_width), mask.new_zeros(n_cases, 1)
    else:
        _check_shape(next(read for read in reads if read.form == "patches"), (patches.shape[-1],))
        mask = mask & present["pathology"].unsqueeze(-1)
    if "pathology" in present:
        present = {**present, "pathology": mask.any(dim=1)}
    return replace(inputs, patches=patches, patch_mask=mask, tokens=tokens, vectors=vectors, present=present)


def _check_shape(read: Reads, given: tuple[int, ...]) -> None:
    if given == read.shape:
        return
    if read.form == "tokens" and given[0] != read.shape[0]:
        raise InputError(
            f"The model was built for {read.shape[0]} {read.name} tokens, but the input has {given[0]}. "
            "Use the encoder and the preprocessing stored in the checkpoint."
        )
    raise InputError(
        f"The model was built for {read.shape[-1]} {read.what}, but the input has {given[-1]}. "
        "Use the encoder and the preprocessing stored in the checkpoint."
    )


def random_inputs(reads: tuple[Reads, ...], n_patches: tuple[int, ...], *, seed: int = 0) -> Inputs:
    """Standard normal noise of the shapes that a model reads, one case per number of patches; no patient's data."""
    random = torch.Generator().manual_seed(seed)
    n_cases, longest = len(n_patches), max(n_patches)
    mask = torch.arange(longest) < torch.tensor(n_patches).unsqueeze(1)
    tokens: dict[str, Tensor] = {}
    vectors: dict[str, Tensor] = {}
    patches = torch.zeros(n_cases, longest, 1)
    for read in sorted(reads, key=lambda read: (read.form == "patches", read.form == "vector")):
        if read.form == "patches":
            patches = torch.randn(n_cases, longest, *read.shape, generator=random) * mask.unsqueeze(-1)
        else:
            values = torch.randn(n_cases, *read.shape, generator=random)
            (tokens if read.form == "tokens" else vectors)[read.name] = values
    present: dict[Modality, Tensor] = {read.modality: torch.ones(n_cases, dtype=torch.bool) for read in reads}
    return Inputs(patches, mask, tokens, vectors, present)
