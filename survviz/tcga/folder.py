"""What lies in a folder of GDC downloads, one subfolder per file, and which file stands for which patient."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from survviz.data.barcodes import is_normal_sample, one_sample_per_case, tcga_case
from survviz.data.genes import shorten
from survviz.errors import InputError
from survviz.tcga.listing import UUID, ListedFile, read_listing
from survviz.tcga.projects import KINDS, Kind, kind_of

DIAGNOSTIC = re.compile(r"-DX[0-9A-Z]*\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class GdcFolder:
    """Data files and the lists that say what they are.

    Attributes:
        listed: file UUID -> file.
        paths: file UUID -> where it lies, of the files that are there.
        unlisted: data files that no list names; they cannot be used.
    """

    root: Path
    listed: Mapping[str, ListedFile]
    paths: Mapping[str, Path]
    unlisted: tuple[Path, ...]

    def files(self, kind: Kind) -> list[ListedFile]:
        """The listed files of one kind, by UUID."""
        return sorted((file for file in self.listed.values() if file.kind == kind), key=lambda file: file.file_id)

    def present(self, kind: Kind) -> list[ListedFile]:
        """Those of them that are there."""
        return [file for file in self.files(kind) if file.file_id in self.paths]


@dataclass(frozen=True, slots=True)
class Chosen:
    """The files of one kind that are used, by patient, and what was left out in words."""

    files: Mapping[str, tuple[ListedFile, ...]]
    notes: tuple[str, ...]


def read_folder(root: Path) -> GdcFolder:
    """Find the data files (`UUID/FILE`, at any depth) and match them with the lists by UUID.

    Raises:
        InputError: the folder does not exist, a file is not the one that its list names, or is not all there.
    """
    if not root.is_dir():
        raise InputError(f"{root} is not a folder. Give the folder that the GDC's files were downloaded to.")
    listed = read_listing(root)
    found = sorted(path for path in root.rglob("*") if kind_of(path.name) and path.is_file())
    paths: dict[str, Path] = {}
    for path in found:
        file = listed.get(path.parent.name.lower()) if UUID.match(path.parent.name) else None
        if file is None:
            continue
        if file.file_id in paths:
            raise InputError(f"File {file.file_id} lies in {paths[file.file_id]} and in {path}. Keep one of them.")
        paths[file.file_id] = _checked(path, file)
    return GdcFolder(root, listed, paths, tuple(path for path in found if path not in paths.values()))


def _checked(path: Path, file: ListedFile) -> Path:
    size = path.stat().st_size
    if path.name != file.name:
        raise InputError(f"{path} should be {file.name} by its UUID. Was it renamed or moved? Download it again.")
    if file.size is not None and size != file.size:
        raise InputError(f"{path} has {size:,} bytes of {file.size:,}: its download is incomplete. Download it again.")
    return path


def choose(folder: GdcFolder, kind: Kind) -> Chosen:
    """One file per patient for expression (see `one_sample_per_case`), all tumour slides for slides."""
    files = folder.files(kind)
    usable = [file for file in files if file.case_id]
    notes = []
    if len(usable) < len(files):
        notes.append(f"{len(files) - len(usable)} files of several samples, or of no TCGA patient, left out")
    chosen = _slides(folder, usable, notes) if kind == "slides" else _aliquots(folder, usable, notes)
    title = KINDS[kind].title
    return Chosen(chosen, tuple(f"{title}: {note}" for note in notes))


def wanted(files: Sequence[ListedFile], kind: Kind) -> list[ListedFile]:
    """The files to download: those that `choose` will use, were they there."""
    if kind == "slides":
        return [file for file in files if file.case_id and not is_normal_sample(file.barcode)]
    usable = sorted((file for file in files if file.case_id), key=lambda file: file.file_id)
    return [usable[i] for i in one_sample_per_case([file.barcode for file in usable]).kept.values()]


def _aliquots(folder: GdcFolder, files: list[ListedFile], notes: list[str]) -> dict[str, tuple[ListedFile, ...]]:
    here = [file for file in files if file.file_id in folder.paths]
    normal = sum(is_normal_sample(file.barcode) for file in files)
    choice = one_sample_per_case([file.barcode for file in here])
    spare = [file for file in files if file.case_id in choice.kept and not is_normal_sample(file.barcode)]
    kept = {case: (here[i],) for case, i in choice.kept.items()}
    lost = sorted({file.case_id for file in files if not is_normal_sample(file.barcode)} - set(kept))
    if normal:
        notes.append(f"{normal} normal samples left out")
    if len(spare) > len(kept):
        notes.append(
            f"{len(spare) - len(kept)} further samples of a patient left out (kept: the primary tumour, then the "
            "lowest sample type, then the first barcode, then the first file UUID)"
        )
    if lost:
        notes.append(f"{len(lost)} patients are listed without a file in the folder: {', '.join(lost)}")
    return kept


def _slides(folder: GdcFolder, files: list[ListedFile], notes: list[str]) -> dict[str, tuple[ListedFile, ...]]:
    tumour = [file for file in files if not is_normal_sample(file.barcode)]
    here = [file for file in tumour if file.file_id in folder.paths]
    for file in here:
        if tcga_case(file.name) not in (None, file.case_id):
            raise InputError(f"{file.name} is listed as a slide of {file.case_id}, another patient. Download it again.")
    diagnostic = [file for file in here if DIAGNOSTIC.search(file.name)]
    kept = diagnostic or here
    counts = {
        "normal slides left out": len(files) - len(tumour),
        "frozen sections left out, since there are diagnostic slides": len(here) - len(kept),
        "slides are listed without a file in the folder": len(tumour) - len(here),
    }
    notes += [f"{count} {text}" for text, count in counts.items() if count]
    if here and not diagnostic:
        notes.append(f"only frozen sections ({len(here)}), which look unlike the diagnostic slides that encoders know")
    by_case: dict[str, list[ListedFile]] = {}
    for file in sorted(kept, key=lambda file: file.name):
        by_case.setdefault(file.case_id, []).append(file)
    return {case: tuple(of_case) for case, of_case in sorted(by_case.items())}


def unlisted_note(folder: GdcFolder) -> tuple[str, ...]:
    """Data files that could not be joined to a patient."""
    if not folder.unlisted:
        return ()
    names = shorten([str(path.relative_to(folder.root)) for path in folder.unlisted])
    n = len(folder.unlisted)
    return (f"{n} data files left out, since no sample sheet or metadata has the UUID of their folder: {names}",)
