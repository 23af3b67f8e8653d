"""What happens on a disk that is full or read-only: run inside a mount namespace of its own.

`python -m tests.faults.on_disk FOLDER MODE`: FOLDER becomes a small disk, MODE is "full" or "read-only". Every deed is
tried while the disk is good, while it is not, and when it is good again; what was said is written as JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

SIZE = "24m"
CONTENT = os.urandom(3 << 20)


def shell(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True)


class Disk:
    """A small disk that can be filled, emptied and made read-only."""

    def __init__(self, folder: Path, mode: str) -> None:
        self.folder, self.mode, self.ballast = folder, mode, folder / "ballast"
        shell("mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder))

    def spoil(self) -> None:
        if self.mode == "read-only":
            from survviz.server import store

            store.close()  # the system makes no disk read-only on which a file is open for writing
            shell("mount", "-o", "remount,ro", str(self.folder))
            return
        with self.ballast.open("wb", buffering=0) as file:
            for size in (1 << 20, 1 << 12, 1):
                try:
                    while True:
                        file.write(bytes(size))
                except OSError:
                    continue

    def mend(self) -> None:
        if self.mode == "read-only":
            shell("mount", "-o", "remount,rw", str(self.folder))
        else:
            self.ballast.unlink()


def said(deed: Callable[[], Any]) -> Any:
    """What a deed answers, or the words of its refusal; anything else is a fault of ours."""
    from survviz.errors import SurvvizError

    try:
        return {"ok": deed()}
    except SurvvizError as error:
        return {"refused": str(error)}
    except Exception as error:  # noqa: BLE001 (the test says which)
        return {"fault": f"{type(error).__name__}: {error}"}


def upload_part(client: Any, start: int, stop: int) -> Any:
    answer = client.put(
        "/sv/upload/faults-upload-1",
        params={"name": "a.csv", "size": len(CONTENT), "offset": start},
        content=CONTENT[start:stop],
        headers={"origin": "http://testserver"},
    )
    return {"status": answer.status_code, **answer.json()}


def job_of(slide: Path) -> Any:
    """Start an encoding and wait for its end."""
    from survviz import jobs

    name = jobs.submit("extract", {"slide": str(slide)}, owner="o")
    pause = threading.Event()
    until = time.monotonic() + 240
    while time.monotonic() < until:
        found = jobs.status(name)
        if found.finished:
            return {"state": found.state, "error": found.error}
        pause.wait(0.2)
    return {"state": "still there"}


def spend() -> Any:
    from survviz.privacy.ledger import Ledger
    from survviz.privacy.spec import PrivacySpec

    spec = PrivacySpec(
        ledger="session", unit="one record", neighbour="any two records", mechanism="test", epsilon=0.5, delta=0.0,
        composition="alone", protects="a test", does_not_protect=("anything else",),
    )  # fmt: skip
    ledger = Ledger("session", folder=Path(os.environ["SURVVIZ_HOME"]) / "ledger")
    return ledger.spend("patient", spec, session="s", act="release").spent_epsilon


def spent() -> Any:
    from survviz.privacy.ledger import Ledger

    return Ledger("session", folder=Path(os.environ["SURVVIZ_HOME"]) / "ledger").balance("patient").spent_epsilon


def deeds(slide: Path) -> dict[str, Callable[[], Any]]:
    """Name -> deed; each is done in every state of the disk."""
    from survviz.deployment.audit import record
    from survviz.server import register_slide, store
    from survviz.server.store import Grant

    return {
        "job": lambda: job_of(slide),
        "ledger": spend,
        "audit": lambda: record("o" * 32, "opened", note="x" * 5000),  # more than the last page has room for
        "grant": lambda: store.put([Grant("t" * 24, "o" * 32, "slide", {"path": "p"})]),
        "slide": lambda: register_slide("o" * 32, slide)["width"],
        "health": lambda: None,
    }


def main() -> None:
    folder, mode = Path(sys.argv[1]), sys.argv[2]
    from tests.jobs.test_jobs import tissue_slide

    slides = folder.parent / "slides"
    slides.mkdir(exist_ok=True)
    slide = tissue_slide(slides / "s.tif")
    home = folder / "home"
    os.environ |= {"SURVVIZ_HOME": str(home), "SURVVIZ_SLIDES": str(slides), "OMP_NUM_THREADS": "1"}
    disk = Disk(folder, mode)
    home.mkdir()
    (home / "config.toml").write_text("[audit]\nenabled = true\n")

    from starlette.applications import Starlette
    from starlette.testclient import TestClient

    import survviz.server.uploads as uploads
    from survviz.server import endpoints, routes
    from survviz.server.auth import cookie_name, new_owner, sign_owner

    uploads.KEEP_FREE = endpoints.LEAST_FREE = 0  # the small disk has no gigabyte to keep
    owner = new_owner()
    found: dict[str, Any] = {}
    with TestClient(Starlette(routes=routes()), cookies={cookie_name(): sign_owner(owner)}) as client:
        half = len(CONTENT) // 2
        steps: dict[str, Callable[[], None]] = {"good": lambda: None, "bad": disk.spoil, "mended": disk.mend}
        parts = {"good": (0, half), "bad": (half, len(CONTENT)), "mended": (half, len(CONTENT))}
        for state, change in steps.items():
            change()
            start, stop = parts[state]
            if state == "mended":
                start = uploads.list_unfinished(owner)[0].received
            now = {"upload": said(lambda a=start, b=stop: upload_part(client, a, b))}
            now |= {name: said(deed) for name, deed in deeds(slide).items()}
            answer = client.get("/survviz/healthz")
            now["health"] = {"ok": answer.status_code}
            found[state] = now
        name = found["mended"]["upload"]["ok"].get("name", "")
        whole = uploads.uploaded_file(owner, name).read_bytes() == CONTENT if name else False
        found["upload is whole"] = whole
        found["spent"] = said(spent)
    sys.stdout.write("RESULT " + json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
