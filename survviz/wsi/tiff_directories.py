"""The chain of directories of a TIFF file, walked before anything follows it: it must end."""

from __future__ import annotations

import struct
from pathlib import Path

from survviz.errors import SlideError

MOST_DIRECTORIES = 20_000
FORMS = {b"II*\0": ("<", False), b"MM\0*": (">", False), b"II+\0": ("<", True), b"MM\0+": (">", True)}


def check_chain(path: Path) -> None:
    """Refuse a file whose directories lead in a circle, or are more than any slide has.

    A chain that leads out of the file ends there. NDPI keeps upper halves of offsets behind its directories, which are
    not followed here, so its chain may end early.

    Raises:
        SlideError: it does not end.
    """
    size, seen = path.stat().st_size, set[int]()
    with path.open("rb") as file:
        head = file.read(16)
        order, big = FORMS.get(head[:4], ("<", None))
        if big is None or len(head) < 16:
            return
        count, following, entry = ("Q", "Q", 20) if big else ("H", "I", 12)
        offset = struct.unpack_from(order + following, head, 8 if big else 4)[0]
        while 0 < offset < size:
            if offset in seen or len(seen) >= MOST_DIRECTORIES:
                raise SlideError(
                    f"{path.name} is damaged: its list of images leads in a circle, or has more than "
                    f"{MOST_DIRECTORIES:,} entries. Copy it again from its source."
                )
            seen.add(offset)
            file.seek(offset)
            number = _number(file.read(struct.calcsize(count)), order + count)
            end = offset + struct.calcsize(count) + number * entry
            if end >= size:
                return
            file.seek(end)
            offset = _number(file.read(struct.calcsize(following)), order + following)


def _number(data: bytes, form: str) -> int:
    """0 where the file has ended."""
    return struct.unpack(form, data)[0] if len(data) == struct.calcsize(form) else 0
