"""Which name of a table belongs to which case: by a stated rule, never by position."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from survviz.data.barcodes import case_of, tcga_case
from survviz.data.genes import shorten
from survviz.intake.wording import many

RuleName: TypeAlias = Literal["exact", "barcode", "prefix", "spelling", "leading zeros"]

RULES: Mapping[RuleName, str] = {
    "exact": "the names are the case ids",
    "barcode": "the first 12 characters of the TCGA barcode name the case",
    "prefix": "a name belongs to the case that it starts with",
    "spelling": "names are compared without case, blanks, and the difference of - . and _",
    "leading zeros": "numbers are compared without leading zeros",
}
"""In the order in which they are tried."""


@dataclass(frozen=True, slots=True)
class Match:
    """How the names of one table belong to the cases.

    Attributes:
        owners: name in the table -> case id; names of no case are not in it.
        alone: names that belong to no case.
        without: cases that the table does not have.
    """

    table: str
    rule: RuleName
    owners: Mapping[str, str]
    alone: tuple[str, ...]
    without: tuple[str, ...]

    @property
    def words(self) -> str:
        """The rule and the counts."""
        names = len(self.owners) + len(self.alone)
        cases = many(set(self.owners.values()), "case", "cases")
        text = f"{self.table}: {len(self.owners):,} of {many(names, 'name', 'names')} belong to {cases}"
        alone = f"; {many(self.alone, 'name belongs', 'names belong')} to no case ({shorten(self.alone, 3)})"
        without = f"; {many(self.without, 'case is', 'cases are')} not in it"
        return f"{text} ({RULES[self.rule]}){alone if self.alone else ''}{without if self.without else ''}"


def match_names(table: str, names: Iterable[str], cases: Collection[str], rule: RuleName | None = None) -> Match:
    """Match the names of a table with cases.

    Args:
        rule: to go by; None = the first one that matches as many names as any other.
    """
    names = list(dict.fromkeys(names))
    known = frozenset(cases)
    tried: dict[RuleName, dict[str, str]] = {}
    for one in RULES if rule is None else (rule,):
        find = _finder(one, known)
        tried[one] = {name: owner for name in names if (owner := find(name)) is not None}
        if len(tried[one]) == len(names):
            break
    best = max(tried, key=lambda one: len(tried[one]))
    owners = tried[best]
    alone = tuple(name for name in names if name not in owners)
    have = set(owners.values())
    return Match(table, best, owners, alone, tuple(case for case in dict.fromkeys(cases) if case not in have))


def _finder(rule: RuleName, known: frozenset[str]) -> Callable[[str], str | None]:
    if rule == "exact":
        return lambda name: name if name in known else None
    if rule == "prefix":
        return lambda name: case_of(name, known)
    alter = {"barcode": tcga_case, "spelling": _letters, "leading zeros": _number}[rule]
    altered: dict[str, str | None] = {}
    for case in sorted(known):
        key = alter(case)
        if key is not None:
            altered[key] = None if key in altered else case  # two cases that become alike match nothing
    return lambda name: altered.get(key) if (key := alter(name)) is not None else None


def _letters(name: str) -> str:
    return re.sub(r"[\s._-]+", "-", name.strip()).upper()


def _number(name: str) -> str | None:
    text = name.strip().removesuffix(".0")
    return text.lstrip("0") or "0" if text.isdigit() else None
