"""`survviz privacy train`, and what every other verb makes of such a checkpoint."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from survviz.cli.app import app
from survviz.errors import InputError, PrivacyError
from tests.training.private_cohort import private_cohort, private_settings


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    cohort = private_cohort(tmp_path_factory.mktemp("cohorts") / "hidden")
    (cohort.folder / "run.json").write_text(private_settings(cohort).model_dump_json())
    return cohort.folder


def run(*words: object) -> str:
    result = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def train(folder: Path, out: Path, *more: object, epsilon: float = 4) -> str:
    command = ("privacy", "train", "--cohort", folder, "--config", folder / "run.json", "--out", out)
    return run(*command, "--delta", 1e-3, "--cap-delta", 1e-2, "--epsilon", epsilon, *more)


def test_training_is_charged_once_and_refused_past_the_cap(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "private"
    found = json.loads(train(folder, out, "--json"))
    epsilon = found["guarantee"]["spec"]["epsilon"]
    assert found["balance"]["spent_epsilon"] == epsilon
    with pytest.raises(PrivacyError, match="past the hard cap of 8"):
        train(folder, tmp_path / "more", epsilon=7)
    rows = json.loads(run("privacy", "ledger", "--kind", "training", "--subject", "hidden", "--json"))["entries"]
    assert [(row["act"], row["epsilon"]) for row in rows] == [("training", epsilon)]
    assert "certified again from its constants" in run("doctor", out)


@pytest.mark.slow
def test_every_verb_reads_the_checkpoint(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "private"
    train(folder, out)
    scored = json.loads(
        run("infer", "-c", out, "--cohort", folder, "--out", tmp_path / "scored", "--device", "cpu", "--json")
    )
    assert (scored["n_scored"], scored["n_out_of_fold"]) == (60, 0)
    said = run("evaluate", "--cohort", folder, "-c", out, "--device", "cpu")
    assert "60" in said
    case = tmp_path / "case.csv"
    case.write_text("age,sex,stage\n61,female,III\n")
    run("predict", "-c", out, "--clinical", case, "--case", "new", "--out", tmp_path / "new", "--device", "cpu")
    assert any((tmp_path / "new").iterdir())


def test_what_looks_at_patients_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="stopping early looks at patients"):
        train(folder, tmp_path / "never", "--set", "patience=3")


def test_the_guarantee_is_said_in_words(folder: Path, tmp_path: Path) -> None:
    said = train(folder, tmp_path / "clear", epsilon=float("inf"))
    for part in ("no finite epsilon", "No bound", "reference patients (not protected)", "runs on the same patients"):
        assert part in said, part
