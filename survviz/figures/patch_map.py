"""A map as it is shown and taken away: one number per patch, what the number means, and where it comes from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from survviz.errors import InputError
from survviz.types import RESEARCH_USE, PatchScores

__all__ = ["RESEARCH_USE", "Nature", "PatchMap", "Provenance", "same_patches"]

Nature: TypeAlias = Literal["share", "signed", "spread"]
"""What kind of number: a share (times uniform), a signed number, or a standard deviation over folds."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a map comes from; empty where it is not known.

    Attributes:
        case_id: pseudonym of the case.
        checkpoint: name of the checkpoint, with its version where it has one.
        encoder: name of the feature model.
        head: which attention head, in words ("mean of 4 heads").
        fold: which cross-validation model, in words ("standard deviation over 5 folds").
        mpp: um per pixel of level 0.
        mpp_source: who said so: "file" or "person".
        date: shown as it is; left out by default, since dates of care identify patients.
    """

    case_id: str = ""
    checkpoint: str = ""
    encoder: str = ""
    head: str = ""
    fold: str = ""
    mpp: float | None = None
    mpp_source: str = ""
    date: str = ""


@dataclass(frozen=True, slots=True)
class PatchMap:
    """One number per patch of one slide, in the unit in which the viewer shows it.

    Attributes:
        kind: "attention", "contribution", "perturbation" or "disagreement".
        values: (N,) float32, as the browser holds them: attention as a multiple of uniform, the others in `unit`;
            NaN = this patch has no value.
        coords: (N, 2) corners in level-0 pixels.
        uniform: attention of a patch if all were alike; value * uniform = share of the attention.
        nature: which colours and scales fit.
        unit: as of `PatchScores`: "share" (values are times uniform), "risk" (adds to the risk), "rank".
        semantics: in words, exactly what the number is.
    """

    kind: str
    query: str
    key: str
    token: str
    slide_id: str
    values: NDArray[np.float32]
    coords: NDArray[np.int32]
    patch_size_level0: int
    uniform: float = 1.0
    nature: Nature = "share"
    unit: str = "share"
    semantics: str = ""
    provenance: Provenance = field(default_factory=Provenance)

    def __post_init__(self) -> None:
        if self.coords.shape != (len(self.values), 2):
            raise InputError(
                f"{len(self.values)} values were given for patch corners of shape {self.coords.shape}; "
                "expected one (x, y) for each value."
            )

    def __len__(self) -> int:
        return len(self.values)

    @property
    def token_words(self) -> str:
        """The token as a person reads it."""
        return "all tokens" if self.token == "all" else self.token

    @property
    def name(self) -> str:
        """For example "attention clinical → pathology, Stage"."""
        parts = [f"{self.kind} {self.query} → {self.key}, {self.token}"]
        parts += [part for part in (self.provenance.head, self.provenance.fold) if part]
        return ", ".join(parts)

    @classmethod
    def of_scores(cls, scores: PatchScores, provenance: Provenance | None = None) -> PatchMap:
        """The map of what `Predictor.explain_tokens` gives."""
        return cls(
            kind=scores.kind,
            query=scores.query,
            key=scores.key,
            token=scores.token,
            slide_id=scores.slide_id,
            values=scores.fold_over_uniform.astype(np.float32),
            coords=scores.coords.astype(np.int32),
            patch_size_level0=scores.patch_size_level0,
            uniform=scores.uniform,
            nature="signed" if scores.signed else "share",
            unit=scores.unit,
            semantics=scores.semantics,
            provenance=provenance or Provenance(),
        )


def same_patches(maps: list[PatchMap] | tuple[PatchMap, ...]) -> None:
    """Check that maps can share one table or one tile object.

    Raises:
        InputError: there is none, or two of them are not of one slide or lie on different patches.
    """
    if not maps:
        raise InputError("No map was given; compute at least one before exporting.")
    first = maps[0]
    for other in maps[1:]:
        if other.slide_id != first.slide_id:
            raise InputError(f"Maps of slides {first.slide_id} and {other.slide_id} were given; expected one slide.")
        alike = other.patch_size_level0 == first.patch_size_level0 and np.array_equal(other.coords, first.coords)
        if not alike:
            raise InputError(f"The maps of slide {first.slide_id} lie on different patches; export them separately.")
