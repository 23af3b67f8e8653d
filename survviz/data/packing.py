"""`survviz pack`: every feature file of a cohort into one packed store, named in its `cohort.toml`."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from survviz.data.cohort import Cohort, load_cohort
from survviz.data.cohort_file import FILE_NAME, read_cohort_toml
from survviz.data.packed_shards import SUFFIX, open_store
from survviz.data.packed_store import PackedStore, Source, pack, source_of
from survviz.errors import InputError
from survviz.types import Bag, Progress

DEFAULT_NAME = "features.pack"
SHARDS = "features.packs"
SECTION = re.compile(r"^\[features\][^\S\n]*(#.*)?$", re.MULTILINE)
KEY = re.compile(r"^packed\s*=.*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Packed:
    """What was written.

    Attributes:
        named: whether cohort.toml names the file now; False where its [features] is not written as a section.
    """

    path: Path
    n_slides: int
    n_patches: int
    n_bytes: int
    named: bool


def pack_cohort(
    folder: str | Path,
    out: str | Path | None = None,
    *,
    shard_bytes: int | None = None,
    progress: Progress | None = None,
) -> Packed:
    """Pack the features of a cohort and name the file in its `cohort.toml`, comments kept.

    Args:
        out: the file to write; `features.pack` in the cohort's folder if not given, `features.packs` with shards.
        shard_bytes: write a folder of files of about this size, and keep those that an earlier run finished.

    Raises:
        InputError: the cohort has no feature files, or one of them cannot be packed.
    """
    folder = Path(folder)
    cohort = load_cohort(folder, packed=False)
    slides = [slide for slide in cohort.slides["slide_id"] if slide in cohort.features]
    if not slides:
        raise InputError(f"Cohort {cohort.name!r} has no feature files to pack. Run `survviz extract` first.")
    if len({cohort.features[slide] for slide in slides}) < len(slides):
        raise InputError(f"Cohort {cohort.name!r} keeps its packed file only; bring the feature folder back to pack.")
    if shard_bytes is None:
        path = pack(Path(out) if out is not None else folder / DEFAULT_NAME, _bags(cohort, slides, progress))
    else:
        path = _pack_shards(Path(out) if out is not None else folder / SHARDS, cohort, slides, shard_bytes, progress)
    store = open_store(path)
    return Packed(
        path=path,
        n_slides=len(slides),
        n_patches=sum(entry.n_patches for entry in store.slides.values()),
        n_bytes=sum(file.stat().st_size for file in (path.iterdir() if path.is_dir() else (path,))),
        named=_name_in_toml(folder, path),
    )


def _pack_shards(path: Path, cohort: Cohort, slides: list[str], size: int, progress: Progress | None) -> Path:
    """Fill shards in the order of the slides; whatever else lies in the folder under such a name is removed."""
    path.mkdir(parents=True, exist_ok=True)
    shards: list[list[str]] = [[]]
    filled = 0
    for slide in slides:
        needed = cohort.features[slide].stat().st_size
        if shards[-1] and filled + needed > size:
            shards.append([])
            filled = 0
        shards[-1].append(slide)
        filled += needed
    names = [f"{number:05d}{SUFFIX}" for number in range(len(shards))]
    for old in path.glob(f"*{SUFFIX}"):
        if old.name not in names:
            old.unlink()
    for done, (name, some) in enumerate(zip(names, shards, strict=True), start=1):
        if not _is_packed(path / name, cohort, some):
            pack(path / name, _bags(cohort, some, None))
        if progress:
            progress(done, len(shards))
    return path


def _is_packed(path: Path, cohort: Cohort, slides: list[str]) -> bool:
    """Whether an earlier run packed just these files as they are."""
    try:
        store = PackedStore.open(path)
        for slide in slides:
            store.bag(slide, cohort.features[slide], slide_mpp=cohort.slide_mpp(slide), encoder=cohort.encoder)
    except (InputError, KeyError):
        return False
    return list(store.slides) == slides


def _bags(cohort: Cohort, slides: list[str], progress: Progress | None) -> Iterator[tuple[str, Bag, Source]]:
    for done, slide in enumerate(slides):
        path, mpp = cohort.features[slide], cohort.slide_mpp(slide)
        source = source_of(path, slide_mpp=mpp, encoder=cohort.encoder)
        yield slide, cohort.bag(slide), source
        if progress:
            progress(done + 1, len(slides))


def _name_in_toml(folder: Path, path: Path) -> bool:
    """Set `packed` under [features]; the rest of the file, comments too, stays as it is."""
    inside = path.resolve().is_relative_to(folder.resolve())
    name = path.resolve().relative_to(folder.resolve()).as_posix() if inside else path.resolve().as_posix()
    section = read_cohort_toml(folder).features
    if section is not None and section.packed == name:
        return True
    toml = folder / FILE_NAME
    text, line = toml.read_text(encoding="utf-8"), f"packed = {json.dumps(name)}"
    found = SECTION.search(text)
    if found is None:
        return False
    head, body = text[: found.end()], text[found.end() :]
    end = next((match.start() for match in re.finditer(r"^\[", body, re.MULTILINE)), len(body))
    rest, others = body[:end], body[end:]
    rest = KEY.sub(lambda _: line, rest) if KEY.search(rest) else f"\n{line}{rest}"
    handle, temporary = tempfile.mkstemp(dir=folder, prefix=".cohort.", suffix=".part")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(head + rest + others)
    Path(temporary).chmod(0o644)
    os.replace(temporary, toml)
    return True
