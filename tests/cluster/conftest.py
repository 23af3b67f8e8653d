"""A Ray cluster of this machine, started once per module."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from survviz.cluster import Ray
from survviz.cluster.on_ray import connected
from survviz.errors import InputError
from tests.conftest import ROOT, missing


@pytest.fixture(scope="module")
def two_workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ray]:
    """Two places on a cluster that this process has joined."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SURVVIZ_HOME", str(tmp_path_factory.mktemp("home")))
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))))
        patch.setenv("RAY_AUTH_TOKEN", "0123456789abcdef" * 4)
        try:
            with connected(Ray(workers=2)) as ray:
                yield Ray(address=ray.get_runtime_context().gcs_address)
        except InputError as error:
            missing(str(error))


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    """A pipe with a name: who opens it for reading waits for the process that tells who it is."""
    path = tmp_path / "fifo"
    os.mkfifo(path)
    return path
