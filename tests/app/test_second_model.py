"""Another checkpoint beside the page's own, on the bundled demo case."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from survviz.pipeline.explanation.beside import why_not_beside
from survviz.types import Case

OpenPage = Callable[..., AppTest]
OTHER = "demo-ca-mlif"
CHECKPOINTS = Path(__file__).parents[2] / "checkpoints"

pytestmark = pytest.mark.xdist_group("demo")


def workbench_data(app: AppTest) -> dict:
    return json.loads(app.get("bidi_component")[0].proto.json)


def demo_case(demo: str) -> Case:
    from pages.components.cases import open_case

    return open_case(demo, "").case


def test_maps_of_the_other_checkpoint_come_when_it_is_asked_for(open_page: OpenPage, demo: str) -> None:
    from survviz.pipeline import Predictor
    from survviz.server import store
    from survviz.server.maps import decode_values

    app = open_page("slide_attention.py", case=demo)
    data = workbench_data(app)
    states = {model["name"]: model["state"] for model in data["models"]}
    assert states[OTHER] == "known"
    assert data["case"]["checkpoint"] not in states
    assert data["slides"][0]["others"] == []
    (asked,) = app.session_state["beside"].values()
    asked.name = OTHER
    app.run()
    assert not app.exception
    data = workbench_data(app)
    (model,) = (one for one in data["models"] if one["state"] == "ready")
    assert [(one["query"], one["key"], [token["name"] for token in one["tokens"]]) for one in model["directions"]] == [
        ("case", "pathology", ["all"])
    ]
    (view,) = data["slides"][0]["others"]
    assert (view["id"], view["model"]) == (f"attention:case:pathology:all@{OTHER}", OTHER)
    assert view["label"].startswith(f"{OTHER}: ")
    assert view["semantics"].startswith(f"Checkpoint {OTHER}: ")
    assert not any(one["model"] for one in data["slides"][0]["maps"])
    grant = store.get(view["values"], "map", app.session_state["_survviz_owner"])
    assert grant
    assert grant.payload["checkpoint"] == OTHER
    (expected,) = Predictor.load(CHECKPOINTS / OTHER, "cpu").explain(demo_case(demo), query="case")
    np.testing.assert_allclose(decode_values(grant.data or b""), expected.fold_over_uniform, rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("demo-bilayer", "does not read pathology"),
        ("gbmlgg-pixels", "encoder he-descriptor-2um; this case has"),
        (OTHER, ""),
    ],
)
def test_checkpoint_that_cannot_map_the_case_says_why(demo: str, name: str, reason: str) -> None:
    why = why_not_beside(CHECKPOINTS / name, demo_case(demo))
    assert reason in why if reason and why else why is None


def test_checkpoint_of_another_encoder_or_a_damaged_one_is_refused_in_words(demo: str, tmp_path: Path) -> None:
    case = demo_case(demo)
    foreign = replace(case, bags=tuple(replace(bag, encoder="uni") for bag in case.bags))
    assert "this case has those of uni" in (why_not_beside(CHECKPOINTS / OTHER, foreign) or "")
    assert "config.json is missing" in (why_not_beside(tmp_path, case) or "")
