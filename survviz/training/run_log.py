"""The record of a run: one JSON object per line, written as it happens; the same numbers for TensorBoard if asked."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from survviz.errors import InputError

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

CURVES = ("lr", "train_loss", "validation_loss", "validation_c_index")
"""What TensorBoard draws of an epoch."""


class RunLog:
    """Appends events to a file; without a path it forgets them.

    Args:
        board: folder for TensorBoard's files.

    Raises:
        InputError: TensorBoard was asked for and is not installed.
    """

    def __init__(self, path: Path | None, board: Path | None = None) -> None:
        self._board = _open_board(board) if board is not None else None
        self._file = path.open("a", encoding="utf-8") if path else None

    def write(self, event: str, **fields: Any) -> None:
        """Add one line, flushed at once."""
        if self._file is not None:
            record = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "event": event, **fields}
            self._file.write(json.dumps(record, ensure_ascii=False) + "\n")
            self._file.flush()
        if self._board is not None and event == "epoch":
            for name in CURVES:
                if fields[name] is not None:
                    self._board.add_scalar(f"{name}/fold {fields['fold'] + 1}", fields[name], fields["epoch"])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()
        if self._board is not None:
            self._board.close()


def keep_lines(path: Path, wanted: Callable[[dict[str, Any]], bool]) -> None:
    """Drop the other lines of a log, and what a killed process left half written."""
    kept = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else ():
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if wanted(record):
            kept.append(line + "\n")
    temporary = path.with_suffix(".part")
    temporary.write_text("".join(kept), encoding="utf-8")
    temporary.replace(path)


def _open_board(folder: Path) -> SummaryWriter:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise InputError(
            "TensorBoard was asked for, but is not installed. Run: pip install 'survviz[tensorboard]', or leave it "
            "out; the run log training.jsonl holds the same numbers."
        ) from error
    return SummaryWriter(str(folder))
