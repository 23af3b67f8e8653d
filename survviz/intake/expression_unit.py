"""Which unit a table of expression is in, as far as its numbers tell: counts, per million, logged, or z-scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from survviz.data.omics import is_linear
from survviz.intake.wording import short

MOST_CELLS = 2_000_000
LARGEST_LOG2 = 32.0
"""log2 of four billion: no sequencer counts further."""
FLOOR_SHARE = 0.002
FEW_NEGATIVE = 0.01
PER_MILLION = 1e6


@dataclass(frozen=True, slots=True)
class UnitGuess:
    """What the numbers look like.

    Attributes:
        unit: "counts", "TPM", "RPM", "linear", "log2(x+1)", "log2(x+0.001)", "z-score" or "" where it cannot be told.
        kind: what can be done with it: linear values are logged before scaling, the others are taken as they are.
        why: the evidence, in words.
    """

    unit: str
    kind: str
    why: str

    @property
    def logs(self) -> bool:
        """Whether these are linear values, to be logged before scaling."""
        return self.kind == "linear"


def guess_unit(values: NDArray[np.floating], *, per_million: str = "TPM") -> UnitGuess:
    """Judge a unit by range, sign, floor and totals.

    Args:
        values: (samples, genes); missing values are NaN.
        per_million: what values are called that add up to a million in every sample: "TPM", or "RPM" of miRNA.
    """
    part = _part(values)
    known = part[np.isfinite(part)]
    if known.size == 0:
        return UnitGuess("", "unknown", "no number was found")
    low, high = float(known.min()), float(known.max())
    span = f"values from {short(low)} to {short(high)}"
    if low < 0 and not (float((known < 0).mean()) < FEW_NEGATIVE and high > LARGEST_LOG2):
        return _signed(part, known, low, span)
    if high <= LARGEST_LOG2:
        return UnitGuess("log2(x+1)", "logged", f"{span}: too small for counts or TPM, so they were logged")
    if bool((known == np.round(known)).all()):
        return UnitGuess("counts", "linear", f"{span}, all of them whole numbers")
    totals = np.where(np.isfinite(part), part, 0).sum(axis=1, dtype=np.float64)
    if values.shape[1] <= part.shape[1] and bool((np.abs(totals / PER_MILLION - 1) < 0.02).mean() > 0.9):
        return UnitGuess(per_million, "linear", f"{span}, and every sample adds up to a million")
    return UnitGuess("linear", "linear", f"{span}: too large to be logged")


def _signed(part: NDArray[np.floating], known: NDArray[np.floating], low: float, span: str) -> UnitGuess:
    at_floor = float((known == known.min()).mean())
    if at_floor > FLOOR_SHARE and known.max() <= LARGEST_LOG2 and low > -40:
        offset = 2.0**low
        return UnitGuess(
            f"log2(x+{offset:.2g})", "logged", f"{span}; {at_floor:.1%} lie on the floor, log2({offset:.2g})"
        )
    given = np.where(np.isfinite(part), part, np.nan)
    middle = np.nanmedian(given[:, np.isfinite(part).any(axis=0)], axis=0)
    if float(np.median(np.abs(middle))) < 1:
        return UnitGuess("z-score", "scaled", f"{span}, around 0 in every gene")
    return UnitGuess("log ratio", "scaled", f"{span}, some below 0")


def _part(values: NDArray[np.floating]) -> NDArray[np.floating]:
    """At most two million cells, whole samples, spread over the table."""
    most = max(1, MOST_CELLS // max(1, values.shape[1]))
    if len(values) <= most:
        return values
    return values[np.linspace(0, len(values) - 1, most).astype(int)]


def contradicts(declared: str, guess: UnitGuess) -> bool:
    """Whether a declared unit cannot be that of these numbers, as logging the logged would be."""
    if guess.kind == "unknown":
        return False
    return is_linear(declared) != guess.logs
