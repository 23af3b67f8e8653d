"""Jobs as the browser follows them: how far one is, asked by its token, so that no page has to run again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from survviz import jobs
from survviz.errors import InputError
from survviz.server import store
from survviz.server.auth import token_for
from survviz.server.store import Grant


def register_job(owner: str, job_id: str, about: Mapping[str, Any]) -> str:
    """Let an owner follow a job; returns the token of `GET /sv/job/{token}.json`.

    Args:
        about: what it computes; `jobs_about` finds it again by this.
    """
    token = token_for(owner, "job", job_id)
    store.put([Grant(token, owner, "job", {"job": job_id, **about})])
    return token


def jobs_about(owner: str, about: Mapping[str, Any]) -> list[tuple[Grant, jobs.JobStatus]]:
    """An owner's jobs whose description has these entries, newest first; forgotten jobs are left out."""
    found = []
    for grant in store.all_of(owner, "job"):
        if about.items() <= grant.payload.items():
            try:
                found.append((grant, jobs.status(grant.payload["job"])))
            except InputError:  # removed from disk after some days
                continue
    return sorted(found, key=lambda one: one[1].created, reverse=True)


def cancel_job(owner: str, token: str) -> None:
    """Ask a job to stop.

    Raises:
        InputError: it is not one of this owner's jobs.
    """
    grant = store.get(token, "job", owner)
    if grant is None:
        raise InputError("This computation is not known for this browser. Reload the page.")
    jobs.cancel(grant.payload["job"])


def _progress(request: Request, grant: Grant) -> Response:
    now = jobs.status(grant.payload["job"])
    names = ("state", "done", "total", "message", "error")
    return JSONResponse({name: getattr(now, name) for name in names}, headers={"cache-control": "no-store"})


def routes(prefix: str, limited: Callable[..., Any], quick: Callable[..., Any]) -> list[BaseRoute]:
    """The route; `quick` answers only the owner of the token, as in `survviz.server.routes`."""
    return [Route(prefix + "/job/{token}.json", quick("job", _progress))]
