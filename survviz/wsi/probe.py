"""Slides are first opened in a child process, with a memory and a time limit.

A C decoder that crashes or hangs on a damaged file ends the child, not the app.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

from survviz.errors import SlideError
from survviz.wsi.info import SlideInfo
from survviz.wsi.isolated import LONGEST_WORDS, body, raise_words
from survviz.wsi.isolated_process import Child, ChildLostError

TIMEOUT_SECONDS = 60
MEMORY_BYTES = 3 * 2**30
REMEMBERED = 256


def read_slide_info(path: Path | str) -> SlideInfo:
    """Describe a slide without trusting it. Remembered until the file changes.

    Raises:
        SlideError: there is no such file, or it is damaged, unknown, too large, or crashes its decoder.
    """
    path = Path(path).absolute()
    try:
        stat = path.stat()
    except (OSError, ValueError) as error:
        raise SlideError(f"There is no slide file at {path} ({error}).") from error
    return _described(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=REMEMBERED)
def _described(path: Path, size: int, modified: int) -> SlideInfo:
    """`size` and `modified` are there to miss the memory when the file has changed."""
    limits = {"memory": MEMORY_BYTES, "seconds": int(TIMEOUT_SECONDS)}
    try:
        child = Child({"do": "description", "path": str(path), "limits": limits}, TIMEOUT_SECONDS)
        try:
            kind, length = child.answer()
            raise_words(child, kind, length)
            return SlideInfo.from_json(json.loads(body(child, length, LONGEST_WORDS)))
        finally:
            child.stop()
    except ChildLostError as error:
        raise SlideError(
            f"{path.name} is damaged: the decoder {error} when it was opened, within {MEMORY_BYTES // 2**30} GB of "
            "memory. Copy it again from its source, to a local disk."
        ) from error
