"""Finished parts of a cohort run on disk, so that a killed run goes on after them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file


@dataclass(frozen=True, slots=True)
class Part:
    """Some cases of a run: rows of `CohortResults.table`, their curves, and who was not scored."""

    rows: list[dict[str, Any]]
    survival: NDArray[np.float32]
    not_scored: list[dict[str, str]]


def write_part(path: Path, part: Part) -> None:
    """Keep a finished part; the file appears whole."""
    fresh = path.with_suffix(".tmp")
    known = json.dumps({"rows": part.rows, "not_scored": part.not_scored}, ensure_ascii=False)
    save_file({"survival": np.ascontiguousarray(part.survival)}, fresh, metadata={"part": known})
    fresh.replace(path)


def read_part(path: Path) -> Part | None:
    """A part that an earlier process finished; None where there is none, or a damaged one."""
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="numpy") as file:
            known = json.loads((file.metadata() or {})["part"])
            return Part(known["rows"], file.get_tensor("survival"), known["not_scored"])
    except (OSError, SafetensorError, ValueError, KeyError):
        return None
