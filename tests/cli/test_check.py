"""`survviz check`: what it says, when it fails, what it writes."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from survviz.cli.app import app
from survviz.data.cohort import load_cohort

N = 30


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "patients.csv"
    cells = {
        "id": [f"P{i}" for i in range(N)],
        "OS_MONTHS": [0 if i == 7 else 3 + i for i in range(N)],
        "OS_STATUS": ["1:DECEASED" if i % 3 == 0 else "0:LIVING" for i in range(N)],
        "age": range(40, 40 + N),
    }
    pd.DataFrame(cells).to_csv(path, index=False)
    return path


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["check", *map(str, arguments)], catch_exceptions=False)
    return result.exit_code, result.stdout


def test_an_error_gives_exit_code_1_and_the_option_that_mends_it(table: Path, tmp_path: Path) -> None:
    code, said = run(table, "--out", tmp_path / "cohort")
    assert code == 1
    assert "1:deceased = event, 10 of 30; 0:living = censored" in said
    assert "ERROR  [zero-times]" in said
    assert "--fix zero-times" in said
    assert not (tmp_path / "cohort").exists()


def test_a_fix_that_is_asked_for_is_done_and_said(table: Path, tmp_path: Path) -> None:
    code, said = run(table, "--fix", "zero-times", "--out", tmp_path / "cohort", "--name", "Mine")
    assert code == 0
    assert "MENDED  Leave out 1 row of patients.csv" in said
    cohort = load_cohort(tmp_path / "cohort")
    assert (cohort.name, len(cohort), int(cohort.event.sum())) == ("Mine", N - 1, 10)


def test_a_saved_plan_is_replayed(table: Path, tmp_path: Path) -> None:
    run(table, "--fix", "all-recommended", "--save-plan", tmp_path / "plan.json", "--out", tmp_path / "one")
    code, _ = run(table, "--plan", tmp_path / "plan.json", "--out", tmp_path / "two")
    assert code == 0
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


def test_patients_of_the_training_cohort_are_named(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    code, said = run(root / "sample_data" / "clinical.csv", "--checkpoint", root / "checkpoints" / "demo-survpgc")
    assert code == 0
    assert "[training-overlap]" in said
    assert "patients were in the training cohort of demo-survpgc" in said


def test_json_holds_all_rows_and_the_fixes(table: Path) -> None:
    code, said = run(table, "--json")
    document = json.loads(said)
    assert (code, document["ready"], document["n_cases"], document["n_events"]) == (1, False, N, 10)
    (found,) = [one for one in document["findings"] if one["severity"] == "error"]
    assert (found["code"], found["rows"]) == ("zero-times", ["row 9"])
    assert found["fixes"][0]["fix"]["kind"] == "drop-rows"
