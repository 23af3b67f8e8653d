"""Feature files of strangers, read in child processes with limits: HDF5's library can crash, hang or exhaust memory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from survviz.errors import InputError
from survviz.types import Bag
from survviz.workspace import is_from_people
from survviz.wsi.features import read_features
from survviz.wsi.isolated import LONGEST_WORDS, READ_SECONDS, body, raise_words
from survviz.wsi.isolated_process import Child, ChildLostError

FEATURE_MEMORY_BYTES = 6 * 2**30
LARGEST_BAG = 1 << 34


def read_features_safely(path: str | Path, *, timeout_seconds: int = READ_SECONDS, **options: Any) -> Bag:
    """`read_features` in a child process with a memory and a time limit.

    Args:
        timeout_seconds: for the child.
        options: as for `read_features`.

    Raises:
        InputError: as `read_features`, or the file crashes, hangs or exhausts its reader.
        MissingMppError: as `read_features`.
    """
    path = Path(path).absolute()
    try:
        path.stat()
    except OSError as error:
        raise InputError(f"No feature file at {path} ({error.strerror}).") from error
    given = {name: str(value) if isinstance(value, Path) else value for name, value in options.items()}
    limits = {"memory": FEATURE_MEMORY_BYTES, "seconds": timeout_seconds}
    try:
        child = Child({"do": "features", "path": str(path), "options": given, "limits": limits}, timeout_seconds)
        try:
            kind, length = child.answer()
            raise_words(child, kind, length)
            return _bag(child, json.loads(body(child, length, LONGEST_WORDS)))
        finally:
            child.stop()
    except ChildLostError as error:
        raise InputError(
            f"The reader {error} while reading {path.name}. It is damaged; extract the slide again."
        ) from error


def read_features_by_origin(path: Path, **options: Any) -> Bag:
    """`read_features`, in a child process where a person brought the file through the app; raises as that."""
    return read_features_safely(path, **options) if is_from_people(path) else read_features(path, **options)


def _bag(child: Child, about: dict[str, Any]) -> Bag:
    size = about["slide_size"]
    given: dict[str, Any] = about | {
        "features": _array(child, about["features"]),
        "coords": _array(child, about["coords"]),
        "slide_size": None if size is None else (size[0], size[1]),
    }
    return Bag(**given)


def _array(child: Child, about: dict[str, Any]) -> NDArray[Any]:
    shape, dtype = tuple(about["shape"]), np.dtype(about["dtype"])
    if len(shape) != 2 or dtype.kind not in "if" or int(np.prod(shape, dtype=object)) * dtype.itemsize > LARGEST_BAG:
        raise ChildLostError("answered something else")
    out = np.empty(shape, dtype)
    child.receive(out.ravel().view(np.uint8).data)
    return out
