"""Everything that somebody brings: files, folders and archives -> sources, slides and features."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

from survviz.data.cohort_file import FILE_NAME, CohortFile
from survviz.data.genes import shorten
from survviz.data.slide_table import FEATURE_SUFFIXES
from survviz.errors import InputError
from survviz.intake.archive import MAX_TABLE_BYTES, gunzip, members
from survviz.intake.findings import Finding
from survviz.intake.sheet_source import read_parquet, read_workbook
from survviz.intake.source import Source
from survviz.intake.text_source import read_text
from survviz.intake.wording import many

TEXT = (".csv", ".tsv", ".txt", ".tab", ".maf", ".dat")
SLIDES = (
    ".svs", ".tif", ".tiff", ".ndpi", ".scn", ".mrxs", ".vms", ".vmu", ".bif", ".qptiff", ".dcm", ".czi",
    ".jpg", ".jpeg", ".png",
)  # fmt: skip
PICTURES = (".jpg", ".jpeg", ".png")
"""Slides only where there is no other file of the name: they may be thumbnails."""
OWN = ("cleaning.json", "cleaning.md", "notes.txt", "plan.json", "readme.txt", "readme.md", "license.txt")


@dataclass(frozen=True, slots=True)
class LooseFile:
    """A slide or a file of features beside the tables.

    Attributes:
        name: as findings name it.
        open: makes a file on disk of it (a member of an archive is unpacked then).
    """

    name: str
    kind: str
    open: Callable[[Path], Path]


@dataclass(frozen=True, slots=True)
class Brought:
    """What somebody brought.

    Attributes:
        slides, features: slide id -> file.
        cohort: its `cohort.toml`, where it is a cohort folder of ours.
        findings: of files that cannot be read, or are not looked at.
    """

    sources: tuple[Source, ...]
    slides: Mapping[str, LooseFile] = field(default_factory=dict)
    features: Mapping[str, LooseFile] = field(default_factory=dict)
    cohort: CohortFile | None = None
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class _Item:
    name: str
    read: Callable[[], bytes]
    open: Callable[[Path], Path]


def read_sources(paths: Iterable[str | Path]) -> Brought:
    """Read every table of these files, folders and zip archives; nothing is changed, nothing is written.

    A file that cannot be read is an error among the findings, and the others are read all the same.

    Raises:
        InputError: nothing was given, or a path does not exist.
    """
    paths = [Path(path) for path in paths]
    if not paths:
        raise InputError(
            "No file was given. Expected tables (csv, tsv, txt, xlsx, parquet, also .gz), a folder or a zip."
        )
    lost = [str(path) for path in paths if not path.exists()]
    if lost:
        raise InputError(f"{shorten(lost)} does not exist.")
    findings: list[Finding] = []
    items = [item for path in paths for item in _items(path, findings)]
    items = list({item.name: item for item in items}.values())
    sources: list[Source] = []
    beside: dict[str, dict[str, str]] = {}
    slides: dict[str, LooseFile] = {}
    features: dict[str, LooseFile] = {}
    cohort: CohortFile | None = None
    others: list[str] = []
    for item in items:
        file = PurePosixPath(item.name)
        suffix, bare = file.suffix.lower(), file.name.lower()
        if suffix in FEATURE_SUFFIXES:
            features[file.stem] = LooseFile(item.name, "features", item.open)
        elif suffix in SLIDES:
            slide = file.stem.removesuffix(".ome")
            if slide not in slides or suffix not in PICTURES:
                slides[slide] = LooseFile(item.name, "slide", item.open)
        elif bare in OWN or bare.startswith("."):
            continue
        else:
            try:
                if file.name == FILE_NAME:
                    cohort = _cohort(item)
                elif suffix == ".json":
                    beside |= _sidecar(item)
                elif bare.startswith("meta_") and suffix == ".txt":
                    beside |= _meta(item)
                else:
                    sources += _tables(item, others)
            except InputError as error:
                findings.append(Finding("unreadable", "error", item.name, str(error)))
    if others:
        findings.append(_not_looked_at(others))
    sources = [replace(one, hints={**one.hints, **beside.get(PurePosixPath(one.name).name, {})}) for one in sources]
    return Brought(tuple(sources), slides, features, cohort, tuple(findings))


def _not_looked_at(names: list[str]) -> Finding:
    old = " Of an old Excel file: save it as xlsx." if any(one.lower().endswith(".xls") for one in names) else ""
    text = (
        f"{many(names, 'file was', 'files were')} not looked at ({shorten(names)}). Expected csv, tsv, txt, xlsx or "
        f"parquet, slides, or features (h5, pt).{old}"
    )
    return Finding("not-a-table", "note", names[0] if len(names) == 1 else "", text, rows=tuple(names))


def _items(path: Path, findings: list[Finding]) -> list[_Item]:
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.is_file() and not file.is_symlink())
        files = [file for file in files if not any(part.startswith(".") for part in file.relative_to(path).parts)]
        return [_item(file, file.relative_to(path).as_posix()) for file in files]
    if path.suffix.lower() != ".zip":
        return [_item(path, path.name)]
    try:
        found = members(path)
    except InputError as error:
        findings.append(Finding("unreadable", "error", path.name, str(error)))
        return []
    return [_Item(f"{path.name}/{member.name}", member.read, member.extract) for member in found]


def _item(file: Path, name: str) -> _Item:
    def read() -> bytes:
        size = file.stat().st_size
        if size > MAX_TABLE_BYTES:
            raise InputError(f"{name} has {size / 1e9:.1f} GB; a table may have 2 GB.")
        return file.read_bytes()

    return _Item(name, read, lambda _: file)


def _tables(item: _Item, others: list[str]) -> list[Source]:
    suffixes = [suffix.lower() for suffix in PurePosixPath(item.name).suffixes]
    kind = next((suffix for suffix in reversed(suffixes) if suffix != ".gz"), "")
    if kind not in (*TEXT, ".xlsx", ".parquet"):
        others.append(item.name)
        return []
    data = item.read()
    sha256 = hashlib.sha256(data).hexdigest()
    if data.startswith(b"\x1f\x8b"):
        data = gunzip(item.name, data)
    if data.startswith(b"PAR1"):
        return [read_parquet(item.name, sha256, data)]
    if data.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")) or kind == ".xlsx":
        return read_workbook(item.name, sha256, data)
    if kind == ".parquet":
        raise InputError(f"{item.name} does not begin as parquet does. It is damaged, or another kind of file.")
    return [read_text(item.name, sha256, data)]


def _cohort(item: _Item) -> CohortFile:
    try:
        return CohortFile.model_validate(tomllib.loads(item.read().decode()))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, ValueError) as error:
        raise InputError(f"{item.name} cannot be read: {str(error)[:300]}") from error


def _sidecar(item: _Item) -> dict[str, dict[str, str]]:
    """What Xena says of `NAME` in `NAME.json`."""
    try:
        document: Any = json.loads(item.read().decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{item.name} is not JSON: {error}.") from error
    if not isinstance(document, dict) or "type" not in document:
        return {}
    known = {key: str(document[key]) for key in ("type", "unit", "dataSubType", "label", "cohort") if key in document}
    return {PurePosixPath(item.name).name.removesuffix(".json"): {**known, "layout": "Xena"}}


def _meta(item: _Item) -> dict[str, dict[str, str]]:
    """What a `meta_*.txt` of cBioPortal says of its `data_filename`."""
    text = item.read().decode("utf-8", errors="replace")
    pairs = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    said = {key.strip(): value.strip() for key, value in pairs.items()}
    return {said["data_filename"]: {**said, "layout": "cBioPortal"}} if "data_filename" in said else {}
