"""Features, tables, archives: attributes with folders in them, columns that name people, documents' properties."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from survviz.phi.finding import IN_A_TABLE, Finding
from survviz.phi.keys import EMPTY, code_of, findings_of, shown
from survviz.phi.wording import is_path, personal_parts

ROWS = 2000
MOST_NODES = 20_000
MOST_NAMES = 5000
DOCUMENT = ("creator", "last modified by", "title")


def of_h5(path: Path, file: str, *, show: bool) -> Iterator[Finding]:
    """Attributes of every group and dataset (CLAM and TRIDENT write `savedir`), short texts, links to other files."""
    import h5py
    import numpy as np

    with h5py.File(path, "r") as h5:
        names = [""]
        h5.visit(lambda name: names.append(name) if len(names) < MOST_NODES else name)
        for name in names:
            node = h5 if not name else h5[name]
            for key, value in node.attrs.items():
                yield from findings_of(file, f"attribute {key} of /{name}", key, _first(value), show=show)
            if isinstance(node, h5py.Dataset) and node.dtype.kind in "OS" and 0 < (node.size or 0) <= 100:
                for value in np.ravel(np.asarray(node.asstr(errors="replace")[()], dtype=object)):
                    yield from findings_of(file, f"dataset /{name}", name.rpartition("/")[2], value, show=show)
            if isinstance(node, h5py.Group):
                for key in node:
                    link = node.get(key, getlink=True)
                    if isinstance(link, h5py.ExternalLink):
                        place = f"link /{name}/{key}".replace("//", "/")
                        yield Finding("path", file, place, shown(str(link.filename), show))


def _first(value: Any) -> Any:
    """An attribute's text; numbers say nothing."""
    if isinstance(value, str | bytes):
        return value
    try:
        found = [one for one in value.ravel()[:20] if isinstance(one, str | bytes)]
    except AttributeError:
        return ""
    return " ".join(one.decode("utf-8", "replace") if isinstance(one, bytes) else one for one in found)


def of_table(path: Path, file: str, *, show: bool) -> Iterator[Finding]:
    """Columns by their headings, and the texts of the first 2,000 rows."""
    import pandas as pd

    name = path.name.lower()
    if name.endswith(".parquet"):
        import pyarrow.parquet as parquet

        opened = parquet.ParquetFile(path)
        batch = next(opened.iter_batches(batch_size=ROWS, columns=opened.schema.names[:2000]), None)
        yield from of_columns({} if batch is None else batch.to_pandas(), file, "", show)
        return
    if name.endswith(".xlsx"):
        yield from _of_workbook(path, file, show)
        return
    options: dict[str, Any] = {"nrows": ROWS, "dtype": str, "on_bad_lines": "skip", "encoding_errors": "replace"}
    table = pd.read_csv(path, sep=None, engine="python", **options)
    yield from of_columns(table, file, "", show)


def _of_workbook(path: Path, file: str, show: bool) -> Iterator[Finding]:
    import openpyxl

    book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    try:
        known = book.properties
        for key, value in (
            ("creator", known.creator),
            ("last modified by", known.lastModifiedBy),
            ("title", known.title),
        ):
            if value and value != "openpyxl":
                yield from findings_of(file, f"{key} of the document", key, value, show=show)
        for sheet in book.worksheets:
            rows = list(islice(sheet.iter_rows(values_only=True), ROWS + 1))
            if rows:
                columns = {str(head): [row[i] for row in rows[1:] if i < len(row)] for i, head in enumerate(rows[0])}
                yield from of_columns(columns, file, f" of sheet {sheet.title}", show)
    finally:
        book.close()
    with zipfile.ZipFile(path) as archive:
        if any("comments" in name for name in archive.namelist()):
            yield Finding("hidden-text", file, "comments in cells")


def of_columns(table: Any, file: str, place: str, show: bool) -> Iterator[Finding]:
    """Each column once: by its heading, else by what its texts look like, with the number of such values."""
    for heading in list(table)[:2000]:
        values = [str(value).strip() for value in table[heading] if isinstance(value, str) or value is not None]
        filled = [value for value in values if value.lower() not in (*EMPTY, "nan", "nat", "<na>")]
        where = f"column {heading}{place}"
        yield from _in_heading(str(heading), file, place, show)
        code = code_of(str(heading))
        if code in ("path", "hidden-text"):  # what is in it tells
            code = "path" if any(map(is_path, filled)) else None
        if code is not None and filled:
            done = IN_A_TABLE if code != "path" else ""
            yield Finding(code, file, where, shown(filled[0], show), len(filled), done)
            continue
        yield from _in_values(filled, file, where, show)


def _in_heading(heading: str, file: str, place: str, show: bool) -> Iterator[Finding]:
    """Tables of genes by samples carry ids of patients in their headings."""
    for code, part in personal_parts(heading, plain=True):
        yield Finding(code, file, f"a heading{place}", shown(part, show), done=IN_A_TABLE)


def _in_values(values: Iterable[str], file: str, where: str, show: bool) -> Iterator[Finding]:
    seen: dict[str, tuple[str, int]] = {}
    for value in values:
        kinds = [("path", value)] if is_path(value) else list(personal_parts(value[:2000], plain=True))
        for code, part in kinds:
            first, count = seen.get(code, (part, 0))
            seen[code] = first, count + 1
    for code, (part, count) in seen.items():
        yield Finding(code, file, where, shown(part, show), count, IN_A_TABLE if code != "path" else "")  # type: ignore[arg-type]


def of_json(path: Path, file: str, *, show: bool) -> Iterator[Finding]:
    """Every value by its key, at most 20,000."""
    if path.stat().st_size > 64 * 2**20:
        yield Finding("not-checked", file, "JSON of more than 64 MB")
        return
    left = [("", json.loads(path.read_text(encoding="utf-8", errors="replace")))]
    for _ in range(MOST_NODES):
        if not left:
            return
        key, value = left.pop()
        if isinstance(value, dict):
            left += [(str(name), one) for name, one in value.items()]
        elif isinstance(value, list):
            left += [(key, one) for one in value]
        elif isinstance(value, str):
            yield from findings_of(file, key or "the text", key, value, show=show)
    yield Finding("not-checked", file, f"more than {MOST_NODES:,} values")


def of_archive(path: Path, file: str, *, show: bool) -> Iterator[Finding]:
    """Names in a zip file; what is inside is checked once it is unpacked."""
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist()[:MOST_NAMES]:
            for code, part in personal_parts(Path(name).stem):
                yield Finding(code, file, f"name in the archive: {shown(name, show)}", shown(part, show))
    yield Finding("not-checked", file, "what is inside; unpack it and check the folder")
