"""How much each input matters, and what that knowledge cost.

Noise may follow relevance only where the relevance itself gives nothing away: it is public, or it was released with
noise of its own. Relevance that was computed on private records without noise is kept apart and called private.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Literal, Self

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from survviz.errors import PrivacyError
from survviz.privacy.noise import laplace_mechanism, laplace_scale
from survviz.privacy.spec import Neighbour, PrivacySpec

Source = Literal["public", "released", "private"]
PARTS = 2**30  # lattice of one patient's share of relevance


class Relevance(BaseModel):
    """A non-negative number per name (feature, modality, programme) and where it comes from.

    Attributes:
        where: the public source, or how it was computed, in words.
        spec: what its release cost the patients that it was computed on; only where the source is "released".
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    values: dict[str, float] = Field(min_length=1)
    source: Source
    where: str = Field(min_length=1)
    spec: PrivacySpec | None = None

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if not all(np.isfinite(value) and value >= 0 for value in self.values.values()):
            raise PrivacyError("Relevance is a finite number of at least 0 for every name.")
        if (self.source == "released") != (self.spec is not None):
            raise PrivacyError("Released relevance carries the guarantee of its release; other relevance has none.")
        return self


def release_relevance(
    relevance: Float[NDArray, "n d"],
    names: Sequence[str],
    epsilon: float,
    *,
    neighbour: Neighbour = "replace one",
    floor: float = 1e-6,
    where: str = "layer-wise relevance of a differentially private model",
) -> Relevance:
    """Mean share of relevance over patients with discrete Laplace noise (Proposition 4 of docs/privacy.md).

    Every patient's absolute relevance is divided by its own sum, so one patient moves the sum of all shares by at
    most 2 in L1 (1 if added or removed), not by 2 d. What follows (no negative share, sum 1) is post-processing.

    Args:
        relevance: one row per patient, signed or not. Its model must be private itself or public.
        names: of the columns; few groups (modalities, programmes) rather than many features.
        neighbour: "replace one" or "add or remove one"; the number of patients enters neither result nor guarantee.
        floor: smallest sum that a patient is divided by, in the unit of relevance.

    Raises:
        PrivacyError: a number is missing, or the request has no guarantee.
    """
    if neighbour == "any two records" or not epsilon > 0:
        raise PrivacyError(
            "Relevance is released for one patient replaced, or added or removed, at an epsilon above 0."
        )
    sensitivity = PARTS * (2 if neighbour == "replace one" else 1)
    mechanism = laplace_mechanism(laplace_scale(Fraction(epsilon), sensitivity))
    noisy = [max(0, mechanism(int(column))) for column in _shares(relevance, len(names), floor).sum(axis=0)]
    spec = PrivacySpec(
        ledger="training",
        unit="one training patient, whose relevance is one row",
        neighbour=neighbour,
        mechanism=f"discrete Laplace noise on {len(names)} mean shares of relevance",  # their number may be private
        epsilon=epsilon,
        delta=0.0,
        composition="It adds to what training the model cost the same patients.",
        protects="which patients the relevance was computed on, and their records",
        does_not_protect=("the patient entered now", "what the model itself tells about its training patients"),
    )
    values = dict(zip(names, _normalised(noisy), strict=True))
    return Relevance(values=values, source="released", where=where, spec=spec)


def grouped(relevance: Float[NDArray, "n d"], groups: Sequence[str]) -> tuple[Float[NDArray, "n g"], tuple[str, ...]]:
    """Absolute relevance summed over groups of columns, and the groups' names in order of first appearance.

    Args:
        groups: one name per column (a modality, a programme); public.
    """
    names = tuple(dict.fromkeys(groups))
    if relevance.ndim != 2 or relevance.shape[1] != len(groups):
        raise PrivacyError(f"Relevance of shape {relevance.shape} was given with the groups of {len(groups)} columns.")
    place = np.array([names.index(group) for group in groups])
    summed = np.stack([np.abs(relevance[:, place == number]).sum(axis=1) for number in range(len(names))], axis=1)
    return summed, names


def spread(relevance: Relevance, members: Mapping[str, Sequence[str]]) -> Relevance:
    """Relevance of groups dealt equally to their members; it stays as public or private as it was.

    Raises:
        PrivacyError: a group has no relevance, or no members.
    """
    values: dict[str, float] = {}
    for group, names in members.items():
        if group not in relevance.values or not names:
            raise PrivacyError(f"The group {group!r} has no relevance or no members.")
        values |= {name: relevance.values[group] / len(names) for name in names}
    return relevance.model_copy(update={"values": values})


def _shares(relevance: Float[NDArray, "n d"], names: int, floor: float) -> Int[NDArray, "n d"]:
    """Each patient's shares of relevance as integers; a row's sum is at most PARTS, whatever floats do."""
    if relevance.ndim != 2 or relevance.shape[1] != names or not len(relevance):
        raise PrivacyError(f"Relevance of shape {relevance.shape} was given for {names} names and some patients.")
    if not np.isfinite(relevance).all():
        raise PrivacyError("Relevance has missing numbers; leave such patients out by a public rule.")
    absolute = np.abs(relevance.astype(np.float64))
    total = np.maximum(absolute.sum(axis=1, keepdims=True), floor)
    shares = np.floor(absolute / total * (PARTS - names)).astype(np.int64)
    if (shares.sum(axis=1) > PARTS).any():
        raise PrivacyError("A patient's shares of relevance pass 1: the sensitivity of their sum would be wrong.")
    return shares


def _normalised(counts: Sequence[int]) -> list[float]:
    """Shares of the whole; equal where noise left nothing."""
    total = sum(counts)
    return [count / total for count in counts] if total else [1 / len(counts)] * len(counts)
