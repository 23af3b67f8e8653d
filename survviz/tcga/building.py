"""A folder of GDC downloads -> a cohort folder, joined by file UUID, sample barcode and patient barcode only."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from survviz.data.cohort_file import FILE_NAME
from survviz.data.cohort_writing import CohortTables, Written, write_cohort
from survviz.errors import InputError
from survviz.tcga.clinical import FIELDS, read_clinical
from survviz.tcga.expression import read_all, read_mirna, read_star
from survviz.tcga.folder import Chosen, GdcFolder, choose, read_folder, unlisted_note
from survviz.tcga.listing import ListedFile
from survviz.tcga.projects import KINDS, Kind
from survviz.types import Progress

EXPRESSION: dict[Kind, tuple[Callable[[Path], pd.Series], str]] = {
    "rna": (read_star, "TPM"),
    "mirna": (read_mirna, "RPM"),
}
"""Reader and unit."""
UNITS_NOTE = (
    "time in days; age_years is the age at diagnosis in days / 365.25; RNA: TPM of the protein-coding genes by symbol; "
    "miRNA: reads per million"
)


@dataclass(frozen=True, slots=True)
class Found:
    """What a folder holds of one kind.

    Attributes:
        files, n_bytes: that are there and listed.
        patients: that they belong to.
        missing: listed, but not there.
    """

    kind: Kind
    files: int
    patients: int
    n_bytes: int
    missing: int = 0


def inventory(source: Path) -> tuple[Found, ...]:
    """What a folder of downloads holds, by kind."""
    folder = read_folder(source)
    found = []
    for kind in KINDS:
        here = folder.present(kind)
        n_bytes = sum(folder.paths[file.file_id].stat().st_size for file in here)
        patients = len({file.case_id for file in here} - {""})
        found.append(Found(kind, len(here), patients, n_bytes, len(folder.files(kind)) - len(here)))
    return tuple(found)


def check_target(out: Path) -> None:
    """A cohort that is there already is never written over: a person may have changed its cohort.toml.

    Raises:
        InputError: the folder holds one.
    """
    if (out / FILE_NAME).exists():
        raise InputError(f"{out} already holds a cohort. Give another folder, or remove its {FILE_NAME}.")


def build_cohort(
    source: Path,
    out: Path,
    projects: Sequence[str],
    *,
    modalities: Collection[str] | None = None,
    progress: Progress | None = None,
) -> Written:
    """Read what was downloaded and write the cohort; patients with an outcome are kept, whatever else they lack.

    Args:
        source: gdc-client's layout, one folder per file, with the sample sheet or metadata and the clinical files.
        modalities: of "clinical", "rna", "mirna", "slides"; what is asked for must be there. None = all that is there.

    Raises:
        InputError: `out` holds a cohort, an asked modality is missing, or a file cannot be used.
    """
    check_target(out)
    folder = read_folder(source)
    listed = {file.case_id: file.project for file in folder.listed.values() if file.case_id and file.project}
    clinical = read_clinical(source, projects, listed)
    kinds: list[Kind] = [kind for kind in KINDS if modalities is None or kind in modalities]
    chosen: dict[Kind, Chosen] = {kind: choose(folder, kind) for kind in kinds}
    _check_asked(folder, chosen, asked=modalities is not None)
    ids = [str(case) for case in clinical.table.index]
    used: dict[Kind, Mapping[str, tuple[ListedFile, ...]]] = {
        kind: {case: choice.files[case] for case in ids if case in choice.files} for kind, choice in chosen.items()
    }
    notes = [UNITS_NOTE, *clinical.notes, *unlisted_note(folder)]
    for kind in kinds:
        notes += _left_out(kind, chosen[kind], len(used[kind]), len(ids))
    slides = [(case, folder.paths[file.file_id]) for case, files in used.get("slides", {}).items() for file in files]
    return write_cohort(
        out,
        CohortTables(
            name=" + ".join(projects),
            clinical=clinical.table,
            time_unit="days",
            fields=FIELDS,
            matrices=_matrices(folder, used, progress),
            slides=_slide_table(slides, out) if slides else None,
            notes=tuple(notes),
        ),
    )


def _matrices(
    folder: GdcFolder, used: Mapping[Kind, Mapping[str, tuple[ListedFile, ...]]], progress: Progress | None
) -> dict[str, tuple[pd.DataFrame, str]]:
    """Kind -> table of cases and its unit, of the kinds that anybody has."""
    matrices: dict[str, tuple[pd.DataFrame, str]] = {}
    for kind, (read, unit) in EXPRESSION.items():
        paths = {case: folder.paths[file.file_id] for case, (file,) in used.get(kind, {}).items()}
        if paths:
            matrices[kind] = (read_all(paths, read, progress), unit)
    return matrices


def _check_asked(folder: GdcFolder, chosen: dict[Kind, Chosen], *, asked: bool) -> None:
    """Data files that nothing lists, and asked modalities without any file, are mistakes, not gaps."""
    if folder.unlisted and not folder.paths:
        raise InputError(
            f"{folder.root} holds {len(folder.unlisted)} data files, but none of them is in a sample sheet or metadata "
            "by the UUID of its folder. Put the cart's sample sheet (gdc_sample_sheet.*.tsv) into the folder, and keep "
            "each file in its folder UUID/FILE, as gdc-client writes it."
        )
    lost: list[Kind] = [kind for kind, choice in chosen.items() if not choice.files]
    if asked and lost:
        endings = ", ".join(f"{kind}: *{KINDS[kind].ending}" for kind in lost)
        raise InputError(f"{folder.root} holds no file of {endings}. Download it, or leave it out of --modalities.")


def _left_out(kind: Kind, choice: Chosen, used: int, patients: int) -> list[str]:
    """The choice's own notes, whose files belong to nobody in the cohort, and who has none."""
    if not choice.files:
        return list(choice.notes)
    title, foreign = KINDS[kind].title, len(choice.files) - used
    notes = [f"{title}: {foreign} patients with files, but without a usable outcome in these projects"] * (foreign > 0)
    notes += [f"{title}: {patients - used} of {patients} patients have none"] * (used < patients)
    return [*choice.notes, *notes]


def _slide_table(rows: Sequence[tuple[str, Path]], out: Path) -> pd.DataFrame:
    """Slides below the cohort's folder by their relative path, others by their absolute one."""
    table: dict[str, list[Any]] = {"case_id": [], "slide_id": [], "path": []}
    root = out.resolve()
    for case, path in rows:
        where = path.resolve()
        table["case_id"].append(case)
        table["slide_id"].append(path.stem)
        table["path"].append(str(where.relative_to(root)) if where.is_relative_to(root) else str(where))
    return pd.DataFrame(table)
