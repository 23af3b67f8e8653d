"""`survviz tcga`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from survviz.cli.console import progress_bar, show_json, stderr
from survviz.data.cohort_writing import Written
from survviz.errors import InputError
from survviz.tcga.building import Found, build_cohort, check_target, inventory
from survviz.tcga.download import Plan, download, n_bytes, plan, to_fetch
from survviz.tcga.interface import Gdc
from survviz.tcga.projects import KINDS, Kind, to_modalities, to_projects
from survviz.units import bytes_in_words

ASK_ABOVE = 10**9
DOWNLOADS = "gdc"
"""Folder below the cohort."""

stdout = Console(highlight=False, soft_wrap=True)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for on the command line."""

    projects: tuple[str, ...]
    modalities: str | None = None
    slides: bool = False
    only_list: bool = False
    yes: bool = False


def run_tcga(wanted: Wanted, out: Path | None, *, source: Path | None, api: str, as_json: bool) -> None:
    """List, or download and build, or build from what is there."""
    projects, modalities = to_projects(wanted.projects), to_modalities(wanted.modalities)
    if out is None and not wanted.only_list:
        raise InputError("No --out was given: say which cohort folder to write, or add --list to see what there is.")
    if out is not None:
        check_target(out)
    if source is not None:
        if wanted.only_list or out is None:
            show_found(inventory(source), as_json=as_json)
            return
        folder = source
    else:
        folder = fetched(wanted, projects, modalities, out, api, as_json=as_json)
    if folder is None or out is None:
        return
    with progress_bar("reading expression") as progress:
        written = build_cohort(folder, out, projects, modalities=modalities, progress=progress)
    show_written(written, out, as_json=as_json)


def fetched(
    wanted: Wanted,
    projects: Sequence[str],
    modalities: Sequence[str] | None,
    out: Path | None,
    api: str,
    *,
    as_json: bool,
) -> Path | None:
    """The folder that was downloaded to; None where only the list was asked for."""
    gdc = Gdc(api)
    only_list = wanted.only_list or out is None
    made = plan(gdc, projects, kinds_to_ask(modalities, slides=wanted.slides, only_list=only_list))
    if wanted.only_list or out is None:
        show_found(offered(made), as_json=as_json)
        return None
    folder = out / DOWNLOADS
    todo = to_fetch(folder, made.all_files)
    size = n_bytes(todo)
    there = len(made.all_files) - len(todo)
    stderr.print(
        f"{len(todo):,} files, {bytes_in_words(size)}, to download into {folder} ({there:,} are there)", markup=False
    )
    if size > ASK_ABOVE and not wanted.yes:
        raise InputError(
            f"{bytes_in_words(size)} is more than {bytes_in_words(ASK_ABOVE)}. Add --yes to download it, or name "
            "fewer modalities."
        )
    with progress_bar("downloading") as progress:
        download(gdc, made, folder, progress=progress)
    return folder


def kinds_to_ask(modalities: Sequence[str] | None, *, slides: bool, only_list: bool) -> list[Kind]:
    """RNA and miRNA unless something else was asked for; slides only with their own option, or to list them."""
    if modalities is not None and "slides" in modalities and not (slides or only_list):
        raise InputError("The slides of a project are hundreds of GB. Add --slides to download them.")
    names = modalities or (("rna", "mirna", "slides") if only_list else ("rna", "mirna"))
    return [kind for kind in KINDS if kind in names or (kind == "slides" and slides)]


def offered(made: Plan) -> tuple[Found, ...]:
    """What a download would fetch, by kind."""
    return tuple(
        Found(kind, len(files), len({file.case_id for file in files}), n_bytes(files))
        for kind, files in made.files.items()
    )


def show_found(found: Sequence[Found], *, as_json: bool) -> None:
    """One line per kind of file."""
    if as_json:
        show_json(found)
        return
    for one in found:
        missing = f"; {one.missing:,} listed files are not there" if one.missing else ""
        text = (
            f"{KINDS[one.kind].title}: {one.files:,} files of {one.patients:,} patients, {bytes_in_words(one.n_bytes)}"
        )
        stdout.print(text + missing, markup=False)


def show_written(written: Written, out: Path, *, as_json: bool) -> None:
    """What the cohort holds, and what was left out."""
    if as_json:
        show_json({"cohort": written, "folder": out})
        return
    tables = ", ".join(f"{name} {count:,}" for name, count in written.tables.items())
    stdout.print(f"{out}: {written.n_cases:,} patients, {written.n_events:,} deaths; {tables}", markup=False)
    for note in written.notes:
        stdout.print(note if len(note) < 300 else f"{note[:300]} ... (all in notes.txt)", markup=False)
