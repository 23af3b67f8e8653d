"""What is being checked: the chosen files and what was decided about them, kept on disk so that no reload loses it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import streamlit as st
from pydantic import ValidationError

from pages.components.owner import current_owner
from survviz.errors import InputError
from survviz.intake.fixes import Fix
from survviz.intake.plan import IntakePlan, Report, check
from survviz.intake.reading import Brought, read_sources
from survviz.server import allowed_path, upload_folder
from survviz.workspace import workspace

SUFFIXES = (".csv", ".tsv", ".txt", ".tab", ".gz", ".xlsx", ".parquet", ".zip")


@dataclass(slots=True)
class Desk:
    """One intake of one browser.

    Attributes:
        files: absolute paths.
        plan: JSON of what was decided; "" = as proposed.
        confirmed: the reading of the outcome that a person said is right, in words; "" = none yet.
        written: id of the cohort that was made of it.
    """

    files: list[str] = field(default_factory=list)
    plan: str = ""
    confirmed: str = ""
    written: str = ""


def _path() -> Path:
    return workspace("checks") / f"{upload_folder(current_owner()).name}.json"


def current() -> Desk:
    """This browser's desk; files that are gone, or may not be read any more, are not on it."""
    if "desk" not in st.session_state:
        path = _path()
        values = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        st.session_state["desk"] = Desk(**values)
    desk: Desk = st.session_state["desk"]
    files = [file for file in desk.files if _may_be_read(file)]
    if files != desk.files:
        desk = st.session_state["desk"] = Desk(files)
    return desk


def _may_be_read(file: str) -> bool:
    try:
        allowed_path(current_owner(), file)
    except InputError:
        return False
    return True


def save(desk: Desk) -> None:
    """Keep it."""
    path = _path()
    fresh = path.with_suffix(".tmp")
    fresh.write_text(json.dumps(asdict(desk)), encoding="utf-8")
    fresh.replace(path)
    st.session_state["desk"] = desk


def lay(files: Sequence[str | Path]) -> None:
    """Put these files on the desk; what was decided about others is forgotten.

    Raises:
        InputError: two of them have the same name, under which findings would name both.
    """
    names = list(dict.fromkeys(str(allowed_path(current_owner(), file)) for file in files))
    twice = [name for name, count in Counter(Path(file).name for file in names).items() if count > 1]
    if twice:
        raise InputError(f"Two files are named {twice[0]}. Take one away, or give it another name.")
    save(Desk(names))


def decide(plan: IntakePlan) -> None:
    """Go on with this plan."""
    desk = current()
    desk.plan, desk.written = plan.model_dump_json(), ""
    save(desk)


def ask(report: Report, fixes: Sequence[Fix]) -> None:
    """Ask for fixes, after those that were asked for before."""
    decide(report.plan.with_fixes(fixes))


def take_back(report: Report, number: int) -> None:
    """Take a fix back, and those after it: they may rest on it."""
    decide(report.plan.model_copy(update={"fixes": report.plan.fixes[:number]}))


def n_fixes(desk: Desk) -> int:
    """How many fixes were asked for."""
    return len(json.loads(desk.plan)["fixes"]) if desk.plan else 0


def take_back_last() -> None:
    """Take the last fix back, also where it does not fit and there is no report."""
    desk = current()
    plan = json.loads(desk.plan)
    desk.plan = json.dumps({**plan, "fixes": plan["fixes"][:-1]})
    save(desk)


def brought(desk: Desk) -> Brought:
    """The files, read once per version."""
    return _read(tuple(desk.files), tuple(Path(file).stat().st_mtime for file in desk.files))


@st.cache_resource(show_spinner="Reading the files …", max_entries=3)
def _read(files: tuple[str, ...], stamps: tuple[float, ...]) -> Brought:
    return read_sources(files)


def report(desk: Desk) -> Report:
    """What is found under what was decided; computed once.

    Raises:
        InputError: the plan does not fit the files any more.
    """
    stamps = tuple(Path(file).stat().st_mtime for file in desk.files)
    return _check(tuple(desk.files), stamps, desk.plan, brought(desk))


@st.cache_resource(show_spinner="Checking …", max_entries=4)
def _check(files: tuple[str, ...], stamps: tuple[float, ...], plan: str, _brought: Brought) -> Report:
    try:
        asked = IntakePlan.model_validate_json(plan) if plan else IntakePlan(name=_name(files))
    except ValidationError as error:
        raise InputError("What was decided about these files is of another version of survviz. Begin again.") from error
    return check(_brought, asked)


def _name(files: Sequence[str]) -> str:
    return Path(files[0]).name.split(".")[0]
