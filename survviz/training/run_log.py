"""The record of a run: one JSON object per line, written as it happens."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self


class RunLog:
    """Appends events to a file; without a path it forgets them."""

    def __init__(self, path: Path | None) -> None:
        self._file = path.open("a", encoding="utf-8") if path else None

    def write(self, event: str, **fields: Any) -> None:
        """Add one line, flushed at once."""
        if self._file is not None:
            record = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "event": event, **fields}
            self._file.write(json.dumps(record, ensure_ascii=False) + "\n")
            self._file.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()
