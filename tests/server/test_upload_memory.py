"""A file of 5 GB goes to the disk, not into memory."""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from survviz.server.auth import cookie_name, sign_owner
from survviz.server.folders import upload_folder

ROOT = Path(__file__).parents[2]
GB = 10**9
PART = 32 * 2**20
ALLOWED_MB = 48

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads memory from /proc, which is Linux's"),
]


@pytest.fixture
def app(survviz_home: Path) -> Iterator[tuple[int, int]]:
    """(port, process id) of the whole app on this test's workspace."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
    environment = {**os.environ, "SURVVIZ_HOME": str(survviz_home)}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
    pause = threading.Event()
    for _ in range(300):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=5).close()
            break
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            pause.wait(0.1)
    yield port, process.pid
    process.terminate()
    process.wait(20)
    shutil.rmtree(survviz_home / "uploads")  # pytest would keep 5 GB


def peak_mb(process: int) -> float:
    """The most memory that a process has ever held."""
    return int(Path(f"/proc/{process}/status").read_text().partition("VmHWM:")[2].split()[0]) / 1024


def test_an_upload_of_5_gb_does_not_enter_memory(app: tuple[int, int], owner: str, tmp_path: Path) -> None:
    port, process = app
    sparse = tmp_path / "huge.svs"
    with sparse.open("wb") as file:
        file.truncate(5 * GB)
    headers = {"Cookie": f"{cookie_name()}={sign_owner(owner)}", "Origin": f"http://127.0.0.1:{port}"}
    connection = http.client.HTTPConnection("127.0.0.1", port)
    peaks = []
    with sparse.open("rb") as file:
        for offset in range(0, 5 * GB, PART):
            path = f"/sv/upload/abcdefgh?name=huge.svs&size={5 * GB}&offset={offset}"
            connection.request("PUT", path, file.read(PART), headers)
            answer = connection.getresponse()
            assert answer.status == 200, answer.read()
            answer.read()
            peaks.append(peak_mb(process))
    connection.close()
    assert (upload_folder(owner) / "huge.svs").stat().st_size == 5 * GB
    assert peaks[-1] - peaks[0] < ALLOWED_MB, f"from {peaks[0]:.0f} MB after the first part to {peaks[-1]:.0f} MB"
    sys.stdout.write(f"server memory: {peaks[0]:.1f} MB after 32 MiB, at most {peaks[-1]:.1f} MB over 5 GB\n")
