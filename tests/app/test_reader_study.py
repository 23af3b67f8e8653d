"""The reader study's page: hidden unless enabled, blinded, and one step after the other."""

from __future__ import annotations

import csv
import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from survviz.study import AnswerLog, Sitting, load_study
from survviz.study.enabled import STUDY_VARIABLE, enable_study

OpenPage = Callable[..., AppTest]
ROOT = Path(__file__).parents[2]
DEMO = ROOT / "sample_data" / "reader_study"
TIMES = {"shown_at": 1, "answered_at": 2, "elapsed_ms": 1500, "away_ms": 0}
VALUES = {"region": 0, "useful": 4, "tissue": 1, "confidence": 2}


@pytest.fixture
def enabled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(STUDY_VARIABLE, str(DEMO))


def sent(app: AppTest) -> dict[str, Any]:
    """What the component got."""
    return json.loads(app.get("bidi_component")[0].proto.json)


def ready(reader: str = "demo-1") -> Sitting:
    """A reader past consent and tutorial."""
    sitting = Sitting(load_study(DEMO), reader)
    sitting.log.note("consent")
    sitting.log.note("tutorial")
    return sitting


def answer(sitting: Sitting) -> None:
    screen = sitting.place().screen
    assert screen is not None
    assert sitting.take({"kind": "answer", "screen": screen.id, "value": VALUES[screen.question.name], **TIMES})


def test_page_does_not_exist_unless_enabled(open_page: OpenPage) -> None:
    app = open_page("reader_study.py")
    assert not app.exception
    assert not app.get("bidi_component")
    assert app.title[0].value != "Reader study"


@pytest.mark.usefixtures("enabled")
def test_a_stranger_sees_nothing(open_page: OpenPage) -> None:
    app = open_page("reader_study.py")
    app.text_input[0].set_value("somebody")
    app.button[0].click().run()
    assert "No reader has this code" in app.error[0].value
    assert not app.get("bidi_component")


@pytest.mark.usefixtures("enabled")
def test_code_then_consent_then_tutorial(open_page: OpenPage) -> None:
    app = open_page("reader_study.py")
    app.text_input[0].set_value(" DEMO-2 ")
    app.button[0].click().run()
    assert not app.get("bidi_component")
    assert next(one for one in app.button if one.label == "Begin").disabled
    app.checkbox[0].check().run()
    next(one for one in app.button if one.label == "Begin").click().run()
    assert sent(app)["screen"] == "tutorial/0"
    assert AnswerLog(load_study(DEMO), "demo-2").events == ["consent"]


@pytest.mark.usefixtures("enabled")
def test_reload_goes_on_at_the_next_question_and_the_end_says_thanks(open_page: OpenPage) -> None:
    sitting = ready()
    for _ in range(6):
        answer(sitting)
    data = sent(open_page("reader_study.py", reader="demo-1"))
    assert data["screen"] == "1/2"
    assert (data["case"], data["cases"], data["done"], data["total"]) == (2, 5, 6, 20)
    while sitting.place().step == "ask":
        answer(sitting)
    app = open_page("reader_study.py", reader="demo-1")
    assert app.success[0].value == sitting.study.thanks
    assert not app.get("bidi_component")


@pytest.mark.usefixtures("enabled")
def test_browser_is_told_neither_case_nor_kind_of_map_nor_outcome(open_page: OpenPage, survviz_home: Path) -> None:
    """Everything that a page sends, of every slide of every reader, against everything that must not be known."""
    study = load_study(DEMO)
    with (ROOT / "sample_data" / "clinical.csv").open(newline="") as file:
        rows = {row["case_id"]: row for row in csv.DictReader(file)}
    seen: set[str] = set()
    for reader in study.readers:
        sitting = ready(reader)
        for one in sitting.plan:
            app = open_page("reader_study.py", reader=reader)
            assert not app.error
            data = sent(app)
            text = str(app.main) + json.dumps(data)
            case = study.case(one.case)
            row = rows[one.case.rpartition("-")[0]]
            secrets = [one.case, case.slide.name, row["case_id"], row["time_months"], row["event"], "demo-survpgc"]
            assert not [secret for secret in secrets if secret in text]
            assert data["slide"]["slide_id"] == data["map"]["label"].replace("Map", f"Slide {one.position + 1}")
            # the only difference between conditions is a token that cannot be guessed
            neutral = {**data["map"], "values": "", "layout": "", "n": 0, "uniform": 0}
            seen.add(json.dumps(neutral, sort_keys=True))
            assert not {"time", "event", "risk", "group", "condition"} & set(data)
            for _ in study.questions:
                answer(sitting)
    assert len(seen) == 1
    # exports are made from what the server keeps of a map
    with closing(sqlite3.connect(survviz_home / "grants.sqlite")) as kept:
        payloads = " ".join(row[0] for row in kept.execute("SELECT payload FROM grants WHERE kind != 'slide'"))
    assert "Slide 1" in payloads
    assert "SV07" not in payloads


@pytest.mark.usefixtures("enabled")
def test_header_shows_neither_case_nor_model(open_page: OpenPage, demo: str) -> None:
    app = open_page("reader_study.py", case=demo)
    words = " ".join(one.value for one in app.markdown)
    assert "Research Use" in words
    assert "Case" not in words
    assert not app.sidebar.selectbox


def test_only_mode_hides_the_rest_of_the_app(open_page: OpenPage, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    shutil.copytree(DEMO, folder)
    path = folder / "study.toml"
    text = path.read_text().replace("only = false", "only = true")
    path.write_text(text.replace("../slides", str(ROOT / "sample_data" / "slides")))
    enable_study(path)
    for page in ("reader_study.py", "home.py"):
        app = open_page(page)
        assert not app.exception
        assert app.title[0].value == "Reader study"
        assert app.text_input[0].label == "Your reader code"


def test_an_unreadable_study_is_explained_and_the_app_goes_on(open_page: OpenPage, tmp_path: Path) -> None:
    enable_study(tmp_path / "gone.toml")
    assert "survviz study init" in open_page("reader_study.py").error[0].value
    assert not open_page("home.py").error


def test_a_slide_that_is_gone_is_said_without_naming_it(
    open_page: OpenPage, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "study"
    shutil.copytree(DEMO, folder)  # its slides are not where the file says
    enable_study(folder / "study.toml")
    ready()
    app = open_page("reader_study.py", reader="demo-1")
    assert "Slide 1 cannot be shown" in app.error[0].value
    assert "SV07" not in app.error[0].value
    assert "SV07" in caplog.text
