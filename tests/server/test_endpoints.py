"""Health and metrics, and the limits per person in words."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from survviz import jobs
from survviz.deployment import Person, remember
from survviz.errors import InputError
from survviz.jobs.processes import start_time
from survviz.jobs.state import JobStatus, new_id, write_state
from survviz.server import middleware, routes
from survviz.server.auth import cookie_name, new_owner, sign_owner
from survviz.server.folders import cohort_folder
from survviz.workspace import workspace

Write = Callable[[str], Path]
PEOPLE = '[sign_in]\nby = "header"\nproxies = ["127.0.0.1", "::1"]\n[roles]\nadmin = ["ann@clinic.org"]\n'


def client(base: str = "", **headers: str) -> TestClient:
    app = Starlette(routes=routes(base), middleware=middleware())
    return TestClient(app, client=("127.0.0.1", 4711), headers=headers)


def a_job(state: str, owner: str = "") -> None:
    folder = workspace("jobs", new_id())
    write_state(folder, JobStatus(folder.name, "extract", state, owner=owner))  # type: ignore[arg-type]
    (folder / "process.json").write_text(json.dumps({"pid": os.getpid(), "started": start_time(os.getpid())}))


@pytest.mark.parametrize("base", ["", "tools/survviz"])
def test_a_well_app_says_so_below_its_base_path(base: str) -> None:
    answer = client(base).get(f"/{base}/survviz/healthz" if base else "/survviz/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_health_is_answered_without_a_person(write_settings: Write) -> None:
    write_settings(PEOPLE)
    assert client().get("/survviz/healthz").status_code == 200


def test_wrong_settings_make_it_unwell_without_telling_them(write_settings: Write) -> None:
    app = Starlette(routes=routes())
    write_settings("[limits]\njobs = 'secret'\n")
    answer = TestClient(app).get("/survviz/healthz")
    assert answer.status_code == 503
    assert "secret" not in answer.text


def test_metrics_are_prometheus_text_without_names() -> None:
    a_job("done", "somebody")
    a_job("running", "somebody")
    text = client().get("/survviz/metrics").text
    assert 'survviz_jobs{kind="extract",state="done"} 1\n' in text
    assert 'survviz_jobs_in_line{row="slot"} 0\n' in text
    assert "somebody" not in text
    for line in text.splitlines():
        assert re.fullmatch(r'# (HELP|TYPE) survviz_\w+ .+|survviz_\w+(\{(\w+="[^"]*",?)+\})? \d+', line), line


def test_metrics_ask_for_the_token_or_the_right(write_settings: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    write_settings(PEOPLE + 'viewer = ["@clinic.org"]\n')
    monkeypatch.setenv("SURVVIZ_METRICS_TOKEN", "t0ken")
    given = ({}, {"authorization": "Bearer no"}, {"x-forwarded-email": "bob@clinic.org"})
    assert [client(**headers).get("/survviz/metrics").status_code for headers in given] == [403, 403, 403]
    given = ({"authorization": "Bearer t0ken"}, {"x-forwarded-email": "ann@clinic.org"})
    assert [client(**headers).get("/survviz/metrics").status_code for headers in given] == [200, 200]


def test_an_empty_token_opens_nothing(write_settings: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    write_settings(PEOPLE)
    monkeypatch.setenv("SURVVIZ_METRICS_TOKEN", "")
    assert client(authorization="Bearer ").get("/survviz/metrics").status_code == 403


def put(owner: str, name: str, size: int, upload: str = "abcdefgh", body: bytes = b"a"):
    app = TestClient(Starlette(routes=routes()), cookies={cookie_name(): sign_owner(owner)})
    query = {"name": name, "size": size, "offset": 0}
    return app.put(f"/sv/upload/{upload}", content=body, params=query, headers={"origin": "http://testserver"})


def test_a_file_over_the_limit_is_refused(write_settings: Write) -> None:
    write_settings("[limits]\nupload_gb = 0.001\n")
    owner = new_owner()
    answer = put(owner, "a.csv", 1_000_001)
    assert answer.status_code == 413
    assert "a.csv has 1.0 MB; at most 1.0 MB fit here" in answer.json()["error"]
    assert put(owner, "a.csv", 1_000_000).status_code == 200


def test_the_disk_of_a_person_counts_cohorts_and_what_is_announced(write_settings: Write) -> None:
    write_settings("[limits]\ndisk_gb = 0.001\n")
    owner = new_owner()
    (cohort_folder(owner) / "table.csv").write_bytes(b"0" * 400_000)
    assert put(owner, "a.csv", 500_000).status_code == 200
    assert put(owner, "b.csv", 200_000, "bcdefghi").status_code == 413
    assert put(owner, "b.csv", 99_000, "bcdefghi").status_code == 200
    assert put(new_owner(), "b.csv", 900_000).status_code == 200


def test_a_person_may_have_so_many_jobs(write_settings: Write) -> None:
    write_settings("[limits]\njobs = 2\n")
    ann = remember(Person("ann@clinic.org"))
    for state, owner in (("running", ann), ("done", ann), ("running", "other"), ("queued", ann)):
        a_job(state, owner)
    with pytest.raises(InputError, match="You have 2 computations waiting or running; one person may have 2"):
        jobs.submit("extract", {"slide": "a.svs"}, owner=ann)


def test_a_base_path_that_streamlit_was_not_started_with_is_said(write_settings: Write) -> None:
    write_settings('base_path = "/tools/survviz/"\n')
    assert routes("tools/survviz")
    with pytest.raises(InputError, match=r"base_path = '/tools/survviz/', and Streamlit was started with ''"):
        routes("")
