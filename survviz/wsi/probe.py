"""Files from strangers are first opened in a child process, with a memory and a time limit.

A C decoder that crashes or hangs on a damaged file ends the child, not the app.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

from survviz.errors import SlideError
from survviz.wsi.info import SlideInfo

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
    except OSError as error:
        raise SlideError(f"There is no slide file at {path} ({error.strerror}).") from error
    return _described(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=REMEMBERED)
def _described(path: Path, size: int, modified: int) -> SlideInfo:
    """`size` and `modified` are there to miss the memory when the file has changed."""
    root = str(Path(__file__).parents[2])
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH")))),
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    command = [
        sys.executable,
        "-P",
        "-m",
        "survviz.wsi.probe_child",
        str(path),
        str(MEMORY_BYTES),
        str(TIMEOUT_SECONDS),
    ]
    try:
        done = subprocess.run(command, capture_output=True, env=environment, timeout=TIMEOUT_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise SlideError(
            f"{path.name} could not be opened within {TIMEOUT_SECONDS} seconds; it is probably damaged. "
            "Copy it again from its source, to a local disk."
        ) from error
    return _answer(path, done)


def _answer(path: Path, done: subprocess.CompletedProcess[bytes]) -> SlideInfo:
    lines = done.stdout.decode(errors="replace").strip().splitlines()
    try:
        answer = json.loads(lines[-1]) if lines else {}
    except ValueError:
        answer = {}
    if "error" in answer:
        raise SlideError(answer["error"])
    if done.returncode != 0 or "info" not in answer:
        raise SlideError(
            f"{path.name} is damaged: reading it crashed the decoder or took more than "
            f"{MEMORY_BYTES // 2**30} GB of memory (exit status {done.returncode}). Copy it again from its source."
        )
    return SlideInfo.from_json(answer["info"])
