"""The case report over its routes: for its owner, with what was collected, and nobody else's maps."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pypdf
import pytest
from starlette.testclient import TestClient

from survviz.errors import InputError
from survviz.figures.patch_map import RESEARCH_USE
from survviz.server import register_maps, register_slide, store
from survviz.server.auth import new_owner
from survviz.server.reports import register_report, report_of
from survviz.types import Horizon, Notice, PatchScores, Prediction

ClientOf = Callable[[str | None], TestClient]
NOTICE = Notice("warning", "x", "The slide is coarser than the model wants.")


def make_prediction() -> Prediction:
    """Two models, of which one is more hopeful."""
    per_fold = np.array([[1.0, 0.9, 0.6], [1.0, 0.8, 0.5]])
    return Prediction(
        "CASE-1", "demo", -2.0, np.array([-2.1, -1.9]), (0, 1), np.array([0.0, 12.0, 36.0]), per_fold.mean(axis=0),
        per_fold, (Horizon(12.0, 0.85, 0.07), Horizon(60.0, None, None, "beyond follow-up")), 73.0, "high",
        ("pathology", "clinical"), (NOTICE,),
    )  # fmt: skip


@pytest.fixture
def token(owner: str) -> str:
    return register_report(owner, "CASE-1", "demo", prediction=make_prediction(), notices=[NOTICE])


@pytest.fixture
def view(slide_path: Path, owner: str) -> dict[str, Any]:
    """A map of the fixture's slide; its third patch is the hottest."""
    values = np.full(24, 0.5 / 23)
    values[2] = 0.5
    index = np.arange(24)
    coords = np.stack([index % 6, index // 6], axis=1) * 256
    scores = PatchScores(
        "attention", "clinical", "pathology", "Stage", "S-1", values, values[None], coords, 256, 24, "Words."
    )
    slide = register_slide(owner, slide_path)
    return dict(register_maps(owner, [scores], slide=slide["token"], case_id="CASE-1", checkpoint="demo")[0])


def items(view: dict[str, Any]) -> list[str]:
    """A map, its top patches, two chosen patches, and a table."""
    token = view["values"]
    return [
        json.dumps(item)
        for item in (
            {"kind": "map", "token": token, "note": "See the edge.", "opacity": 0.7, "threshold": 0.1, "scale": "fold"},
            {"kind": "patches", "token": token},
            {"kind": "patches", "token": token, "patches": [2, 7]},
            {"kind": "table", "title": "Regions", "caption": "Shares", "columns": ["class"], "rows": [["tumour"]]},
        )
    ]


@pytest.mark.parametrize("form", ["html", "pdf"])
def test_report_answers_its_owner_and_nobody_else(token: str, client_of: ClientOf, owner: str, form: str) -> None:
    path = f"/sv/report/{token}.{form}"
    answer = client_of(owner).get(path)
    assert answer.status_code == 200
    assert "CASE-1" not in answer.headers["content-disposition"]
    for other in (new_owner(), None):
        assert client_of(other).get(path).status_code == 404


def test_report_holds_what_was_collected(token: str, view: dict[str, Any], client_of: ClientOf, owner: str) -> None:
    client, collected = client_of(owner), {"item": items(view)}
    page = client.get(f"/sv/report/{token}.html", params=collected).text
    document = pypdf.PdfReader(io.BytesIO(client.get(f"/sv/report/{token}.pdf", params=collected).content))
    printed = " ".join(" ".join(sheet.extract_text() for sheet in document.pages).split())
    for words in (
        "Attention · clinic → pathology · Stage",
        "See the edge.",
        "rank 1 · 12× · x 512, y 0",
        "Each 128 × 128 µm.",
        "tumour",
        NOTICE.text,
        "Survival at 12 months: 85 ± 7 %.",
        RESEARCH_USE,
    ):
        assert words in page
        assert words in printed


def test_patches_are_the_pixels_of_the_slide(token: str, view: dict[str, Any], owner: str) -> None:
    grant = store.get(token, "report", owner)
    assert grant is not None
    (section,) = report_of(grant, [items(view)[2]]).sections
    assert [patch.words.split(" · ")[2] for patch in section.patches] == ["x 512, y 0", "x 256, y 256"]
    centre = section.patches[0].pixels[128, 128].astype(int)
    assert np.abs(centre - [(512 + 128) // 8, 128 // 8, 0]).max() <= 1


def test_prediction_survives_the_way_through_the_store(token: str, owner: str) -> None:
    grant = store.get(token, "report", owner)
    assert grant is not None
    found, given = report_of(grant, []).prediction, make_prediction()
    assert found is not None
    np.testing.assert_array_equal(found.survival_per_fold, given.survival_per_fold)
    assert (found.horizons, found.present, found.risk) == (given.horizons, given.present, given.risk)


def test_a_strangers_map_does_not_enter_ones_report(token: str, view: dict[str, Any], owner: str) -> None:
    stranger = new_owner()
    theirs = register_report(stranger, "CASE-2", "demo")
    grant = store.get(theirs, "report", stranger)
    assert grant is not None
    with pytest.raises(InputError, match="not registered for this browser"):
        report_of(grant, items(view)[:1])


@pytest.mark.parametrize(
    ("item", "words"),
    [
        ("{", "not JSON"),
        ("[]", "unknown kind"),
        ('{"kind": "spell"}', "map, patches, table"),
        ('{"kind": "map", "token": "x"}', "not registered"),
    ],
)
def test_what_cannot_be_in_a_report_is_said_in_words(
    token: str, client_of: ClientOf, owner: str, item: str, words: str
) -> None:
    answer = client_of(owner).get(f"/sv/report/{token}.html", params={"item": item})
    assert answer.status_code == 404
    assert words in answer.json()["error"]


def test_a_report_of_too_many_things_is_refused(token: str, view: dict[str, Any], owner: str) -> None:
    grant = store.get(token, "report", owner)
    assert grant is not None
    with pytest.raises(InputError, match="at most 40"):
        report_of(grant, items(view) * 11)


@pytest.mark.parametrize("kind", [[2], {"a": 1}, None, 7])
def test_a_kind_that_is_no_word_is_said(token: str, owner: str, kind: object) -> None:
    grant = store.get(token, "report", owner)
    assert grant is not None
    with pytest.raises(InputError, match="unknown kind"):
        report_of(grant, [json.dumps({"kind": kind})])
