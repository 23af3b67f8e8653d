"""All encoded patches of a cohort in one memory-mapped float16 file, so that training reads only the rows it needs.

Layout, little-endian: `MAGIC`; per slide its features (N, D) float16, then its coordinates (N, 2) int64, each from a
multiple of 64 bytes on; the index as JSON; its length as 8 bytes; `MAGIC` again. Nothing in it is executable.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import tempfile
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from survviz.data.genes import shorten
from survviz.errors import InputError
from survviz.remote import at_hand
from survviz.types import Bag
from survviz.units import to_mpp

MAGIC = b"SURVPACK"
ALIGN = 64
FEATURE = np.dtype("<f2")
COORDINATE = np.dtype("<i8")
MAX_INDEX = 2**30
CHUNK = 2**20


class Source(BaseModel):
    """The feature file that a slide was packed from, and what was added on reading it.

    Attributes:
        slide_mpp, encoder: what the cohort said, which the file may leave out.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    size: int
    mtime_ns: int
    sha256: str
    slide_mpp: float | None
    encoder: str | None


class Entry(BaseModel):
    """One slide: where its numbers lie, and everything else of its `Bag`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    features_at: int = Field(ge=0)
    coords_at: int = Field(ge=0)
    n_patches: int = Field(ge=0)
    width: int = Field(ge=1)
    slide_id: str
    patch_size_level0: int = Field(ge=1)
    mpp: float = Field(gt=0)
    encoder: str
    encoder_revision: str
    slide_size: tuple[int, int] | None
    slide_hash: str | None
    mpp_source: Literal["file", "person"] | None
    source: Source

    @property
    def end(self) -> int:
        """First byte after its numbers."""
        features = self.features_at + self.n_patches * self.width * FEATURE.itemsize
        return max(features, self.coords_at + self.n_patches * 2 * COORDINATE.itemsize)


class Index(BaseModel):
    """What stands at the end of the file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1]
    slides: dict[str, Entry]


@dataclass(frozen=True)
class PackedStore:
    """An open store; its bags are views of the file, read from disk as they are used.

    Attributes:
        slides: slide id -> entry.
    """

    path: Path
    slides: Mapping[str, Entry]
    _memory: mmap.mmap = field(repr=False, compare=False)
    _unchanged: set[str] = field(default_factory=set, repr=False, compare=False)

    @classmethod
    def open(cls, path: str | Path) -> PackedStore:
        """Map a store into memory.

        Raises:
            InputError: no such file, or it is cut off, damaged or no packed store.
        """
        path = Path(path)
        try:
            with at_hand(path) as local, local.open("rb") as file:
                memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            raise InputError(f"The packed features {path} cannot be opened: {error}. Run `survviz pack`.") from error
        return cls(path, _read_index(path, memory).slides, memory)

    def __reduce__(self) -> tuple[Any, ...]:
        """A worker process maps the file itself."""
        return PackedStore.open, (self.path,)

    def bag(self, slide_id: str, source: Path | None, *, slide_mpp: float | None, encoder: str | None) -> Bag:
        """The patches of a slide, float16, without a copy.

        Args:
            source: its feature file, to see that it is still what was packed; None if it is not kept.
            slide_mpp, encoder: what the cohort says now.

        Raises:
            InputError: the feature file, or what the cohort says of it, has changed since it was packed.
        """
        entry = self.slides[slide_id]
        if (entry.source.slide_mpp, entry.source.encoder) != (slide_mpp, encoder):
            raise _changed(self.path, slide_id, "the cohort now declares another pixel size or encoder")
        if source is not None and slide_id not in self._unchanged:
            self._check(slide_id, source)
        return Bag(
            slide_id=entry.slide_id,
            features=self._array(FEATURE, entry.features_at, (entry.n_patches, entry.width)),
            coords=self._array(COORDINATE, entry.coords_at, (entry.n_patches, 2)),
            patch_size_level0=entry.patch_size_level0,
            mpp=to_mpp(entry.mpp),
            encoder=entry.encoder,
            encoder_revision=entry.encoder_revision,
            slide_size=entry.slide_size,
            slide_hash=entry.slide_hash,
            mpp_source=entry.mpp_source,
        )

    def matched(self, files: Mapping[str, Path | None]) -> None:
        """See that the store holds the slides that have a feature file, and none whose file is gone.

        Args:
            files: slide id -> its feature file, or the store itself where the files are not kept.

        Raises:
            InputError: slides were added or removed since it was packed.
        """
        check_matched(self.path, self.slides, files)

    def _check(self, slide_id: str, source: Path) -> None:
        """Size and date tell; where only the date differs (a copied folder), the content."""
        packed = self.slides[slide_id].source
        try:
            state = source.stat()
            same = state.st_size == packed.size
            if same and state.st_mtime_ns != packed.mtime_ns:
                same = content_hash(source) == packed.sha256
        except OSError as error:
            raise _changed(self.path, slide_id, f"{source.name} cannot be read: {error.strerror}") from error
        if not same:
            raise _changed(self.path, slide_id, f"{source.name} was written again since")
        self._unchanged.add(slide_id)

    def _array(self, dtype: np.dtype[Any], at: int, shape: tuple[int, int]) -> NDArray[Any]:
        return np.frombuffer(self._memory, dtype, shape[0] * shape[1], at).reshape(shape)


def check_matched(store: Path, slides: Collection[str], files: Mapping[str, Path | None]) -> None:
    """See that a store, or a folder of them, holds these slides; as `PackedStore.matched`."""
    new = sorted(slide for slide, path in files.items() if path is not None and slide not in slides)
    gone = sorted(slide for slide, path in files.items() if path is None and slide in slides)
    if new or gone:
        what = f"has no {shorten(new)}" if new else f"holds {shorten(gone)}, whose feature files are gone"
        raise InputError(f"{store.name} {what}. The feature folder has changed: run `survviz pack` again.")


def pack(path: str | Path, bags: Iterable[tuple[str, Bag, Source]]) -> Path:
    """Write a store, one slide in memory at a time; the file appears complete or not at all.

    Raises:
        InputError: a feature lies beyond what float16 can hold.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb", buffering=CHUNK) as file:
            file.write(MAGIC)
            index = Index(version=1, slides={key: _write_slide(file, bag, source) for key, bag, source in bags})
            text = index.model_dump_json().encode()
            file.write(text + len(text).to_bytes(8, "little") + MAGIC)
        Path(temporary).chmod(0o644)
        os.replace(temporary, path)
    finally:
        Path(temporary).unlink(missing_ok=True)
    return path


def to_float16(bag: Bag) -> NDArray[np.float16]:
    """The features as they are stored.

    Raises:
        InputError: a value lies beyond the range of float16, ±65,504.
    """
    with np.errstate(over="ignore"):
        features = np.ascontiguousarray(bag.features, dtype=FEATURE)
    bad = np.argwhere(~np.isfinite(features))
    if len(bad):
        row, column = (int(one) for one in bad[0])
        raise InputError(
            f"Slide {bag.slide_id}: {len(bad)} features lie beyond what float16 holds (±65,504), first "
            f"{bag.features[row, column]:g} in row {row}, column {column}. Use these files without packing, or scale "
            "the encoder's output."
        )
    return features


def source_of(path: Path, *, slide_mpp: float | None, encoder: str | None) -> Source:
    """What identifies a feature file."""
    state = path.stat()
    return Source(
        name=path.name,
        size=state.st_size,
        mtime_ns=state.st_mtime_ns,
        sha256=content_hash(path),
        slide_mpp=slide_mpp,
        encoder=encoder,
    )


def content_hash(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_slide(file: BinaryIO, bag: Bag, source: Source) -> Entry:
    features = to_float16(bag)
    return Entry(
        features_at=_write_array(file, features),
        coords_at=_write_array(file, np.ascontiguousarray(bag.coords, dtype=COORDINATE)),
        n_patches=len(bag),
        width=features.shape[1],
        slide_id=bag.slide_id,
        patch_size_level0=int(bag.patch_size_level0),
        mpp=float(bag.mpp),
        encoder=bag.encoder,
        encoder_revision=bag.encoder_revision,
        slide_size=bag.slide_size,
        slide_hash=bag.slide_hash,
        mpp_source=bag.mpp_source,
        source=source,
    )


def _write_array(file: BinaryIO, values: NDArray[Any]) -> int:
    file.write(b"\0" * (-file.tell() % ALIGN))
    at = file.tell()
    file.write(values.data if values.size else b"")
    return at


def _read_index(path: Path, memory: mmap.mmap) -> Index:
    size, edge = len(memory), len(MAGIC) + 8
    damaged = InputError(f"{path} is cut off or no packed feature store. Run `survviz pack` again.")
    if size < len(MAGIC) + edge or memory[: len(MAGIC)] != MAGIC or memory[-len(MAGIC) :] != MAGIC:
        raise damaged
    length = int.from_bytes(memory[size - edge : size - len(MAGIC)], "little")
    if not 0 < length <= min(MAX_INDEX, size - edge - len(MAGIC)):
        raise damaged
    start = size - edge - length
    try:
        index = Index.model_validate_json(memory[start : start + length])
    except ValidationError as error:
        raise InputError(f"{path}: the index cannot be read ({error.errors()[0]['msg']}). Pack again.") from error
    if any(entry.end > start for entry in index.slides.values()):
        raise damaged
    return index


def _changed(path: Path, slide_id: str, what: str) -> InputError:
    return InputError(f"Slide {slide_id} in {path.name} is out of date: {what}. Run `survviz pack` again.")
