"""`survviz study` on the bundled sample."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from survviz.cli.app import app
from survviz.study import AnswerLog, Timing, load_study, map_of, reader_plan
from survviz.study.enabled import marker, study_path

ROOT = Path(__file__).parents[2]
SOURCE = ["--cohort", str(ROOT / "sample_data"), "--checkpoint", str(ROOT / "checkpoints" / "demo-survpgc")]


def run(*words: str) -> str:
    result = CliRunner().invoke(app, ["study", *words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    run("init", str(tmp_path / "mine"), *SOURCE, "--case", "SV07-0026", "--case", "SV07-0062", "--case", "SV07-0150")
    return tmp_path / "mine"


def test_init_freezes_maps_that_sum_as_the_model_says_and_enables_the_page(folder: Path) -> None:
    study = load_study(folder)
    assert study.tutorial is not None
    assert study.tutorial.name == "SV07-0026-DX1"
    assert [case.name for case in study.cases] == ["SV07-0062-DX1", "SV07-0150-DX1"]
    assert study_path() == folder / "study.toml"
    for case in study.cases:
        assert map_of(study, case.name, "real").values.mean() == pytest.approx(1, abs=1e-5)  # one slide per case
        assert (study.folder / case.slide).is_file()


def test_study_folder_holds_no_outcome(folder: Path) -> None:
    text = (folder / "study.toml").read_text()
    values = tomllib.loads(text)
    assert set(values["cases"][0]) == {"name", "slide", "map", "mpp"}
    clinical = (ROOT / "sample_data" / "clinical.csv").read_text().splitlines()
    row = next(line for line in clinical if line.startswith("SV07-0062,")).split(",")
    numbers = [word for word in row[1:] if "." in word]
    assert numbers
    assert not any(number in text for number in numbers)


def test_a_study_is_never_overwritten(folder: Path) -> None:
    result = CliRunner().invoke(app, ["study", "init", str(folder), *SOURCE])
    assert "is there already" in str(result.exception)


def test_no_enable_leaves_the_app_as_it_is(tmp_path: Path) -> None:
    words = run("init", str(tmp_path / "one"), *SOURCE, "--no-enable", "--case", "SV07-0026", "--case", "SV07-0062")
    assert not marker().exists()
    assert "SURVVIZ_READER_STUDY=" in words


def test_export_and_analyse_say_what_was_answered(folder: Path, tmp_path: Path) -> None:
    study = load_study(folder)
    for reader in study.readers:
        log = AnswerLog(study, reader)
        for one in reader_plan(study, reader):
            for question in study.questions:
                value = {"patch": 0, "x": 0, "y": 0} if question.kind == "region" else 2
                log.add(one, question.name, value, Timing(0, 1, 1500))
    written = json.loads(run("export", str(folder), "--out", str(tmp_path / "out"), "--json"))["written"]
    assert len(Path(written[0]).read_text().splitlines()) == 1 + 2 * 2 * 4
    results = json.loads(run("analyse", str(folder), "--json", "--resamples", "50"))
    assert (results["n_readers"], results["complete"], results["n_answers"]) == (2, 2, 16)
    assert all(row["value"] is None and row["reason"] for row in results["agreement"])  # everybody said 2
    table = run("analyse", str(folder), "--resamples", "50")
    assert "undefined: " in table
    assert "seconds" in table
    assert "6.00" in table
