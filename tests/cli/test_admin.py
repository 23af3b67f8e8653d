"""`survviz admin`: what it prints, and that it deletes only when told to."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

from typer.testing import CliRunner

from survviz.cli.app import app
from survviz.deployment import Person, record, remember
from survviz.server.folders import upload_folder

Write = Callable[[str], Path]


def run(*words: str) -> str:
    result = CliRunner().invoke(app, ["admin", *words])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_audit_log_is_found_by_case_whose_hash_it_holds(write_settings: Write) -> None:
    write_settings("")
    ann = remember(Person("ann@clinic.org"))
    for case in ("P1", "P2"):
        record(ann, "opened", case=case)
    (line,) = run("audit", "--case", "P2").splitlines()
    assert json.loads(line)["who"] == "ann@clinic.org"
    assert len(run("audit", "--who", "Ann@clinic.org", "--what", "opened").splitlines()) == 2
    assert run("audit", "--since", "2999-01-01") == ""


def test_retain_deletes_only_with_yes(write_settings: Write) -> None:
    write_settings("[retention]\nuploads_days = 1\n")
    path = upload_folder("someone") / "old.csv"
    path.write_text("x")
    os.utime(path, (0, 0))
    assert "old.csv" in run("retain")
    assert path.exists()
    assert json.loads(run("retain", "--yes", "--json"))["deleted"] == 1
    assert not path.exists()


def test_check_shows_what_counts(write_settings: Write) -> None:
    write_settings("[limits]\njobs = 4\n")
    assert json.loads(run("check"))["limits"]["jobs"] == 4
