"""Stories as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from survviz.data.cohort import Cohort
from survviz.errors import InputError
from survviz.pipeline import Predictor
from survviz.pipeline.explanation.story import SCHEMA, read_story, stories_of

ROOT = Path(__file__).parents[2]


def story(**state: Any) -> dict[str, Any]:
    return {"schema": SCHEMA, "title": "t", "waypoints": [{"title": "one", "text": "words", "state": state}]}


def test_what_is_written_is_what_was_read() -> None:
    view = {"x": 1.5, "y": 2.0, "scale": 0.1, "rotation": 90.0, "extent": 800.0}
    choice = {"kind": "attention", "query": "clinical", "key": "pathology", "token": "Age", "head": 1, "fold": "sd"}
    document = story(
        slide="s",
        view=view,
        choice=choice,
        settings={"opacity": 0.4, "visible": True, "colormap": "viridis"},
        second={"shows": "map", "linked": True, "choice": choice},
        selected=7,
    )
    assert read_story(json.dumps(document)).as_json() == document


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("{", "no JSON"),
        ("[]", "the document"),
        (json.dumps({**story(), "schema": "other"}), "schema"),
        (json.dumps(story(view={"x": 1, "y": 2, "scale": 0})), r"waypoints.0.state.view.scale"),
        (json.dumps(story(script="alert(1)")), r"waypoints.0.state.script"),
        ('{"schema": "survviz-story/1", "title": "t", "waypoints": 3}', "waypoints"),
        (json.dumps(story(view={"x": float("nan"), "y": 2, "scale": 1})), r"view.x"),
        (" " * (3 << 20), "at most 2 MB"),
    ],
)
def test_errors_say_what_is_wrong_where(data: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_story(data, "mine.json")


def test_the_demo_ships_a_story_that_fits_its_case(cohort: Cohort, predictor: Predictor) -> None:
    """Every slide, map and token that it names is there."""
    (found,) = stories_of(ROOT / "sample_data", sorted(cohort.holdout)[0])
    case = cohort.case(found.case)
    bags = {bag.slide_id: bag for bag in case.bags}
    assert 5 <= len(found.waypoints) <= 7
    assert found.checkpoint == "demo-survpgc"
    for waypoint in found.waypoints:
        state = waypoint.state
        assert state.slide in bags
        assert state.choice is not None
        if state.choice.kind in ("attention", "disagreement"):
            assert (state.choice.query, state.choice.key) in predictor.directions_of(case)
        assert state.choice.token in ("all", *predictor.tokens(state.choice.query))
        assert state.selected < len(bags[state.slide])
        size = bags[state.slide].slide_size
        assert state.view is not None
        assert size is not None
        assert 0 < state.view.x < size[0]
        assert 0 < state.view.y < size[1]
    assert any((one.state.settings or {}).get("truth") for one in found.waypoints)
    assert stories_of(ROOT / "sample_data", "nobody") == ()
