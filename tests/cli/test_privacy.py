"""`survviz privacy`: the price of moving a slider, of redrawing, and the cap, over separate runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from survviz.cli.app import app
from survviz.errors import InputError, PrivacyError

PLAN = {
    "coordinates": [
        {"kind": "numeric", "name": "age", "lower": 20, "upper": 90},
        {"kind": "category", "name": "stage", "values": ["I", "II", "III", "IV"]},
    ],
    "levels": [1, 2, 4],
}


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    (tmp_path / "plan.json").write_text(json.dumps(PLAN))
    (tmp_path / "record.json").write_text(json.dumps({"age": 61, "stage": "II", "name": "ignored"}))
    return ["--plan", str(tmp_path / "plan.json"), "--record", str(tmp_path / "record.json"), "--subject", "case 17"]


def run(*words: str, code: int = 0) -> dict:
    result = CliRunner().invoke(app, ["privacy", *words, "--json"], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)


def test_levels_cost_the_highest_and_redrawing_costs_again(files: list[str], survviz_home: Path) -> None:
    first = run("release", *files, "--level", "2")
    assert first["balance"]["spent_epsilon"] == 2
    assert run("release", *files, "--level", "1")["balance"]["spent_epsilon"] == 2
    assert run("release", *files, "--level", "2")["values"] == first["values"]
    assert run("release", *files, "--level", "4")["balance"]["spent_epsilon"] == 4
    assert run("release", *files, "--level", "4", "--redraw")["balance"]["spent_epsilon"] == 8
    with pytest.raises(PrivacyError, match="hard cap of 8"):
        run("release", *files, "--level", "1", "--redraw")
    rows = run("ledger", "--subject", "case 17")
    assert [(row["act"], row["epsilon"]) for row in rows["entries"]] == [("view", 2), ("view", 2), ("redraw", 4)]
    assert run("ledger", "--subject", "case 17", "--kind", "training")["entries"] == []
    folder = survviz_home / "privacy" / "ledger"
    assert all(path.stat().st_mode & 0o077 == 0 for path in (folder, *(folder / "draws").iterdir()))


def test_release_says_the_guarantee_and_the_odds(files: list[str]) -> None:
    said = CliRunner().invoke(app, ["privacy", "release", *files, "--level", "1"]).stdout
    assert "between any two possible records" in said
    assert "at most 73 times in 100" in said
    assert "spent 1 of a hard cap of 8" in said


def test_audit_runs_beside_its_positive_control(files: list[str]) -> None:
    found = run("audit", *files[:2], "--level", "1", "--canaries", "200", "--confidence", "0.999999")
    assert found["audit"]["bound"] <= 1 < found["control"]["bound"]


def test_account_says_epsilon_or_noise() -> None:
    found = run("account", "--rate", "0.05", "--steps", "100", "--noise", "2")
    again = run("account", "--rate", "0.05", "--steps", "100", "--epsilon", str(found["epsilon"]))
    assert again["noise_multiplier"] == pytest.approx(2.0, abs=0.002)
    assert found["epsilon"] < found["renyi_epsilon"]


def test_a_plan_by_private_relevance_is_refused(files: list[str]) -> None:
    path = Path(files[1])
    relevance = {"values": {"age": 3, "stage": 1}, "source": "private", "where": "this cohort"}
    path.write_text(json.dumps(PLAN | {"relevance": relevance}))
    with pytest.raises(PrivacyError, match="no finite epsilon"):
        run("release", *files, "--level", "1")
    path.write_text(json.dumps(PLAN | {"relevance": relevance | {"source": "public"}}))
    assert "two-thirds power" in run("release", *files, "--level", "1")["spec"]["mechanism"]


@pytest.mark.parametrize("text", ["{", "[]", '{"coordinates": []}', '{"coordinates": [{"kind": "number"}]}'])
def test_a_file_that_is_no_plan_is_an_error_in_words(files: list[str], text: str) -> None:
    Path(files[1]).write_text(text)
    with pytest.raises(InputError, match=r"plan\.json"):
        run("release", *files, "--level", "1")
