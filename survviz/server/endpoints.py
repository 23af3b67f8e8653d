"""Whether the app is well, and how much it does: `/survviz/healthz`, `/survviz/metrics`. Neither tells of a patient."""

from __future__ import annotations

import hmac
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from survviz import __version__, jobs
from survviz.deployment import may, settings
from survviz.errors import SurvvizError
from survviz.jobs.line import waiting
from survviz.server.auth import owner_of_cookies
from survviz.workspace import workspace

TOKEN_VARIABLE = "SURVVIZ_METRICS_TOKEN"
NEVER = {"cache-control": "no-store"}
LEAST_FREE = 256 << 20
Labels = Mapping[str, str]


def routes(base: str) -> list[BaseRoute]:
    """The routes.

    Args:
        base: "" or "/" and Streamlit's base path.
    """
    return [Route(base + "/survviz/healthz", _health), Route(base + "/survviz/metrics", _metrics)]


async def _health(request: Request) -> Response:
    """200 while the app can work; 503 with the reason where its settings are wrong or its folder cannot be written."""
    reason = await run_in_threadpool(_why_unwell)
    content = {"status": "unwell", "reason": reason} if reason else {"status": "ok"}
    return JSONResponse(content, 503 if reason else 200, NEVER)


def _why_unwell() -> str:
    try:
        settings()
        folder = workspace()
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"0")
    except SurvvizError:
        return "The settings or the workspace cannot be used; the app's log says why."
    except OSError as error:
        return f"The workspace cannot be written ({error.strerror})."
    return "The disk is almost full." if shutil.disk_usage(folder).free < LEAST_FREE else ""


async def _metrics(request: Request) -> Response:
    """Numbers in the text format of Prometheus, for its token or for a role with the right "metrics"."""
    if not _has_token(request) and not may(owner_of_cookies(request.cookies) or "", "metrics"):
        words = f"Send `Authorization: Bearer` with the token of {TOKEN_VARIABLE}, or sign in as an administrator."
        return JSONResponse({"error": words}, 403, NEVER)
    text = await run_in_threadpool(lambda: "\n".join(_lines()) + "\n")
    return PlainTextResponse(text, headers=NEVER, media_type="text/plain; version=0.0.4")


def _has_token(request: Request) -> bool:
    token = os.environ.get(TOKEN_VARIABLE, "")
    given = request.headers.get("authorization", "").removeprefix("Bearer ")
    return bool(token) and hmac.compare_digest(given.encode(), token.encode())


def _lines() -> Iterator[str]:
    yield from _gauge("survviz_info", "Version of the app.", [({"version": __version__}, 1)])
    counts = [({"kind": kind, "state": state}, number) for (kind, state), number in sorted(jobs.count_states().items())]
    yield from _gauge("survviz_jobs", "Jobs that are still on disk, by kind and state.", counts)
    lines = [({"row": row}, waiting(row)) for row in ("slot", "training")]
    yield from _gauge("survviz_jobs_in_line", "Jobs that wait for a place.", lines)
    disk = shutil.disk_usage(workspace())
    yield from _gauge("survviz_disk_free_bytes", "Of the disk of SURVVIZ_HOME.", [({}, disk.free)])
    yield from _gauge("survviz_disk_bytes", "Of the disk of SURVVIZ_HOME.", [({}, disk.total)])
    if Path("/proc/self/statm").exists():
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        yield from _gauge("survviz_memory_bytes", "Of the server.", [({}, pages * os.sysconf("SC_PAGE_SIZE"))])


def _gauge(name: str, words: str, values: Sequence[tuple[Labels, int]]) -> Iterator[str]:
    yield f"# HELP {name} {words}"
    yield f"# TYPE {name} gauge"
    for labels, value in values:
        inside = ",".join(f'{key}="{text}"' for key, text in labels.items())
        yield f"{name}{{{inside}}} {value}" if inside else f"{name} {value}"
