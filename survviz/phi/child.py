"""What runs in the child process of `scan`: `python -m survviz.phi.child` with a request on stdin, a line per file."""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

from survviz.phi import dicom, tables, tiff
from survviz.phi.finding import Finding, merge
from survviz.wsi.isolated_child import allow_seconds, confine

TIFFS = (".svs", ".tif", ".tiff", ".ndpi", ".scn", ".bif", ".svslide", ".qptiff", ".btf")
OTHER_SLIDES = (".mrxs", ".vms", ".vmu")
PICTURES = (".jpg", ".jpeg", ".png", ".webp")
TABLES = (".csv", ".tsv", ".txt", ".tab", ".gz", ".xlsx", ".parquet")
HARMLESS = (".toml", ".md", ".safetensors", ".py", ".npy", ".npz")

Reader = Callable[..., Iterator[Finding]]


def readers_of(path: Path) -> list[Reader]:
    """What reads a file of this kind."""
    suffix = path.suffix.lower()
    if suffix in TIFFS:
        return [tiff.of_tiff, tiff.of_vendor]
    if suffix == ".dcm" or _is_dicom(path):
        return [dicom.of_dicom]
    by_suffix: dict[tuple[str, ...], list[Reader]] = {
        OTHER_SLIDES: [tiff.of_vendor],
        PICTURES: [tiff.of_picture],
        (".h5", ".hdf5"): [tables.of_h5],
        TABLES: [tables.of_table],
        (".json", ".geojson"): [tables.of_json],
        (".zip",): [tables.of_archive],
        HARMLESS: [],
    }
    return next((readers for suffixes, readers in by_suffix.items() if suffix in suffixes), [_unknown])


def _is_dicom(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(128)
        return file.read(4) == b"DICM"


def _unknown(path: Path, file: str, *, show: bool) -> Iterator[Finding]:
    yield Finding("not-checked", file, f"files of kind {path.suffix or 'unknown'}; only the name was looked at")


def check_file(path: Path, *, show: bool) -> list[Finding]:
    """Findings inside one file; a reader that fails says so as a finding."""
    found: list[Finding] = []
    try:
        readers = readers_of(path)
    except OSError as error:
        return [Finding("not-checked", path.name, f"it cannot be read: {error.strerror}")]
    for reader in readers:
        try:
            found += reader(path, path.name, show=show)
        except Exception as error:  # noqa: BLE001 (a stranger's file makes libraries raise anything; the child tells)
            found.append(
                Finding("not-checked", path.name, f"it cannot be read ({type(error).__name__}); it may be damaged")
            )
    return merge(found)


def main() -> None:
    """Answer one line of JSON per file, in order, each as soon as it is known."""
    warnings.simplefilter("ignore")
    request = json.load(sys.stdin)
    confine({"memory": request["memory"]})
    allow_seconds(request["seconds"])
    for path in request["paths"]:
        found = check_file(Path(path), show=request["show"])
        sys.stdout.write(json.dumps([asdict(one) for one in found]) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
