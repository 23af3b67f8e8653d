"""Dies at a chosen stage: an audit hook of Python sees every file that is opened for writing, renamed, made or removed.

What is seen is named without what differs from run to run (ids, process numbers, temporary names), so that a stage can
be met again. The process kills itself (SIGKILL) just before the stage; what a crash leaves half done is left half done:
a file opened for writing is there and empty, the source of a rename is cut to half its length.
"""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
WATCHED = ("open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "sqlite3.connect")
VOLATILE = (
    (re.compile(r"[0-9a-f]{16,}"), "*"),
    (re.compile(r"\d{12,}"), "*"),
    (re.compile(r"\.[a-z0-9_]{8}(?=\.part$|/|$)"), ".*"),
    (re.compile(r"\.\d+$"), ".*"),
    (re.compile(r"-[0-9a-f]{8}(?=\.ticket|\.drawn)"), "-*"),
)


def stage_name(event: str, path: Path, root: Path) -> str:
    """For example "rename jobs/*/state.json"."""
    words = str(path.relative_to(root))
    for pattern, short in VOLATILE:
        words = pattern.sub(short, words)
    return f"{event.removeprefix('os.')} {words}"


class Watch:
    """Counts the stages below some folders, tells of each, and dies at one.

    Args:
        roots: folders; the first that holds a path names it.
        tell: called with the name of each stage.
        die_at: name of a stage, and which time it is met (from 1); None = live.
    """

    def __init__(self, roots: list[Path], tell: Callable[[str], None], die_at: tuple[str, int] | None = None) -> None:
        self.roots = [root.resolve() for root in roots]
        self.tell, self.die_at = tell, die_at
        self.met = 0
        self.busy = False
        sys.addaudithook(self)

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.busy or event not in WATCHED:
            return
        self.busy = True
        try:
            self._look(event, arguments)
        finally:
            self.busy = False

    def _look(self, event: str, arguments: tuple[Any, ...]) -> None:
        target = arguments[1] if event in ("os.rename", "os.link") else arguments[0]
        flags = arguments[2] if event == "open" and isinstance(arguments[2], int) else 0
        if not isinstance(target, str | bytes | os.PathLike) or (event == "open" and not flags & WRITING):
            return
        path = Path(os.fsdecode(target))
        path = path if path.is_absolute() else Path.cwd() / path
        root = next((root for root in self.roots if path.is_relative_to(root)), None)
        if root is None or path == root:
            return
        name = stage_name(event, path, root)
        self.tell(name)
        if self.die_at is None or name != self.die_at[0]:
            return
        self.met += 1
        if self.met == self.die_at[1]:
            self._die(event, arguments, path, flags)

    def _die(self, event: str, arguments: tuple[Any, ...], path: Path, flags: int) -> None:
        """Leave what a crash leaves."""
        if event == "open" and flags & os.O_CREAT:
            with suppress(OSError):
                os.close(os.open(path, flags & ~os.O_EXCL, 0o600))
        source = Path(os.fsdecode(arguments[0])) if event == "os.rename" else None
        if source is not None and source.is_file():
            os.truncate(source, source.stat().st_size // 2)
        os.kill(os.getpid(), signal.SIGKILL)
