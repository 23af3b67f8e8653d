"""Where cases come from: the bundled sample cohort, and cases that a person put together and that this browser owns."""

from __future__ import annotations

import math
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from pages.components.cohort_list import SAMPLE_ID, CohortEntry, entry_of, read_cohort
from survviz.errors import InputError
from survviz.pipeline.recipe import Recipe, SlideFile, build_case
from survviz.server import upload_folder
from survviz.server.folders import SAMPLE_DATA, may_open
from survviz.server.slides import slide_cache
from survviz.types import Case, Notice
from survviz.workspace import newest_first, workspace

if TYPE_CHECKING:
    from survviz.data.cohort import Cohort
    from survviz.data.omics import OmicsName

SAMPLE, LOADED, COHORT = "sample", "loaded", "cohort"
NO_UNITS: Mapping[OmicsName, str] = {}


class CaseError(InputError):
    """The case that an address or a session names cannot be opened."""


@dataclass(frozen=True, slots=True)
class OpenCase:
    """A case and the files that pages need beside it.

    Attributes:
        key: names the case in the address bar: "sample:ID", "loaded:ID" or "cohort:COHORT:ID".
        stamp: changes when the case is put together anew.
        slides: slide id -> its file, where there is one.
        notices: what was noticed while it was put together.
    """

    key: str
    stamp: str
    case: Case
    slides: Mapping[str, SlideFile] = field(default_factory=dict)
    notices: tuple[Notice, ...] = ()


@st.cache_resource(show_spinner="Opening the sample cohort …")
def sample_cohort() -> Cohort:
    """The cohort bundled with the app.

    Raises:
        InputError: it is not there.
    """
    from survviz.data.cohort import load_cohort

    return load_cohort(SAMPLE_DATA)


def is_file(path: str) -> bool:
    """Whether a cohort's slide is really there; an empty path means that it is not bundled."""
    return bool(path) and Path(path).is_file()


@st.cache_data(show_spinner=False)
def sample_cases() -> tuple[str, ...]:
    """Sample cases whose slides are bundled, those that no model trained on first."""
    cohort = sample_cohort()
    names = set(cohort.case_ids)
    for case, path in zip(cohort.slides["case_id"], cohort.slides["path"], strict=True):
        if not is_file(path):
            names.discard(case)
    names &= set(cohort.slides["case_id"])
    return tuple(sorted(names, key=lambda name: (name not in cohort.holdout, name)))


def demo_key() -> str:
    """Key of the demo case.

    Raises:
        InputError: no sample slide is bundled.
    """
    if not sample_cases():
        raise InputError(f"No sample case with its slide was found in {SAMPLE_DATA}. Make one with `survviz sample`.")
    return f"{SAMPLE}:{sample_cases()[0]}"


def sample_keys() -> list[str]:
    """Keys of the sample cases whose slides are bundled, the demo case first; empty where there is no sample."""
    try:
        return [f"{SAMPLE}:{name}" for name in sample_cases()]
    except InputError:
        return []


@st.cache_data(show_spinner=False)
def demo_picture() -> NDArray[np.uint8]:
    """The demo slide, small.

    Raises:
        InputError: no sample slide is bundled.
    """
    files = list(open_case(demo_key(), "").slides.values())
    with slide_cache().borrow(files[0].path, None) as (slide, _):
        return slide.thumbnail(520)


def name_of(key: str) -> str:
    """The case id, as people know it."""
    kind, _, name = key.partition(":")
    if kind == COHORT:
        return name.partition(":")[2]
    return name.rpartition("-")[0] or name if kind == LOADED else name


def cohort_key(cohort_id: str, case_id: str) -> str:
    """Key of a case of a cohort; of the bundled one as everywhere."""
    return f"{SAMPLE}:{case_id}" if cohort_id == SAMPLE_ID else f"{COHORT}:{cohort_id}:{case_id}"


def cohort_of(key: str) -> str | None:
    """Id of the cohort that a key names beside its case; None for the sample and for loaded cases."""
    kind, _, name = key.partition(":")
    return name.partition(":")[0] if kind == COHORT else None


def _recipes(owner: str) -> Path:
    return workspace("cases", upload_folder(owner).name)


def save_recipe(recipe: Recipe, owner: str) -> str:
    """Keep a case for its owner; returns its key."""
    slug = re.sub(r"[^\w-]+", "-", recipe.case_id).strip("-")[:40] or "case"
    name = f"{slug}-{secrets.token_hex(3)}"
    recipe.write(_recipes(owner) / f"{name}.json")
    return f"{LOADED}:{name}"


def loaded_cases(owner: str) -> list[str]:
    """Keys of the cases that this browser put together, newest first."""
    return [f"{LOADED}:{path.stem}" for path, _ in newest_first(_recipes(owner).glob("*.json"))]


def open_case(key: str, owner: str, *, units: Mapping[OmicsName, str] = NO_UNITS) -> OpenCase:
    """The case that a key names.

    Args:
        units: into which the tables of a cohort are put, where that is exact.

    Raises:
        CaseError: there is none for this browser.
        InputError: one of its files cannot be read any more.
    """
    kind, _, name = key.partition(":")
    if kind == SAMPLE:
        return _open_sample(name)
    if kind == COHORT:
        entry = _entry_of(key, owner)
        return _open_member(entry, owner, name.partition(":")[2], tuple(sorted(units.items())), entry.stamp)
    path = _recipe_file(key, owner)
    return _open_loaded(key, str(path), path.stat().st_mtime)


def recipe_of(key: str, owner: str, *, units: Mapping[OmicsName, str] = NO_UNITS) -> Recipe:
    """What opens the case that a key names in another process; the arguments are those of `open_case`.

    Raises:
        CaseError: there is none for this browser.
    """
    kind, _, name = key.partition(":")
    if kind == COHORT:
        folder = _entry_of(key, owner).folder
        return Recipe(name.partition(":")[2], cohort=str(folder), units=dict(units))
    return Recipe(name, cohort=str(SAMPLE_DATA)) if kind == SAMPLE else Recipe.read(_recipe_file(key, owner))


def _entry_of(key: str, owner: str) -> CohortEntry:
    try:
        return entry_of(cohort_of(key) or "", owner)
    except InputError as error:
        raise CaseError(str(error)) from error


def _recipe_file(key: str, owner: str) -> Path:
    kind, _, name = key.partition(":")
    path = _recipes(owner) / f"{name}.json"
    if kind != LOADED or not re.fullmatch(r"[\w-]{1,100}", name) or not path.is_file():
        raise CaseError(
            f"Case {key!r} was not found for this browser. Cases belong to the browser that loaded them; "
            "load it again, or open the demo case."
        )
    return path


@st.cache_resource(show_spinner="Opening the case …", max_entries=8)
def _open_sample(name: str) -> OpenCase:
    cohort = sample_cohort()
    if name not in set(cohort.case_ids):
        raise CaseError(f"The sample cohort holds no case {name!r}. Cases with slides: {', '.join(sample_cases())}.")
    table = cohort.slides[cohort.slides["case_id"] == name]
    rows = zip(table["slide_id"], table["path"], table["mpp"], strict=True)
    slides = {
        slide: SlideFile(path, None if math.isnan(mpp) else float(mpp)) for slide, path, mpp in rows if is_file(path)
    }
    return OpenCase(f"{SAMPLE}:{name}", "bundled", cohort.case(name), slides)


@st.cache_resource(show_spinner="Opening the case …", max_entries=8)
def _open_loaded(key: str, path: str, stamp: float) -> OpenCase:
    recipe = Recipe.read(Path(path))
    case, notices = build_case(recipe)
    return OpenCase(key, str(stamp), case, recipe.slides, (*recipe.notices, *notices))


@st.cache_resource(show_spinner="Opening the case …", max_entries=8)
def _open_member(
    entry: CohortEntry, owner: str, case_id: str, units: tuple[tuple[OmicsName, str], ...], stamp: float
) -> OpenCase:
    from survviz.pipeline.recipe import case_of_cohort

    cohort = read_cohort(entry)
    if case_id not in set(cohort.case_ids):
        raise CaseError(f"Cohort {entry.name!r} holds no case {case_id!r}. Choose one in its table of patients.")
    table = cohort.slides[cohort.slides["case_id"] == case_id]
    slides = {
        slide: SlideFile(path, None if math.isnan(mpp) else float(mpp))
        for slide, path, mpp in zip(table["slide_id"], table["path"], table["mpp"], strict=True)
        if is_file(path) and may_open(owner, path)
    }
    key = cohort_key(entry.id, case_id)
    return OpenCase(key, str(stamp), case_of_cohort(cohort, case_id, dict(units)), slides)
