"""What the cells of an event column mean, and in which unit a time is: guessed from names and cells, said in words."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

import numpy as np
import pandas as pd

from survviz.data.genes import shorten
from survviz.data.tables import is_missing
from survviz.intake.endpoint_view import spelling
from survviz.intake.tables import Coding
from survviz.intake.wording import short
from survviz.units import TimeUnit

OBSERVED = frozenset(
    ["dead", "deceased", "death", "died", "expired", "event", "yes", "y", "true", "observed", "uncensored", "recurred",
     "recurrence", "relapse", "relapsed", "progressed", "progression", "recurred/progressed", "dead with tumor",
     "died with tumor", "dead of disease", "1:yes", "metastasis", "failure", "failed"]
)  # fmt: skip
CENSORED = frozenset(
    ["alive", "living", "censored", "censor", "no", "n", "false", "none", "disease free", "diseasefree",
     "disease-free", "alive or dead tumor free", "no event", "not recurred", "without recurrence", "lost to follow-up",
     "lost to followup", "alive without disease", "alive with disease"]
)  # fmt: skip
NUMBERED = re.compile(r"^([0-2])\s*[:=-]\s*(.+)$")
CODEBOOK = re.compile(r"([012])[ _]*(yes|no|alive|living|dead|deceased|death|event|censored)")
UNITS: dict[TimeUnit, tuple[str, ...]] = {
    "days": ("days", "day", "d"),
    "months": ("months", "month", "mo", "mos", "mths", "m"),
    "years": ("years", "year", "yrs", "yr", "y"),
}
LONGEST_MONTHS, LONGEST_YEARS = 500.0, 45.0
"""Follow-up beyond these is in a smaller unit."""


@dataclass(frozen=True, slots=True)
class Guess:
    """A guess about a column: what, why in words, and whether a name (not only numbers) says so."""

    value: Coding | TimeUnit
    why: str
    sure: bool = True


def guess_coding(name: str, cells: pd.Series) -> Coding | None:
    """Which cells of an event column mean that the event was seen; None where that cannot be told.

    Args:
        name: of the column, in lower case with `_` between its words. `censorship`, `CNSR` turn 0 and 1 round.
    """
    values = [value for value, _ in Counter(map(spelling, cells)).most_common() if not is_missing(value)]
    reverse = bool(re.search(r"(^|_)(is_)?(cens|cnsr)", name)) and "uncens" not in name
    book = {digit: word in OBSERVED for digit, word in CODEBOOK.findall(name)}
    sides: dict[str, bool] = {}
    for value in values[:50]:
        seen = _seen(value, book, reverse)
        if seen is not None:
            sides[value] = seen
    if not any(sides.values()) and not all(sides.values()):
        return None if len(values) > len(sides) else Coding(observed=_default(reverse), censored=tuple(sorted(sides)))
    if {"1", "2"} == set(values):
        sides = {"1": False, "2": True}
    if not sides or len(sides) < min(2, len(values)):
        return None
    observed, censored = (
        tuple(sorted(value for value, is_seen in sides.items() if is_seen is side)) for side in (True, False)
    )
    return Coding(observed=observed or _default(reverse), censored=censored)


def _default(reverse: bool) -> tuple[str, ...]:
    return ("0",) if reverse else ("1",)


def _seen(value: str, book: dict[str, bool], reverse: bool) -> bool | None:
    """Whether a cell means an event; of a column about censoring, "yes" and 1 mean that there was none."""
    numbered = NUMBERED.match(value)
    if numbered and numbered.group(2).strip() in OBSERVED | CENSORED:
        return numbered.group(2).strip() in OBSERVED
    if numbered:
        return numbered.group(1) == "1"
    if value in book:
        return book[value] != reverse
    if value in ("0", "1"):
        return (value == "1") != reverse
    if value in ("yes", "y", "true", "no", "n", "false"):
        return (value in OBSERVED) != reverse
    if value in OBSERVED:
        return True
    return False if value in CENSORED else None


def guess_unit(words: list[str], cells: pd.Series, *, tcga_name: bool) -> Guess:
    """The unit of a time.

    Args:
        words: of the column's name, in lower case.
        tcga_name: it is called `OS.time` or alike, which TCGA and Xena give in days.
    """
    numbers = np.asarray(pd.to_numeric(cells.str.replace(",", ".", regex=False), errors="coerce"), dtype=float)
    numbers = numbers[np.isfinite(numbers)]
    longest, median = (float(numbers.max()), float(np.median(numbers))) if len(numbers) else (0.0, 0.0)
    for unit, spellings in UNITS.items():
        if any(word in spellings[:3] for word in words):
            return Guess(unit, "as its name says")
    span = f"median {short(median)}, longest {short(longest)}"
    unit: TimeUnit = "days" if longest > LONGEST_MONTHS else "months" if longest > LONGEST_YEARS else "years"
    if tcga_name and unit == "days":
        return Guess(unit, f"as TCGA and Xena give it; {span}")
    return Guess(unit, f"by its numbers alone: {span}", sure=False)


def coding_in_words(coding: Coding, cells: pd.Series) -> str:
    """`1 = event, 214 of 498; 0 = censored`, and how many cells are neither."""
    counts = Counter(map(spelling, cells))
    sides = [{spelling(value) for value in side} for side in (coding.observed, coding.censored)]
    seen, censored = (sum(counts[value] for value in side) for side in sides)
    observed = (
        shorten((value for value in coding.observed if counts[spelling(value)]), 4) if seen else coding.observed[0]
    )
    text = f"{observed} = event, {seen:,} of {len(cells):,}"
    if coding.censored:
        said = [value for value in coding.censored if counts[spelling(value)]] or coding.censored[:1]
        text += f"; {shorten(said, 4)} = censored"
    rest = len(cells) - seen - censored
    return text + (f"; {rest:,} are neither" if rest else "")
