"""Files and folders, looked through in a child process with limits, as everything from strangers is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from survviz.errors import InputError
from survviz.phi.finding import IN_A_NAME, Finding, merge
from survviz.phi.keys import shown
from survviz.phi.wording import personal_parts

MEMORY_BYTES = 3 * 2**30
SECONDS, SECONDS_PER_FILE = 60, 10
MOST_FILES = 10_000
AT_ONCE = 200


def check_paths(paths: Sequence[Path | str], *, show: bool = False) -> list[Finding]:
    """What in files, or in all files of folders, could name a patient; files without a finding do not occur.

    Args:
        show: do not mask values.

    Raises:
        InputError: there is no such file or folder, or a folder holds more than 10,000 files.
    """
    wanted = [one for path in paths for one in _files_of(Path(path))]
    found = [finding for file, name in wanted for finding in in_name(file, name, show)]
    for start in range(0, len(wanted), AT_ONCE):
        found += _in_child(wanted[start : start + AT_ONCE], show)
    return merge(found)


def _files_of(path: Path) -> Iterator[tuple[Path, str]]:
    """Files, and how they are called in findings."""
    if path.is_file():
        yield path, path.name
        return
    if not path.is_dir():
        raise InputError(f"There is no file or folder at {path}. Check the path.")
    files = sorted(one for one in path.rglob("*") if one.is_file() and not one.is_symlink())
    if len(files) > MOST_FILES:
        raise InputError(
            f"{path} holds {len(files):,} files; at most {MOST_FILES:,} are checked at once. Name its parts."
        )
    yield from ((one, str(one.relative_to(path))) for one in files)


def in_name(path: Path, name: str, show: bool) -> Iterator[Finding]:
    """What the file's name, and the folders below the one that was given, tell."""
    *folders, last = Path(name).parts
    for folder in folders:
        for code, part in personal_parts(folder):
            yield Finding(code, _named(name, show), "name of a folder", shown(part, show))
    for code, part in personal_parts(_stem(last)):
        yield Finding(code, _named(name, show), "file name", shown(part, show), done=IN_A_NAME)


def _stem(name: str) -> str:
    for suffix in (".gz", ".ome"):
        name = name.removesuffix(suffix)
    return Path(name).stem if "." in name else name


def _named(name: str, show: bool) -> str:
    """A file in a report: a name that looks personal is masked there too, but its ending stays."""
    if show or not any(True for part in Path(name).parts for _ in personal_parts(_stem(part))):
        return name
    return shown(str(Path(name).with_suffix("")), False) + Path(name).suffix


def _in_child(files: Sequence[tuple[Path, str]], show: bool) -> list[Finding]:
    """All files in one process; one that crashes it is named, and another process goes on behind it."""
    found: list[Finding] = []
    left = list(files)
    while left:
        answers, reason = _ask(left, show)
        for (_, name), answer in zip(left, answers, strict=False):
            label = _named(name, show)
            found += [Finding(**{**one, "file": label}) for one in answer]
        left = left[len(answers) :]
        if left and reason:
            found.append(Finding("not-checked", _named(left[0][1], show), reason))
            left = left[1:]
    return found


def _ask(files: Sequence[tuple[Path, str]], show: bool) -> tuple[list[list[dict]], str]:
    """Findings of as many files as were reached, and why no more were."""
    seconds = SECONDS + SECONDS_PER_FILE * len(files)
    root = str(Path(__file__).parents[2])
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH")))),
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    request = {
        "paths": [str(path.absolute()) for path, _ in files],
        "memory": MEMORY_BYTES,
        "seconds": seconds,
        "show": show,
    }
    command = [sys.executable, "-P", "-m", "survviz.phi.child"]
    try:
        done = subprocess.run(
            command,
            input=json.dumps(request).encode(),
            capture_output=True,
            env=environment,
            timeout=seconds,
            check=False,
        )
        output, reason = done.stdout, f"reading it ended the process (exit status {done.returncode}); it is damaged"
    except subprocess.TimeoutExpired as error:
        output, reason = error.stdout or b"", "reading it took too long; it is damaged"
    lines = output.decode(errors="replace").split("\n")[:-1]  # a line without its end was cut off
    return [json.loads(line) for line in lines], reason
