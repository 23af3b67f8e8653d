"""Every endpoint that a cohort folder holds, and whose outcome cannot be used."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from survviz.data.clinical_table import read_clinical
from survviz.data.cohort import Cohort
from survviz.data.cohort_file import ClinicalSection, read_cohort_toml
from survviz.data.tables import read_table
from survviz.errors import InputError

SUFFIX = ".time"


def endpoints_of(cohort: Cohort) -> tuple[str, ...]:
    """Names of the cohort's endpoints: its own, then every NAME of the table that also has a column NAME.time."""
    section = read_cohort_toml(cohort.folder).clinical
    others = [name for name in cohort.clinical.columns if f"{name}{SUFFIX}" in cohort.clinical.columns]
    return (section.event, *others)


def outcomes_of(cohort: Cohort, case_ids: Sequence[str]) -> dict[str, pd.DataFrame]:
    """Endpoint -> index case_id, columns time (months) and event; only cases whose outcome is known.

    Other endpoints are read in the unit and the coding of the cohort's own; one that is not in that form is left out.
    The cohort's own comes first, under the name of an endpoint that says the same of every case, where there is one.
    """
    own, *others = endpoints_of(cohort)
    first = pd.DataFrame({"time": cohort.time, "event": cohort.event})
    section = read_cohort_toml(cohort.folder).clinical
    tables = {name: table for name in others if (table := _read(cohort, section, name)) is not None}
    named = next((name for name, table in tables.items() if _are_same(table, first)), own)
    found = {named: first, **{name: table for name, table in tables.items() if name != named}}
    ids = pd.Index(case_ids, name="case_id")
    kept = {name: table.loc[ids.intersection(table.index, sort=False)] for name, table in found.items()}
    return {name: table for name, table in kept.items() if len(table)}


def without_outcome(cohort: Cohort) -> list[dict[str, str]]:
    """Rows of the outcome table that a tolerant reading left out: case_id, kind and reason."""
    section = read_cohort_toml(cohort.folder).clinical
    ids = read_table(cohort.folder / section.file, as_text=True)[section.id].str.strip()
    reason = (
        f"Its row of {section.file} has no usable {section.time}, {section.event} or clinical field, or its case id is "
        "not its own; `survviz check` says which."
    )
    known = set(cohort.case_ids)
    return [
        {"case_id": case or f"row {row + 2}", "kind": "outcome", "reason": reason}
        for row, case in ids.items()
        if isinstance(row, int) and case not in known
    ]


def _are_same(one: pd.DataFrame, other: pd.DataFrame) -> bool:
    return (
        one.index.equals(other.index)
        and np.allclose(one["time"], other["time"])
        and one["event"].equals(other["event"])
    )


def _read(cohort: Cohort, section: ClinicalSection, name: str) -> pd.DataFrame | None:
    fresh = section.model_copy(update={"event": name, "time": f"{name}{SUFFIX}", "bad_rows": "leave out"})
    try:
        table = read_clinical(cohort.folder, fresh)
    except InputError:
        return None
    return pd.DataFrame({"time": table.time, "event": table.event})
