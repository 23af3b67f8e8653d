"""Shared fixtures: where the real data lies, a workspace per test, a browser."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

# Before anything loads torch, and for every process that a test starts: two workers, a browser and a server share few
# cores, where threads that wait for one another make a sum of a second last a minute.
os.environ.setdefault("OMP_NUM_THREADS", "1")

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared" / "data"


def missing(reason: str) -> None:
    """Skip on a laptop, fail under CI: there nothing is silently skipped."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{reason} (CI must have it)")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data (marker `real`)."""
    if not SHARED.is_dir():
        missing(f"no real data at {SHARED}")
    return SHARED


@pytest.fixture(autouse=True)
def survviz_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh workspace for every test."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("SURVVIZ_HOME", str(home))
    return home


@pytest.fixture
def write_settings(survviz_home: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Writes the settings file of the test's workspace, each time with a later stamp."""
    for name in ("SURVVIZ_CONFIG", "FORWARDED_ALLOW_IPS"):
        monkeypatch.delenv(name, raising=False)
    stamps = count(1_000_000_000)

    def write(text: str) -> Path:
        path = survviz_home / "config.toml"
        path.write_text(text)
        stamp = next(stamps)
        os.utime(path, (stamp, stamp))
        return path

    return write


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of a Chromium binary (marker `browser`)."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    missing("no Chromium found; install Debian's package chromium")
    raise AssertionError
