"""Encoded patches behind a token: registered by a page, read again by the routes, a bounded number of bytes in memory.

A page holds a case's bags, whose rows are the patches of its maps. Each is kept as a feature file in the workspace, so
that index i of a map is row i here whatever the page does later, and a restart loses nothing.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from survviz.errors import InputError
from survviz.server import store
from survviz.server.auth import token_for
from survviz.server.folders import allowed_path
from survviz.server.store import Grant
from survviz.types import Bag
from survviz.workspace import present, workspace
from survviz.wsi.features import read_features, write_features
from survviz.wsi.similarity import Standard

if TYPE_CHECKING:
    from survviz.data.cohort import Cohort
    from survviz.data.patch_statistics import PatchStatistics

KEEP_BYTES = 256 * 2**20
"""Features held in memory by all requests together; what does not fit is read again, one slide at a time."""


def register_features(
    owner: str,
    bag: Bag,
    *,
    slide: str | None = None,
    cohort: str | Path | None = None,
    statistics: PatchStatistics | None = None,
) -> str:
    """Let an owner ask about the patches of a slide: descriptors, and patches that look alike. Returns the token.

    Args:
        bag: the patches that the slide's maps lie on, in the same order.
        slide: token of the slide's pixels (`SlideView.token`), None without a file.
        cohort: folder of the cohort that the case belongs to, to search in; None searches the owner's own slides.
        statistics: of the checkpoint's training patches; the slide's own stand in where there are none that fit.

    Raises:
        InputError: the cohort lies outside the owner's folders.
    """
    fits = statistics is not None and statistics.encoder == bag.encoder and statistics.dim == bag.features.shape[1]
    scale = np.stack(statistics.scale()).astype("<f4").tobytes() if statistics is not None and fits else None
    path = _kept(bag)
    payload = {
        "path": str(path),
        "slide_id": bag.slide_id,
        "encoder": bag.encoder,
        "slide": slide,
        "cohort": None if cohort is None else str(allowed_path(owner, cohort)),
        "side": int(bag.patch_size_level0),
    }
    subject = "\0".join((path.stem, *(str(payload[name]) for name in ("slide_id", "slide", "cohort"))))
    token = token_for(owner, "features", subject + hashlib.sha256(scale or b"").hexdigest())
    store.put([Grant(token, owner, "features", payload, scale)])
    return token


def _kept(bag: Bag) -> Path:
    """The bag as a file of the workspace, named by its content; written once."""
    kind = "\0".join((bag.slide_id, bag.encoder, bag.encoder_revision, str(bag.features.dtype)))
    digest = hashlib.blake2b(kind.encode(), digest_size=16)
    for values in (bag.coords, bag.features):
        digest.update(np.ascontiguousarray(values).data)
    path = workspace("patch_features") / f"{digest.hexdigest()}.h5"
    if path.exists():
        os.utime(path)
        return path
    return write_features(path, bag)


def forget_unused(days: float = store.KEEP_DAYS) -> int:
    """Remove kept features that nobody has registered for some days; returns how many."""
    oldest = time.time() - days * 86400
    stale = [path for path, state in present(workspace("patch_features").iterdir()) if state.st_mtime < oldest]
    for path in stale:
        path.unlink(missing_ok=True)
    return len(stale)


@dataclass(slots=True)
class BagCache:
    """The most recently used bags, a bounded number of bytes; a larger one is read each time and not kept.

    Args:
        limit: bytes of features that stay in memory.
    """

    limit: int = KEEP_BYTES
    held: int = 0
    _bags: OrderedDict[tuple[str, str, int], Bag] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, key: tuple[str, str, int], read: Callable[[], Bag]) -> Bag:
        """The bag of a key, which changes when its file does (kept files never do)."""
        with self._lock:
            if key in self._bags:
                self._bags.move_to_end(key)
                return self._bags[key]
        bag = read()
        size = bag.features.nbytes
        with self._lock:
            if key not in self._bags and size <= self.limit:
                self._bags[key] = bag
                self.held += size
                while self.held > self.limit:
                    self.held -= self._bags.popitem(last=False)[1].features.nbytes
        return bag


@lru_cache(maxsize=1)
def bag_cache() -> BagCache:
    """The cache of this process."""
    return BagCache()


def bag_of(grant: Grant) -> Bag:
    """The patches of a grant of kind "features".

    Raises:
        InputError: the file is gone or damaged.
    """
    return _kept_bag(grant.payload["path"], grant.payload["slide_id"])


def _kept_bag(path: str, slide_id: str) -> Bag:
    return bag_cache().get((path, slide_id, 0), lambda: read_features(path, slide_id=slide_id))


@lru_cache(maxsize=64)
def _own_standard(path: str, slide_id: str) -> Standard:
    """Of the slide's own patches; seconds for 10,000 of a foundation model, so it is kept."""
    return Standard.of(_kept_bag(path, slide_id).features)


def standard_of(grant: Grant) -> tuple[Standard, bool]:
    """What to standardise with, and whether it comes from the training patches (else from this slide's)."""
    if grant.data is None:
        return _own_standard(grant.payload["path"], grant.payload["slide_id"]), False
    mean, factor = np.frombuffer(grant.data, "<f4").reshape(2, -1)
    return Standard(mean, factor), True


@dataclass(frozen=True, slots=True)
class OtherSlide:
    """A slide to search in; `path` is its file, where there is one, and `token` its grant, where that is known."""

    slide_id: str
    read: Callable[[], Bag]
    path: str | None = None
    mpp: float | None = None
    token: str | None = None


def other_slides(grant: Grant) -> Iterator[OtherSlide]:
    """Every slide of the grant's cohort but its own; without a cohort, the slides that its owner has opened.

    Raises:
        InputError: the cohort cannot be read.
    """
    mine = grant.payload["slide_id"]
    if grant.payload["cohort"] is not None:
        folder = Path(grant.payload["cohort"])
        cohort = _cohort(str(folder), (folder / "cohort.toml").stat().st_mtime_ns)
        table = cohort.slides
        for slide_id, path in zip(table["slide_id"], table["path"], strict=True):
            if slide_id != mine and slide_id in cohort.features:
                yield _of_cohort(cohort, slide_id, path)
        return
    seen = {mine}
    for other in store.all_of(grant.owner, "features"):
        name = other.payload["slide_id"]
        if name not in seen and other.payload["cohort"] is None and Path(other.payload["path"]).exists():
            seen.add(name)
            yield OtherSlide(name, partial(bag_of, other), token=other.payload["slide"])


def _of_cohort(cohort: Cohort, slide_id: str, path: str) -> OtherSlide:
    file = cohort.features[slide_id]
    key = (str(file), slide_id, file.stat().st_mtime_ns)
    found = path if path and Path(path).is_file() else None
    read = partial(bag_cache().get, key, partial(cohort.bag, slide_id))
    return OtherSlide(slide_id, read, found, cohort.slide_mpp(slide_id))


@lru_cache(maxsize=2)
def _cohort(folder: str, stamp: int) -> Cohort:
    from survviz.data.cohort import load_cohort

    try:
        return load_cohort(folder)
    except OSError as error:
        raise InputError(f"The cohort of this case cannot be read: {error.strerror}. Load the case again.") from error
