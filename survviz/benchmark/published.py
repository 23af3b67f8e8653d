"""Numbers that others published, shown beside ours under their own heading, with how they were selected."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from importlib.resources import files

from pydantic import BaseModel, ConfigDict, Field

PROTOCOLS = ("nested", "last-epoch", "as-published (test-selected)", "as-published (selection not stated)")


class Published(BaseModel):
    """One published number.

    Attributes:
        cohort: name of the cohort in our suites.
        model: name in our registry, where the system is in it.
        value: as printed.
        spread: as printed; `spread_kind` says of what.
        protocol: how the shown epoch or setting was chosen, as far as is known.
        splits: on which patients and splits, in words: never those of our table unless it says so.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    system: str
    cohort: str
    value: float
    metric: str = "C-index"
    spread: float | None = None
    spread_kind: str = ""
    protocol: str
    splits: str = ""
    model: str = ""
    source: str = Field(min_length=1)


@lru_cache(maxsize=1)
def published() -> tuple[Published, ...]:
    """Every number of `resources/published.toml`."""
    text = files("survviz.benchmark").joinpath("resources", "published.toml").read_text(encoding="utf-8")
    return tuple(Published.model_validate(row) for row in tomllib.loads(text)["rows"])


def published_for(cohort: str) -> tuple[Published, ...]:
    """Those of one cohort, by its name in the suite, in the order of the file."""
    return tuple(one for one in published() if one.cohort == cohort.lower())
