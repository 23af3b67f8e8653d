"""Groups one after the other, each in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.harness.cell import Group
from benchmarks.harness.machine import ROOT

KEPT_LINES = 15


def chosen(groups: Sequence[Group], only: Sequence[str], device: str, quick: bool) -> list[Group]:
    """The groups that `only` names or whose names begin so (all without), that can run there."""
    for prefix in only:
        if not any(group.name.startswith(prefix) for group in groups):
            raise SystemExit(f"no group begins with {prefix!r}; there are {', '.join(group.name for group in groups)}")
    names = {group.name for group in groups}

    def begins_so(name: str) -> bool:
        return any(name.startswith(prefix) for prefix in only if prefix not in names)

    return [
        group
        for group in groups
        if (group.name in only or (not group.when_named and (not only or begins_so(group.name))))
        and device in group.devices
        and (group.quick or not quick)
    ]


def run_groups(
    groups: Sequence[Group], device: str, quick: bool, nice: int = 0
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and result of each; a group that failed has "error"."""
    for group in groups:
        yield group.name, run_group(group, device, quick, nice)


def run_group(group: Group, device: str, quick: bool, nice: int = 0) -> dict[str, Any]:
    """In a process of its own, which is ended with its children when its time is over."""
    with tempfile.TemporaryDirectory(prefix="survviz-bench-") as folder:
        out = Path(folder) / "result.json"
        command = [
            sys.executable,
            "-m",
            "benchmarks.harness.child",
            group.name,
            str(out),
            "--device",
            device,
            "--nice",
            str(nice),
        ]
        process = subprocess.Popen(
            command + ["--quick"] * quick, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            start_new_session=True, env=os.environ | {"OMP_NUM_THREADS": str(group.threads)},
        )  # fmt: skip
        try:
            said, _ = process.communicate(timeout=group.limit_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return {"error": f"took longer than {group.limit_s:.0f} s", "cells": {}}
        if process.returncode or not out.exists():
            tail = "\n".join(said.splitlines()[-KEPT_LINES:])
            return {"error": f"exit {process.returncode}: {tail}", "cells": {}}
        return json.loads(out.read_text(encoding="utf-8"))
