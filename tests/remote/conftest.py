"""A store of S3 on this machine, and a small cohort behind an address of every kind."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import missing
from tests.training.tiny_cohort import write_tiny_cohort

KINDS = ("s3", "file", "memory")


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_cohort(tmp_path_factory.mktemp("remote") / "tiny")


@pytest.fixture(scope="module")
def s3_server() -> Iterator[str]:
    """Moto's server on a free port of the loopback."""
    try:
        from moto.server import ThreadedMotoServer
    except ImportError:
        missing("moto is not installed")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()


@pytest.fixture
def s3(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Its address, with the settings that a user would make."""
    for name, value in {
        "AWS_ENDPOINT_URL": s3_server, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1", "AWS_MAX_ATTEMPTS": "1",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    return s3_server


@pytest.fixture
def publish(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[str, Path], str]]:
    """Puts a folder behind an address of a kind; says which."""
    import fsspec

    counter = itertools.count()
    stores = []

    def put(kind: str, folder: Path) -> str:
        if kind == "s3":
            request.getfixturevalue("s3")
        name = f"{tmp_path.name}-{next(counter)}".replace("_", "-").lower()[-40:].lstrip("-")
        root = {"s3": f"s3://{name}", "file": f"file://{tmp_path / 'published' / name}", "memory": f"memory://{name}"}[
            kind
        ]
        store, path = fsspec.core.url_to_fs(root, **({"skip_instance_cache": True} if kind == "s3" else {}))
        store.mkdirs(path, exist_ok=True)
        store.put(str(folder), f"{path}/cohort", recursive=True)
        stores.append((store, path, kind))
        return f"{root}/cohort"

    yield put
    for store, path, kind in stores:
        if kind == "memory":
            store.rm(path, recursive=True)
