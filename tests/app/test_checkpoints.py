"""The app with every shipped checkpoint: pages load, and what a model cannot do is said in words."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

OpenPage = Callable[..., AppTest]
FOLDER = Path(__file__).parents[2] / "checkpoints"
NAMES = sorted(path.parent.name for path in FOLDER.glob("*/config.json"))


def open_with(open_page: OpenPage, name: str, page: str, **query: str) -> AppTest:
    app = open_page(page, **query)
    app.selectbox(key="model").set_value(name)
    return app.run()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("page", ["home.py", "load_case.py"])
def test_a_page_without_a_case_opens_with_every_model(open_page: OpenPage, name: str, page: str) -> None:
    app = open_with(open_page, name, page)
    assert not app.exception
    assert not app.error
    assert f"Model {name}" in " ".join(one.value for one in app.markdown)


@pytest.mark.parametrize("name", NAMES)
def test_the_demo_case_is_estimated_or_refused_in_words(open_page: OpenPage, name: str, demo: str) -> None:
    app = open_with(open_page, name, "risk_survival.py", case=demo)
    assert not app.exception
    words = " ".join(one.value for one in (*app.markdown, *app.caption))
    if name.startswith("demo-"):
        assert not app.error
        assert app.metric
        assert "alone (Cox on" in words
    else:
        refusals = [one.value for one in app.error]
        assert app.metric or "No estimate is shown" in words or "was trained on" in refusals[0]


@pytest.mark.parametrize("name", NAMES)
def test_the_slide_page_shows_a_map_or_says_why_there_is_none(open_page: OpenPage, name: str, demo: str) -> None:
    app = open_with(open_page, name, "slide_attention.py", case=demo)
    assert not app.exception
    assert app.get("bidi_component"), "the slide itself is always shown"
    messages = [one.value for one in app.error]
    data = json.loads(app.get("bidi_component")[0].proto.json)
    reasons = [kind["reason"] for kind in data["kinds"] if kind["state"] == "unavailable"]
    assert messages or reasons or data["slides"][0]["maps"]
    assert all("no map" in text or "was trained on" in text for text in messages)
    assert all(reasons)


@pytest.mark.parametrize("name", NAMES)
def test_the_form_asks_for_the_fields_of_the_model(open_page: OpenPage, name: str) -> None:
    from survviz.checkpoint import load_checkpoint

    app = open_with(open_page, name, "load_case.py")
    keys = {one.key for kind in ("number_input", "selectbox", "text_input") for one in getattr(app, kind)}
    fields = load_checkpoint(FOLDER / name).preprocess(0).templates.tokens
    assert {f"clinical_{field}" for field in fields} <= keys
