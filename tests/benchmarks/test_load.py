"""A minute of the load run, with one person of each kind."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from benchmarks.load.__main__ import CROWD, crowd, prepare, table
from benchmarks.load.server import app_running

pytestmark = pytest.mark.slow


def test_one_person_of_each_kind_does_everything_once_and_nothing_fails(tmp_path: Path) -> None:
    prepare(tmp_path, n_slides=8)
    with app_running(tmp_path) as app:
        people = asyncio.run(crowd(app, 1.5, dict.fromkeys(CROWD, 1), n_slides=8))
    assert [deed for one in people for deed in one.deeds if deed.problem] == []
    assert "Traceback" not in (tmp_path / "log.txt").read_text(errors="replace")
    done = table(people)
    for deed in ("pan", "another age", "Kaplan-Meier by other groups", "encode it, the wait in line counted"):
        assert done[deed]["n"] >= 1, deed
    assert all(one.milliseconds for one in people if one.name.startswith("looks"))
    assert len(app.samples) > 3
