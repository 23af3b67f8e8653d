"""A folder of packed stores that together hold a cohort's slides: files of a size that can be copied and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from survviz.data.genes import shorten
from survviz.data.packed_store import Entry, PackedStore, check_matched
from survviz.errors import InputError
from survviz.types import Bag

SUFFIX = ".pack"


@dataclass(frozen=True)
class PackedShards:
    """Open stores, used like one.

    Attributes:
        path: their folder.
        slides: slide id -> entry, of all.
    """

    path: Path
    slides: Mapping[str, Entry]
    _stores: Mapping[str, PackedStore]

    @classmethod
    def open(cls, folder: Path) -> PackedShards:
        """Map every store of a folder into memory.

        Raises:
            InputError: there is none, one is damaged, or two hold the same slide.
        """
        files = sorted(folder.glob(f"*{SUFFIX}"))
        if not files:
            raise InputError(f"{folder} holds no {SUFFIX} files. Run `survviz pack --shard-gb` again.")
        stores = [PackedStore.open(file) for file in files]
        owners = {slide: store for store in stores for slide in store.slides}
        if len(owners) < sum(len(store.slides) for store in stores):
            twice = [slide for store in stores for slide in store.slides if owners[slide] is not store]
            raise InputError(f"{folder} holds {shorten(twice)} twice. Run `survviz pack --shard-gb` again.")
        return cls(folder, {slide: store.slides[slide] for slide, store in owners.items()}, owners)

    def bag(self, slide_id: str, source: Path | None, *, slide_mpp: float | None, encoder: str | None) -> Bag:
        """As `PackedStore.bag`."""
        return self._stores[slide_id].bag(slide_id, source, slide_mpp=slide_mpp, encoder=encoder)

    def matched(self, files: Mapping[str, Path | None]) -> None:
        """As `PackedStore.matched`."""
        check_matched(self.path, self.slides, files)


def open_store(path: Path) -> PackedStore | PackedShards:
    """One packed file, or a folder of them.

    Raises:
        InputError: it is missing, damaged or neither.
    """
    return PackedShards.open(path) if path.is_dir() else PackedStore.open(path)
