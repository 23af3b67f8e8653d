"""The committed results, and runs that replace a part of them."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.harness.machine import ROOT, machine, versions

LATEST = ROOT / "benchmarks" / "results" / "latest.json"


def read(path: Path = LATEST) -> dict[str, Any]:
    """The committed results; without any, an empty document."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"groups": {}}


def merged(old: Mapping[str, Any], groups: Mapping[str, Any], known: list[str], device: str) -> dict[str, Any]:
    """The groups that ran take the place of theirs; groups that exist no more are dropped; failed ones keep the old.

    Machine and versions are those of this run; every group keeps its own date, commit and load.
    """
    fine = {name: found for name, found in groups.items() if "error" not in found}
    both = dict(old["groups"]) | fine
    return {
        "machine": machine(device),
        "versions": versions(),
        "groups": {name: both[name] for name in known if name in both},
    }


def put(groups: Mapping[str, Any], known: list[str], device: str, path: Path = LATEST) -> None:
    """Merge into the file; two runs at once wait for each other."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        write(merged(read(path), groups, known, device), path)
    finally:
        os.close(folder)


def write(document: Mapping[str, Any], path: Path = LATEST) -> None:
    """To a temporary name, then renamed."""
    new = path.with_suffix(".new")
    new.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    os.replace(new, path)
