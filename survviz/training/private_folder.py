"""The folder `NAME.partial` of a private run: what a killed run needs so that no step is ever drawn twice differently.

It holds `run.json` (what the run depends on), the key of its batches and noise (`key`, readable by the owner alone),
and the state after the last kept step. It is as secret as the patients' data, and gone when the checkpoint is written:
the steps in between are never released. Going on draws the same batches and the same noise again, so it costs nothing.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from survviz.errors import PrivacyError
from survviz.privacy.stream import KEY_BYTES, new_key
from survviz.training.dp_sgd import DpSgd
from survviz.training.run_folder import RUN, RUNNING, differences, locked, read_tensors, write_json, write_tensors

KEY = "key"


@dataclass(frozen=True, slots=True)
class PrivateFolder:
    """Where a private run is kept.

    Attributes:
        key: of the run.
        resumed: an earlier process began it.
    """

    path: Path
    key: bytes
    resumed: bool

    def restore(self, run: DpSgd) -> None:
        """Bring the run to where it was kept; nothing if it never was."""
        if (self.path / RUNNING).exists():
            tensors, metadata = read_tensors(self.path / RUNNING)
            run.restore(tensors, int(metadata["step"]))

    def keep(self, run: DpSgd) -> None:
        """Replace what was kept by the run as it is now."""
        write_tensors(self.path / RUNNING, run.tensors(), {"step": str(run.step)})
        (self.path / RUNNING).chmod(0o600)


@contextmanager
def open_private_run(out: Path, identity: Mapping[str, Any], *, restart: bool = False) -> Iterator[PrivateFolder]:
    """The run folder of a private checkpoint to write; removed when the block ends well.

    Args:
        identity: what the result depends on, as JSON.
        restart: throw away what an earlier run left. What it has paid stays paid: a new key is a new run.

    Raises:
        PrivacyError: what an earlier run left depends on something else, or its key is gone.
        InputError: a run into the same folder is under way.
    """
    path = out.parent / f"{out.name}.partial"
    with locked(path, restart):
        path.chmod(0o700)
        resumed = (path / RUN).exists()
        if resumed:
            _compare(path, identity)
        else:
            _write_key(path / KEY)
            write_json(path / RUN, identity)
        yield PrivateFolder(path, _read_key(path / KEY), resumed)
    shutil.rmtree(path)


def _compare(path: Path, identity: Mapping[str, Any]) -> None:
    before = json.loads((path / RUN).read_text(encoding="utf-8"))
    changes = differences(before, json.loads(json.dumps(identity)))
    if changes:
        raise PrivacyError(
            f"{path} holds an unfinished private run that differs from this one:\n"
            + "".join(f"  {change}\n" for change in changes)
            + "Going on with other data or settings under the same noise would show the difference. Set these back to "
            "finish that run, or start anew with --restart, which costs its epsilon again."
        )


def _write_key(path: Path) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(new_key())
        file.flush()
        os.fsync(file.fileno())


def _read_key(path: Path) -> bytes:
    key = path.read_bytes() if path.is_file() else b""
    if len(key) != KEY_BYTES:
        raise PrivacyError(
            f"{path.parent} has lost its key, so its next steps would draw other noise than those it has taken; it "
            "cannot be finished privately. Start anew with --restart, which costs its epsilon again."
        )
    return key
