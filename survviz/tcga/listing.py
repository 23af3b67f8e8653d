"""Which sample a file is of: the GDC's sample sheet, or its metadata as JSON, joined by the UUID of the file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from survviz.data.barcodes import tcga_case
from survviz.data.genes import shorten
from survviz.data.tables import read_table
from survviz.errors import InputError
from survviz.tcga.projects import Kind, kind_of

UUID = re.compile(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", re.IGNORECASE)
SHEET_COLUMNS = ("File ID", "File Name", "Case ID", "Sample ID")
SAMPLE_LENGTH = len("TCGA-XX-XXXX-01A")


@dataclass(frozen=True, slots=True)
class ListedFile:
    """One file as the GDC lists it.

    Attributes:
        file_id: UUID, in lower case; the name of its folder.
        kind: None for what survviz does not read.
        barcode: of the aliquot or slide, or of the sample where only that is known; "" if it is of several patients'
            samples, or of several samples of one patient.
        project: "TCGA-KIRC"; "" if the list does not say.
        size: bytes; None if the list does not say.
    """

    file_id: str
    name: str
    kind: Kind | None
    barcode: str
    project: str = ""
    size: int | None = None
    md5: str = ""

    @property
    def case_id(self) -> str:
        """Patient barcode; "" where `barcode` is."""
        return tcga_case(self.barcode) or ""


def documents(folder: Path, *patterns: str) -> list[Path]:
    """Files in a folder and in its subfolders, but not in those that hold one data file each."""
    folders = [folder, *sorted(one for one in folder.iterdir() if one.is_dir() and not UUID.match(one.name))]
    return [path for one in folders for pattern in patterns for path in sorted(one.glob(pattern)) if path.is_file()]


def read_json_rows(path: Path) -> list[Mapping[str, Any]]:
    """The objects of a JSON file from the GDC: a list, or an answer of its interface with `data.hits`; else none.

    Raises:
        InputError: the file is not JSON, as when its download broke off.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8-sig"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(
            f"{path.name} is not JSON ({error}). Download it again, or take it out of the folder."
        ) from error
    if isinstance(value, dict):
        data = value.get("data")
        value = data.get("hits") if isinstance(data, dict) else None
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def read_listing(folder: Path) -> dict[str, ListedFile]:
    """File UUID -> file, from every sample sheet and metadata file in a folder.

    Where both list a file, the metadata is used (it names the aliquot); they must name the same sample.

    Raises:
        InputError: a list is damaged, or two lists disagree about the sample of a file.
    """
    listed: dict[str, ListedFile] = {}
    sources = [(path, from_metadata(read_json_rows(path))) for path in documents(folder, "*.json")]
    sources += [(path, from_sheet(path)) for path in documents(folder, "*sample_sheet*.tsv")]
    for path, files in sources:
        for file in files:
            known = listed.setdefault(file.file_id, file)
            if known.barcode[:SAMPLE_LENGTH] != file.barcode[:SAMPLE_LENGTH]:
                raise InputError(
                    f"File {file.file_id} is of {file.barcode or 'several samples'} by {path.name}, but of "
                    f"{known.barcode or 'several samples'} by another list in {folder.name}. Keep the lists of one "
                    "download only."
                )
    return listed


def from_metadata(rows: Iterable[Mapping[str, Any]]) -> Iterator[ListedFile]:
    """Files of `metadata.cart.*.json`, or of the interface's files endpoint; rows of another kind are passed over."""
    for row in rows:
        if not {"file_id", "file_name"} <= row.keys():
            continue
        cases = row.get("cases") or []
        entities = [str(one.get("entity_submitter_id", "")) for one in row.get("associated_entities") or []]
        samples = [str(one.get("submitter_id", "")) for case in cases for one in case.get("samples") or []]
        projects = {str((case.get("project") or {}).get("project_id", "")) for case in cases}
        size = row.get("file_size")
        yield ListedFile(
            file_id=str(row["file_id"]).lower(),
            name=str(row["file_name"]),
            kind=kind_of(str(row["file_name"])),
            barcode=_only([name for name in entities if tcga_case(name)] or samples),
            project=projects.pop() if len(projects) == 1 else "",
            size=int(size) if size is not None else None,
            md5=str(row.get("md5sum") or ""),
        )


def from_sheet(path: Path) -> Iterator[ListedFile]:
    """Files of a `gdc_sample_sheet.*.tsv`, of the older form (Sample Type) or the newer one (Tissue Type, ...).

    Raises:
        InputError: a column is missing, or a sample is not of the patient beside it.
    """
    table = read_table(path, as_text=True)
    lost = [name for name in SHEET_COLUMNS if name not in table.columns]
    if lost:
        raise InputError(
            f"{path.name} lacks the columns {', '.join(lost)}, so it is not a sample sheet of the GDC. "
            f"Its columns are {shorten(table.columns, 12)}."
        )
    for row in table.to_dict("records"):
        barcode, case = _only(row["Sample ID"].split(",")), _only(row["Case ID"].split(","))
        if barcode and case and tcga_case(barcode) != case:
            raise InputError(
                f"{path.name}: file {row['File ID']} is of sample {barcode} and of case {case}, another patient. "
                "Download the sample sheet again."
            )
        name = row["File Name"].strip()
        project = _only(str(row.get("Project ID", "")).split(","))
        yield ListedFile(row["File ID"].strip().lower(), name, kind_of(name), barcode, project)


def _only(names: Iterable[str]) -> str:
    """The one name in a list; "" if there are none or several."""
    different = {name.strip() for name in names} - {""}
    return different.pop() if len(different) == 1 else ""
