"""Content hashes of a cohort: equal as long as training on it would see the same."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from survviz.data.cohort import Cohort
from survviz.errors import InputError
from survviz.remote import entry_of


def fingerprint(cohort: Cohort) -> str:
    """SHA-256 over the tables in memory and the contents of the feature and token files; paths and dates do not count.

    Raises:
        InputError: a file cannot be read.
    """
    found = hashlib.sha256()
    tables = {
        "clinical": cohort.clinical,
        "outcome": pd.DataFrame({"time": cohort.time, "event": cohort.event}),
        "slides": cohort.slides.drop(columns="path"),
        "rna": cohort.rna,
        "mirna": cohort.mirna,
        "cnv": cohort.cnv,
        "regions": cohort.regions,
    }
    for name, table in tables.items():
        found.update(f"{name}:{_of_table(table)}\n".encode())
    words = (cohort.fields, cohort.rna_unit, cohort.mirna_unit, cohort.cnv_unit, cohort.token_names, cohort.encoder)
    found.update(repr((words, sorted(cohort.holdout))).encode())
    if cohort.packed is not None:
        found.update(of_file(cohort.packed.path).encode())
    for files in ({} if cohort.packed is not None else cohort.features, cohort.token_files):
        for name, path in sorted(files.items()):
            found.update(f"{name}:{of_file(path)}\n".encode())
    return found.hexdigest()


def of_file(path: Path) -> str:
    """SHA-256 of a file, or of all files below a folder; of a file behind an address, of its size and tag.

    Raises:
        InputError: it cannot be read.
    """
    if (remote := entry_of(path)) is not None:
        return of_lines(["remote", str(remote.found.size), remote.found.stamp])
    if path.is_dir():
        return of_lines(f"{one.relative_to(path)}:{of_file(one)}" for one in sorted(path.rglob("*")) if one.is_file())
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error


def _of_table(table: pd.DataFrame | None) -> str:
    if table is None:
        return "none"
    columns = of_lines(map(str, table.columns))
    rows = pd.util.hash_pandas_object(table, index=True).to_numpy()  # type: ignore[attr-defined]
    return f"{columns}:{hashlib.sha256(rows.tobytes()).hexdigest()}"


def of_lines(lines: Iterable[str]) -> str:
    """SHA-256 of words in an order."""
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
