"""Everything between a case and a model, fitted on training cases and stored with the checkpoint."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from survviz.data.batch import NewPatches, Sample, pad
from survviz.data.bins import TimeBins
from survviz.data.clinical import ClinicalTemplates
from survviz.data.clinical_fit import fit_clinical
from survviz.data.clinical_vector import ClinicalVector
from survviz.data.cohort import Cohort
from survviz.data.genomic import Genomic, fit_genomic
from survviz.data.omics import OmicsName, OmicsScaler
from survviz.data.omics_reference import MODALITY, OmicsReference, fit_scaler
from survviz.data.ood import OodReference, fit_pathology
from survviz.data.preprocess_config import PreprocessConfig
from survviz.data.stored_patches import StoredPatches
from survviz.data.text import TextEncoder, create_text_encoder
from survviz.errors import InputError
from survviz.types import Case, Inputs, Modality, Notice

__all__ = ["Preprocess", "PreprocessConfig", "Sample"]


@dataclass(frozen=True)
class Preprocess:
    """Fitted once per fold.

    Attributes:
        modalities: what it was fitted for.
        bins: discrete time.
        ood: statistics of patches, regions, expression and copy number, which also standardise.
        templates: sentence templates of the clinical tokens.
        clinical: the same fields as numbers.
        text: name, revision and width of the text encoder.
        programmes: programme -> its columns in the expression vector.
        token_names, d_genomic: of precomputed genomic tokens.
        fit_notices: what was left out while fitting.
    """

    modalities: tuple[Modality, ...]
    bins: TimeBins
    ood: OodReference
    templates: ClinicalTemplates
    clinical: ClinicalVector = field(default_factory=ClinicalVector)
    text: Mapping[str, Any] = field(default_factory=dict)
    programmes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    token_names: tuple[str, ...] = ()
    d_genomic: int = 0
    fit_notices: tuple[Notice, ...] = ()
    text_weights: Path | None = field(default=None, compare=False)
    _cache: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def fit(cls, cohort: Cohort, case_ids: Iterable[str], config: PreprocessConfig | None = None) -> Self:
        """Fit everything on these cases; feature files are read once, one at a time.

        Raises:
            InputError: the cases have none of the asked modalities, or too few events for the time bins.
        """
        config = config or PreprocessConfig.model_validate({})
        train = cohort.subset(case_ids)
        wanted = config.modalities
        templates, clinical, notices = fit_clinical(train, config)
        genomic = fit_genomic(train, config) if "genomic" in wanted else None
        omics: dict[OmicsName, OmicsScaler | None] = {
            "rna": genomic.scaler if genomic else None,
            "mirna": fit_scaler(train, "mirna", config.max_mirna) if "mirna" in wanted else None,
            "cnv": fit_scaler(train, "cnv", config.max_cnv) if "cnv" in wanted else None,
        }
        patches, regions, found = fit_pathology(train) if "pathology" in wanted else (None, None, ())
        has = {
            "pathology": patches is not None or regions is not None,
            "clinical": bool(templates.tokens),
            "genomic": genomic is not None,
            "mirna": omics["mirna"] is not None,
            "cnv": omics["cnv"] is not None,
        }
        modalities: tuple[Modality, ...] = tuple(name for name in wanted if has[name])
        if not modalities:
            raise InputError(f"Cohort {cohort.name!r} has none of {', '.join(wanted)} for these cases.")
        genomic = genomic or Genomic()
        scalers: dict[OmicsName, OmicsScaler] = {name: scaler for name, scaler in omics.items() if scaler is not None}
        ood = OodReference.fit(
            train,
            train.case_ids,
            templates=templates,
            patches=patches,
            regions=regions,
            omics=scalers,
            modalities=modalities,
        )
        encoder = create_text_encoder(config.text_encoder, weights=config.text_weights) if templates.tokens else None
        return cls(
            modalities=modalities,
            bins=TimeBins.fit(train.time.to_numpy(), train.event.to_numpy(), config.n_bins),
            ood=ood,
            templates=templates,
            clinical=clinical,
            text={"name": encoder.name, "revision": encoder.revision, "dim": encoder.dim} if encoder else {},
            programmes=genomic.programmes,
            token_names=genomic.token_names,
            d_genomic=genomic.d_tokens,
            fit_notices=(*genomic.notices, *found, *notices),
            text_weights=config.text_weights,
        )

    @property
    def sizes(self) -> dict[str, Any]:
        """What a model's config may need to know, by its names; absent = not there.

        Always modalities and n_bins; d_patch; d_clinical, clinical_tokens (sentences), clinical_fields (field -> its
        columns of the clinical vector); programmes (-> columns of the expression vector) and n_genes, or d_genomic and
        genomic_tokens (precomputed); n_mirna; n_cnv.
        """
        sizes: dict[str, Any] = {"modalities": self.modalities, "n_bins": len(self.bins)}
        if pathology := self.ood.regions or self.ood.patches:
            sizes["d_patch"] = pathology.dim
        if "clinical" in self.modalities:
            sizes |= {"d_clinical": self.text["dim"], "clinical_tokens": self.templates.tokens}
        if self.clinical.names:
            sizes["clinical_fields"] = self.clinical.fields
        if self.token_names:
            sizes |= {"d_genomic": self.d_genomic, "genomic_tokens": self.token_names}
        if self.programmes:
            sizes["programmes"] = dict(self.programmes)
        widths = {"rna": "n_genes", "mirna": "n_mirna", "cnv": "n_cnv"}
        return sizes | {widths[name]: len(one.scaler.genes) for name, one in self._omics.items()}

    @property
    def _omics(self) -> Mapping[OmicsName, OmicsReference]:
        """The tables that become vectors; beside precomputed tokens expression does not."""
        return {name: one for name, one in self.ood.omics.items() if name != "rna" or not self.token_names}

    def transform(self, case: Case) -> Sample:
        """One case as numbers; a modality that it lacks is absent, never guessed.

        Raises:
            InputError: its features come from another encoder, its pathology is of the other kind (slides, feature
                vectors), or its tokens have another shape.
        """
        tokens: dict[str, NDArray[np.float32]] = {}
        vectors: dict[str, NDArray[np.float32]] = {}
        present: set[Modality] = set()
        patches = self._pathology(case)
        if len(patches):
            present.add("pathology")
        if "clinical" in self.modalities and self._known_fields(case):
            present.add("clinical")
            tokens["clinical"] = self.embed(self.templates.sentences(case.clinical or {}))
            vectors["clinical"] = self.clinical.transform(self.templates.codes(case.clinical or {}))
        if self.token_names and case.genomic_tokens is not None:
            present.add("genomic")
            tokens["genomic"] = self._genomic_tokens(case.case_id, case.genomic_tokens)
        for name, reference in self._omics.items():
            vector = reference.vector(case)
            if vector is not None:
                present.add(MODALITY[name])
                vectors[name] = vector
        return Sample(case.case_id, patches, tokens, vectors, frozenset(present))

    def notices(self, case: Case) -> tuple[Notice, ...]:
        """What to know before trusting a score of this case: what is missing, and what is unlike the training cases."""
        notices = self.ood.check(case, self.templates)
        if "clinical" not in self.modalities or case.clinical is None:
            return notices
        absent = [token for token in self.templates.tokens if token not in self._known_fields(case)]
        if not absent:
            return notices
        if len(absent) == len(self.templates.tokens):
            text = (
                f"None of the clinical fields that the model reads has a value: {', '.join(absent)}. It scores without."
            )
            return (*notices, Notice("warning", "clinical.missing", text))
        text = f"Not recorded: {', '.join(absent)}. The model reads a sentence that says so."
        return (*notices, Notice("info", "clinical.missing", text))

    def _known_fields(self, case: Case) -> set[str]:
        return {token for token, value in self.templates.values(case.clinical or {}).items() if value is not None}

    def embed(self, sentences: tuple[str, ...]) -> NDArray[np.float32]:
        """(T, E), vectors of length sqrt(E), so that a number is about 1; a known sentence is not encoded again.

        Encoders give vectors of unit length, whose numbers a linear layer's biases would swamp.
        """
        vectors: dict[str, NDArray[np.float32]] = self._cache.setdefault("sentences", {})
        new = [sentence for sentence in dict.fromkeys(sentences) if sentence not in vectors]
        if new:
            encoder = self._encoder()
            unit = np.float32(np.sqrt(encoder.dim))
            vectors |= dict(zip(new, encoder.encode(new) * unit, strict=True))
        return np.stack([vectors[sentence] for sentence in sentences])

    def collate(self, samples: Sequence[Sample], new_patches: NewPatches | None = None) -> Inputs:
        """A padded batch of one or more cases; at least one (masked) patch row.

        Args:
            new_patches: where the patches go; float32 of their own if not given.
        """
        sizes = self.sizes
        tokens: dict[str, tuple[int, int]] = {}
        vectors: dict[str, int] = {name: len(one.scaler.genes) for name, one in self._omics.items()}
        if "d_clinical" in sizes:
            tokens["clinical"] = (len(sizes["clinical_tokens"]), sizes["d_clinical"])
        if "clinical_fields" in sizes:
            vectors["clinical"] = len(self.clinical.columns)
        if "d_genomic" in sizes:
            tokens["genomic"] = (len(sizes["genomic_tokens"]), sizes["d_genomic"])
        return pad(samples, tokens=tokens, vectors=vectors, modalities=self.modalities, new_patches=new_patches)

    def _pathology(self, case: Case) -> NDArray[np.float32] | StoredPatches:
        """(N, D) patches of all slides, unread, or regions; N = 0 where the case has none."""
        bags = [bag for bag in case.bags if len(bag)]
        regions = case.regions if case.regions is not None and len(case.regions) else None
        if self.ood.regions:
            if bags:
                raise InputError(
                    f"Case {case.case_id} has slides, but this model was trained on a table of {self.ood.regions.dim} "
                    "pathology features per case. Give that table, or leave the slides out."
                )
            return self.ood.regions.standardise(regions) if regions else _no_rows(self.ood.regions.dim)
        if self.ood.patches:
            if regions:
                raise InputError(
                    f"Case {case.case_id} has pathology as feature vectors, but this model was trained on slides "
                    f"({self.ood.patches.encoder}). Give its slides, or leave the vectors out."
                )
            return StoredPatches.of(bags, self.ood.patches)
        return _no_rows(1)

    def _encoder(self) -> TextEncoder:
        if "encoder" not in self._cache:
            encoder = create_text_encoder(self.text["name"], weights=self.text_weights)
            if (encoder.revision, encoder.dim) != (self.text["revision"], self.text["dim"]):
                raise InputError(
                    f"This model was trained with text encoder {self.text['name']!r}, revision {self.text['revision']} "
                    f"({self.text['dim']} numbers); revision {encoder.revision} ({encoder.dim} numbers) was found. "
                    "Use the weights it was trained with."
                )
            self._cache["encoder"] = encoder
        return self._cache["encoder"]

    def _genomic_tokens(self, case_id: str, tokens: NDArray[np.float32]) -> NDArray[np.float32]:
        if tokens.shape != (len(self.token_names), self.d_genomic):
            raise InputError(
                f"Case {case_id} has genomic tokens of shape {tokens.shape}; this model takes "
                f"({len(self.token_names)}, {self.d_genomic}): {', '.join(self.token_names)}."
            )
        return tokens

    def to_dict(self) -> dict[str, Any]:
        """JSON form; it holds no case and no path."""
        return {
            "modalities": list(self.modalities),
            "bins": self.bins.to_dict(),
            "ood": self.ood.to_dict(),
            "templates": self.templates.to_dict() if self.templates.fields else None,
            "clinical": self.clinical.to_dict() if self.clinical.names else None,
            "text": dict(self.text),
            "programmes": {name: list(columns) for name, columns in self.programmes.items()},
            "token_names": list(self.token_names),
            "d_genomic": self.d_genomic,
            "fit_notices": [[notice.level, notice.code, notice.text] for notice in self.fit_notices],
        }

    @classmethod
    def from_dict(cls, value: Mapping[str, Any], *, text_weights: str | Path | None = None) -> Self:
        """Back from the JSON form.

        Args:
            text_weights: model folder of the text encoder, where it needs one.
        """
        templates, clinical = value["templates"], value.get("clinical")
        return cls(
            modalities=tuple(value["modalities"]),
            bins=TimeBins.from_dict(value["bins"]),
            ood=OodReference.from_dict(value["ood"]),
            templates=ClinicalTemplates.from_dict(templates) if templates else ClinicalTemplates(()),
            clinical=ClinicalVector.from_dict(clinical) if clinical else ClinicalVector(),
            text=dict(value["text"]),
            programmes={name: tuple(columns) for name, columns in value["programmes"].items()},
            token_names=tuple(value["token_names"]),
            d_genomic=int(value["d_genomic"]),
            fit_notices=tuple(Notice(*notice) for notice in value["fit_notices"]),
            text_weights=Path(text_weights) if text_weights else None,
        )


def _no_rows(dim: int) -> NDArray[np.float32]:
    return np.zeros((0, dim), dtype=np.float32)
