"""What the numbers of the embedded descriptor mean: title, unit, a line of words, and the number as a person reads it.

The table he_meanings.tsv has one row per number, in the encoder's order, with the words of docs/encoders.md.
"""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Literal, TypeAlias, get_args

from survviz.errors import InputError
from survviz.wsi.encoders import EMBEDDED

Form: TypeAlias = Literal["as it is", "share", "log1p", "log1p per 100"]


@dataclass(frozen=True, slots=True)
class Meaning:
    """What one number of the descriptor says.

    Attributes:
        name: as in `Encoder.feature_names`.
        title: the name without unit and scale.
        unit: of `natural`; empty where there is none.
        form: how the encoder stores it: as it is, as a share (0 to 1), as log(1 + x), or as log(1 + x / 100).
        group: "stain", "colour", "nuclei", "tissue", "texture", "spaces" or "fibres".
        headline: True for the two dozen that say most to a pathologist.
        meaning: in words, one line.
    """

    name: str
    title: str
    unit: str
    form: Form
    group: str
    headline: bool
    meaning: str

    def natural(self, value: float) -> float:
        """A stored number in `unit`: counts per mm2 and percent instead of their logarithms, shares in percent."""
        if self.form == "share":
            return 100 * value
        if self.form == "log1p":
            return math.expm1(value)
        if self.form == "log1p per 100":
            return 100 * math.expm1(value)
        return value


@lru_cache(maxsize=1)
def descriptor_meanings() -> tuple[Meaning, ...]:
    """Every number of the embedded descriptor, in its order; the same for all its scales."""
    text = files("survviz.wsi.encoders").joinpath("he_meanings.tsv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)
    return tuple(_meaning(row) for row in rows)


def meanings_of(encoder: str) -> tuple[Meaning, ...] | None:
    """What each number of an encoder means; None where its numbers have no names (foundation models)."""
    return descriptor_meanings() if encoder in EMBEDDED else None


def _meaning(row: dict[str, str]) -> Meaning:
    form = next((one for one in get_args(Form) if one == row["form"]), None)
    if form is None:
        raise InputError(f"he_meanings.tsv: {row['name']!r} has the form {row['form']!r}; known: {get_args(Form)}.")
    return Meaning(
        name=row["name"],
        title=row["title"],
        unit=row["unit"],
        form=form,
        group=row["group"],
        headline=row["headline"] == "yes",
        meaning=row["meaning"],
    )
