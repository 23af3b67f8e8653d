"""Feature files from strangers are first read in a child process: `python -m survviz.wsi.feature_child JSON`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

from survviz.errors import InputError, MissingMppError
from survviz.types import Bag
from survviz.wsi.features import read_features
from survviz.wsi.probe_child import limit_resources

TIMEOUT_SECONDS = 60
MEMORY_BYTES = 6 * 2**30


def read_features_safely(path: str | Path, *, timeout_seconds: int = TIMEOUT_SECONDS, **options: Any) -> Bag:
    """`read_features`, after the same reading has succeeded in a child process with a memory and a time limit.

    Args:
        timeout_seconds: for the child.
        options: as for `read_features`.

    Raises:
        InputError: as `read_features`, or the file crashes, hangs or exhausts its reader.
        MissingMppError: as `read_features`.
    """
    path = Path(path).absolute()
    try:
        stat = path.stat()
    except OSError as error:
        raise InputError(f"No feature file at {path} ({error.strerror}).") from error
    given = {name: str(value) if isinstance(value, Path) else value for name, value in options.items()}
    request = {"path": str(path), "options": given, "seconds": timeout_seconds}
    try_in_child(json.dumps(request), stat.st_size, stat.st_mtime_ns)
    return read_features(path, **options)


@lru_cache(maxsize=512)
def try_in_child(request: str, size: int, modified: int) -> None:
    """Read once in a child; `size` and `modified` are there to ask again when the file has changed."""
    asked = json.loads(request)
    name, seconds = Path(asked["path"]).name, asked["seconds"]
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, (str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH")))),
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    command = [sys.executable, "-P", "-m", "survviz.wsi.feature_child", request]
    try:
        done = subprocess.run(command, capture_output=True, env=environment, timeout=seconds, check=False)
    except subprocess.TimeoutExpired as error:
        raise InputError(f"{name} could not be read within {seconds} seconds; it is probably damaged.") from error
    lines = done.stdout.decode(errors="replace").strip().splitlines()
    answer: dict[str, str] = json.loads(lines[-1]) if lines and done.returncode == 0 else {"kind": "crash"}
    if answer["kind"] == "crash":
        raise InputError(
            f"{name} is damaged: reading it crashed or took more than {MEMORY_BYTES // 2**30} GB of memory "
            f"(exit status {done.returncode}). Extract the slide again."
        )
    if answer["kind"] == "mpp":
        raise MissingMppError(answer["error"])
    if answer["kind"] == "input":
        raise InputError(answer["error"])


def main() -> None:
    """Read once under limits; write one line of JSON: what went wrong, if anything."""
    request = json.loads(sys.argv[1])
    limit_resources(MEMORY_BYTES, request["seconds"])
    try:
        read_features(request["path"], **request["options"])
    except MissingMppError as error:
        answer = {"kind": "mpp", "error": str(error)}
    except InputError as error:
        answer = {"kind": "input", "error": str(error)}
    else:
        answer = {"kind": "good"}
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
