"""Numbers that others published, shown beside ours under their own heading, with how they were selected."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from importlib.resources import files
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Protocol = Literal[
    "as-published (test-selected)",
    "as-published (validation-selected)",
    "as-published (last epoch)",
    "as-published (nothing selected)",
    "as-published (selection not stated)",
    "untuned, nothing selected",
]
"""How the shown epoch or setting was chosen, as far as is known."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class _Value(_Section):
    system: str
    cohort: str
    value: float = Field(ge=0, le=1)
    spread: float | None = None
    model: str = ""


class _Table(_Section):
    source: str = Field(min_length=1)
    protocol: Protocol
    splits: str
    metric: str = "C-index"
    spread_kind: str = ""
    rows: tuple[_Value, ...]


class Published(_Value):
    """One published number.

    Attributes:
        system: as its source calls it.
        cohort: key of the cohort in our suites.
        value: as printed; `spread` likewise, and `spread_kind` says of what.
        model: name in our registry, where the system is in it.
        splits: on which patients and splits, in words.
    """

    source: str
    protocol: Protocol
    splits: str
    metric: str
    spread_kind: str


@lru_cache(maxsize=1)
def published() -> tuple[Published, ...]:
    """Every number of `resources/published.toml`."""
    text = files("survviz.benchmark").joinpath("resources", "published.toml").read_text(encoding="utf-8")
    tables = [_Table.model_validate(table) for table in tomllib.loads(text)["tables"]]
    return tuple(
        Published(**row.model_dump(), **table.model_dump(exclude={"rows"})) for table in tables for row in table.rows
    )


def published_for(cohort: str) -> tuple[Published, ...]:
    """Those of one cohort, in the order of the file."""
    return tuple(one for one in published() if one.cohort == cohort)
