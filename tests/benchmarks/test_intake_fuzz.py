"""Mutated tables end in findings, never in a failure; the full run is `python -m benchmarks.intake_fuzz`."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from benchmarks.intake_fuzz import fuzz, mutated, write_files


def test_a_seed_makes_the_same_files(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write_files(tmp_path / name, 7)
    first, other = ({file.name: file.read_bytes() for file in (tmp_path / name).iterdir()} for name in ("a", "b"))
    assert first == other


def test_a_mutation_changes_most_files() -> None:
    data = b"case_id,time,event\n" + b"P1,10,1\n" * 50
    assert sum(mutated(data, random.Random(seed)) != data for seed in range(100)) > 80


@pytest.mark.parametrize(("first", "n_files"), [(0, 20), pytest.param(50_000, 1000, marks=pytest.mark.slow)])
def test_mutated_files_give_findings_within_time_and_memory(first: int, n_files: int) -> None:
    rows = list(fuzz(first, n_files))
    assert [row["seed"] for row in rows] == list(range(first, first + n_files))
    assert not [row for row in rows if "error" in row]
    assert max(float(str(row["peak_mb"])) for row in rows) < 1024


def test_a_file_that_takes_too_long_is_a_failure_and_the_next_one_is_tried() -> None:
    rows = [row for row, _ in zip(fuzz(0, 3, seconds=0.0), range(3), strict=False)]
    assert all("hangs" in str(row.get("error")) for row in rows if row["seed"] is not None)
