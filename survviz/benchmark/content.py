"""Content hashes: what a cell's result depends on, so that a cached one is used exactly as long as it is right."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from survviz.data.cohort import Cohort, read_cohort_toml
from survviz.data.cohort_file import FILE_NAME
from survviz.errors import InputError
from survviz.remote import entry_of

Known = dict[str, tuple[int, int, str]]
"""File -> (size, mtime in ns, SHA-256): a file that did not change is not read again."""


def digest(value: Any) -> str:
    """SHA-256 of a JSON value, whatever the order of its keys."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def cohort_digest(folder: Path, cohort: Cohort, known: Known) -> str:
    """SHA-256 over the contents of `cohort.toml` and of every table, token and feature file that it names.

    Args:
        known: hashes of earlier runs; new ones are added.
    """
    file = read_cohort_toml(folder)
    sections = (file.clinical, file.rna, file.mirna, file.cnv, file.slides, file.pathology)
    tables = [folder / FILE_NAME, *(folder / one.file for one in sections if one is not None)]
    files = {*tables, *cohort.features.values(), *cohort.token_files.values()}
    return digest({os.path.relpath(path, folder): file_digest(path, known) for path in files})


def file_digest(path: Path, known: Known) -> str:
    """SHA-256 of a file; of a file behind an address, of its size and tag.

    Raises:
        InputError: it cannot be read.
    """
    if (remote := entry_of(path)) is not None:
        return digest(["remote", remote.found.size, remote.found.stamp])
    try:
        state = path.stat()
        name, found = str(path.resolve()), known.get(str(path.resolve()))
        if found and found[:2] == (state.st_size, state.st_mtime_ns):
            return found[2]
        with path.open("rb") as handle:
            value = hashlib.file_digest(handle, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error
    known[name] = (state.st_size, state.st_mtime_ns, value)
    return value


def read_known(path: Path) -> Known:
    """Hashes that `write_known` left; none if there is no file."""
    if not path.is_file():
        return {}
    return {name: (size, mtime, value) for name, (size, mtime, value) in json.loads(path.read_text("utf-8")).items()}


def write_known(path: Path, known: Known, keep: Iterable[str] | None = None) -> None:
    """Keep the hashes for the next run."""
    names = known if keep is None else keep
    write_bytes(path, json.dumps({name: known[name] for name in names}).encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file so that it appears complete or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    Path(temporary).chmod(0o644)
    os.replace(temporary, path)
