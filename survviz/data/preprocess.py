"""Everything between a case and a model, fitted on training cases and stored with the checkpoint."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from survviz.data.bins import TimeBins
from survviz.data.clinical import ClinicalTemplates, load_templates
from survviz.data.cohort import Cohort
from survviz.data.genes import shorten
from survviz.data.genomic import Genomic, fit_genomic
from survviz.data.ood import OodReference, fit_patches
from survviz.data.preprocess_config import PreprocessConfig
from survviz.data.text import TextEncoder, create_text_encoder
from survviz.errors import InputError
from survviz.types import Case, Inputs, Modality, Notice

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Preprocess", "PreprocessConfig", "Sample"]


@dataclass(frozen=True, slots=True)
class Sample:
    """One case as numbers, not yet padded.

    Attributes:
        patches: (N, D) standardised; the case's slides one after another, in the order of `Case.bags`.
        clinical: (T, E) sentence embeddings.
        genomic: (T, D) precomputed tokens.
        rna: (G,) z-scores.
        present: the modalities that the case has.
    """

    case_id: str
    patches: NDArray[np.float32]
    clinical: NDArray[np.float32] | None = None
    genomic: NDArray[np.float32] | None = None
    rna: NDArray[np.float32] | None = None
    present: frozenset[Modality] = frozenset()


@dataclass(frozen=True)
class Preprocess:
    """Fitted once per fold.

    Attributes:
        modalities: what it was fitted for.
        bins: discrete time.
        ood: patch and expression statistics, which also standardise.
        templates: sentence templates of the clinical tokens.
        text: name, revision and width of the text encoder.
        programmes: programme -> its columns in the expression vector.
        token_names, d_genomic: of precomputed genomic tokens.
        fit_notices: what was left out while fitting.
    """

    modalities: tuple[Modality, ...]
    bins: TimeBins
    ood: OodReference
    templates: ClinicalTemplates
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
        tokens = _clinical_tokens(train, config) if "clinical" in config.modalities else ()
        templates = load_templates(config.templates).select(tokens)
        genomic = (
            fit_genomic(train, config.genomic, config.programmes, config.min_genes)
            if "genomic" in config.modalities
            else None
        )
        patches = fit_patches(train) if "pathology" in config.modalities and train.features else None
        has = {"pathology": patches is not None, "clinical": bool(tokens), "genomic": genomic is not None}
        modalities: tuple[Modality, ...] = tuple(name for name in config.modalities if has[name])
        if not modalities:
            raise InputError(f"Cohort {cohort.name!r} has none of {', '.join(config.modalities)} for these cases.")
        genomic = genomic or Genomic()
        ood = OodReference.fit(
            train, train.case_ids, templates=templates, patches=patches, rna=genomic.scaler, modalities=modalities
        )
        encoder = create_text_encoder(config.text_encoder, weights=config.text_weights) if tokens else None
        return cls(
            modalities=modalities,
            bins=TimeBins.fit(train.time.to_numpy(), train.event.to_numpy(), config.n_bins),
            ood=ood,
            templates=templates,
            text={"name": encoder.name, "revision": encoder.revision, "dim": encoder.dim} if encoder else {},
            programmes=genomic.programmes,
            token_names=genomic.token_names,
            d_genomic=genomic.d_tokens,
            fit_notices=genomic.notices,
            text_weights=config.text_weights,
        )

    @property
    def sizes(self) -> dict[str, Any]:
        """What a model's config needs to know: `create_model(name, **sizes)`."""
        sizes: dict[str, Any] = {"modalities": self.modalities, "n_bins": len(self.bins)}
        if self.ood.patches:
            sizes["d_patch"] = self.ood.patches.dim
        if "clinical" in self.modalities:
            sizes |= {"d_clinical": self.text["dim"], "clinical_tokens": self.templates.tokens}
        if self.programmes and self.ood.rna:
            sizes |= {"programmes": dict(self.programmes), "n_genes": len(self.ood.rna.genes)}
        elif "genomic" in self.modalities:
            sizes |= {"d_genomic": self.d_genomic, "genomic_tokens": self.token_names}
        return sizes

    def transform(self, case: Case) -> Sample:
        """One case as numbers; a modality that it lacks is absent, never guessed.

        Raises:
            InputError: its features come from another encoder, or its tokens have another shape.
        """
        present: set[Modality] = set()
        patches = np.zeros((0, self.ood.patches.dim if self.ood.patches else 1), dtype=np.float32)
        clinical = genomic = rna = None
        bags = [bag for bag in case.bags if len(bag)]
        if self.ood.patches and bags:
            patches = np.concatenate([self.ood.patches.standardise(bag) for bag in bags])
            present.add("pathology")
        if "clinical" in self.modalities and self._known_fields(case):
            clinical = self._embed(self.templates.sentences(case.clinical or {}))
            present.add("clinical")
        if "genomic" in self.modalities:
            rna, genomic = self._genomic(case)
            if rna is not None or genomic is not None:
                present.add("genomic")
        return Sample(case.case_id, patches, clinical, genomic, rna, frozenset(present))

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

    def collate(self, samples: Sequence[Sample]) -> Inputs:
        """A padded batch of one or more cases; at least one (masked) patch row."""
        import torch

        if not samples:
            raise InputError("An empty batch was asked for; give one case or more.")
        sizes = self.sizes
        n = max(1, *(len(sample.patches) for sample in samples))
        patches = torch.zeros(len(samples), n, samples[0].patches.shape[1])
        mask = torch.zeros(len(samples), n, dtype=torch.bool)
        for i, sample in enumerate(samples):
            patches[i, : len(sample.patches)] = torch.from_numpy(sample.patches)
            mask[i, : len(sample.patches)] = True
        tokens: dict[str, Tensor] = {}
        vectors: dict[str, Tensor] = {}
        if "d_clinical" in sizes:
            shape = (len(sizes["clinical_tokens"]), sizes["d_clinical"])
            tokens["clinical"] = _stack([sample.clinical for sample in samples], shape)
        if "n_genes" in sizes:
            vectors["rna"] = _stack([sample.rna for sample in samples], (sizes["n_genes"],))
        if "d_genomic" in sizes:
            shape = (len(sizes["genomic_tokens"]), sizes["d_genomic"])
            tokens["genomic"] = _stack([sample.genomic for sample in samples], shape)
        present: dict[Modality, Tensor] = {
            name: torch.tensor([name in sample.present for sample in samples]) for name in self.modalities
        }
        return Inputs(patches, mask, tokens, vectors, present)

    def _embed(self, sentences: tuple[str, ...]) -> NDArray[np.float32]:
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

    def _genomic(self, case: Case) -> tuple[NDArray[np.float32] | None, NDArray[np.float32] | None]:
        if self.programmes and self.ood.rna:
            values = {name: value for name, value in (case.rna or {}).items() if np.isfinite(value)}
            if not values:
                return None, None
            vector, match = self.ood.rna.transform(values)
            return (vector, None) if match.found else (None, None)
        tokens = case.genomic_tokens
        if tokens is not None and tokens.shape != (len(self.token_names), self.d_genomic):
            raise InputError(
                f"Case {case.case_id} has genomic tokens of shape {tokens.shape}; this model takes "
                f"({len(self.token_names)}, {self.d_genomic}): {', '.join(self.token_names)}."
            )
        return None, tokens

    def to_dict(self) -> dict[str, Any]:
        """JSON form; it holds no case and no path."""
        return {
            "modalities": list(self.modalities),
            "bins": self.bins.to_dict(),
            "ood": self.ood.to_dict(),
            "templates": self.templates.to_dict() if self.templates.fields else None,
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
        templates = value["templates"]
        return cls(
            modalities=tuple(value["modalities"]),
            bins=TimeBins.from_dict(value["bins"]),
            ood=OodReference.from_dict(value["ood"]),
            templates=ClinicalTemplates.from_dict(templates) if templates else ClinicalTemplates(()),
            text=dict(value["text"]),
            programmes={name: tuple(columns) for name, columns in value["programmes"].items()},
            token_names=tuple(value["token_names"]),
            d_genomic=int(value["d_genomic"]),
            fit_notices=tuple(Notice(*notice) for notice in value["fit_notices"]),
            text_weights=Path(text_weights) if text_weights else None,
        )


def _stack(rows: Sequence[NDArray[np.float32] | None], shape: tuple[int, ...]) -> Tensor:
    import torch

    return torch.from_numpy(np.stack([np.zeros(shape, dtype=np.float32) if row is None else row for row in rows]))


def _clinical_tokens(train: Cohort, config: PreprocessConfig) -> tuple[str, ...]:
    templates = load_templates(config.templates)
    if config.clinical_tokens is None:
        return tuple(token for token in templates.tokens if token in train.fields)
    chosen = templates.select(config.clinical_tokens).tokens
    absent = [token for token in chosen if token not in train.fields]
    if absent:
        raise InputError(
            f"Cohort {train.name!r} has no column for {shorten(absent)}; it has {shorten(train.fields)}. "
            "Add it under [clinical.fields] in cohort.toml, or leave the token out."
        )
    return chosen
