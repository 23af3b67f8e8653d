"""Which cohorts a browser may open: the bundled one, those that it checked, and those of the server's folders."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from survviz.data.cohort_file import FILE_NAME, cohort_stamp, read_cohort_toml
from survviz.errors import InputError
from survviz.server.folders import SAMPLE_DATA, cohort_folder, list_cohorts
from survviz.workspace import newest_first, present

if TYPE_CHECKING:
    from survviz.data.cohort import Cohort

SAMPLE_ID = "sample"


@dataclass(frozen=True, slots=True)
class CohortEntry:
    """A cohort that a browser may open.

    Attributes:
        id: names it in the address bar.
        name: as its owner calls it.
        folder: absolute.
    """

    id: str
    name: str
    folder: Path

    @property
    def stamp(self) -> float:
        """Changes when one of its tables is written again."""
        return cohort_stamp(self.folder)


def new_cohort_folder(name: str, owner: str) -> Path:
    """A folder for a cohort that this owner is about to write; it does not exist yet."""
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40] or "cohort"
    return cohort_folder(owner) / f"{slug}-{secrets.token_hex(3)}"


def entries(owner: str) -> dict[str, CohortEntry]:
    """Id -> cohort: the sample, the owner's own with the newest first, then those of the server's folders."""
    own = newest_first(cohort_folder(owner).glob(f"*/{FILE_NAME}"))
    found = [_entry(path.parent.name, path.parent, state.st_mtime) for path, state in own]
    for _, state in present([SAMPLE_DATA / FILE_NAME]):
        found.insert(0, _entry(SAMPLE_ID, SAMPLE_DATA, state.st_mtime))
    mine = cohort_folder(owner).resolve()
    found += [CohortEntry(*one) for one in _on_server(owner) if not one[2].is_relative_to(mine)]
    return {one.id: one for one in found}


def entry_of(cohort_id: str, owner: str) -> CohortEntry:
    """The cohort that an id names.

    Raises:
        InputError: there is none for this browser.
    """
    found = entries(owner).get(cohort_id)
    if found is None:
        raise InputError(
            f"Cohort {cohort_id!r} was not found for this browser. Cohorts belong to the browser that uploaded them; "
            "upload it again, or choose another."
        )
    return found


def read_cohort(entry: CohortEntry) -> Cohort:
    """A cohort, read once per version of its tables; unusable rows are left out and named in its notices.

    Raises:
        InputError: a file of it cannot be read any more.
    """
    return _read(str(entry.folder), entry.stamp)


@st.cache_resource(show_spinner="Opening the cohort …", max_entries=3)
def _read(folder: str, stamp: float) -> Cohort:
    from survviz.pipeline.cohort.evaluation import load_for_evaluation

    return load_for_evaluation(folder)


@st.cache_data(show_spinner=False)
def _name(folder: str, stamp: float) -> str:
    try:
        return read_cohort_toml(folder).name
    except InputError:
        return Path(folder).name


def _entry(cohort_id: str, folder: Path, stamp: float) -> CohortEntry:
    return CohortEntry(cohort_id, _name(str(folder), stamp), folder.resolve())


@st.cache_data(ttl=60, show_spinner=False)
def _on_server(owner: str) -> list[tuple[str, str, Path]]:
    """Cohorts of the folders that the app was started with: id, label, folder."""
    found = []
    for label, path in list_cohorts(owner):
        if path != SAMPLE_DATA.resolve():
            slug = re.sub(r"[^a-z0-9]+", "-", path.name.lower()).strip("-") or "cohort"
            found.append((f"{slug}-{hashlib.sha256(str(path).encode()).hexdigest()[:8]}", label, path))
    return found
