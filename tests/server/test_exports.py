"""Files made from map tokens: for their owner only, with the numbers and places of the map."""

from __future__ import annotations

import gzip
import io
import json
import re
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pydicom
import pytest
from PIL import Image
from starlette.testclient import TestClient

from survviz.errors import InputError
from survviz.figures.colours import colour_table
from survviz.figures.patch_map import RESEARCH_USE
from survviz.server import register_maps, register_slide
from survviz.server.auth import new_owner
from survviz.server.map_files import map_grant, patch_map_of
from survviz.server.second_panel import differences
from survviz.types import PatchScores
from tests.figures.qupath import check_collection

ClientOf = Callable[[str | None], TestClient]
SIDE, COLUMNS, ROWS = 256, 6, 4
FILES = (
    "tiles.geojson.gz",
    "top.geojson",
    "maps.csv",
    "figure.png",
    "figure.svg",
    "parametric_map.dcm",
    "annotations.dcm",
    "dicom.zip",
)


def make_scores(token: str, slide_id: str = "AB-1950 Doe", *, signed: bool = False, heads: int = 1) -> PatchScores:
    """A map of the whole slide of the fixture: 24 patches, the sixth the hottest."""
    n = COLUMNS * ROWS
    rng = np.random.default_rng(len(token))
    index = np.arange(n)
    detail = rng.dirichlet(np.ones(n), size=(heads, 3)).astype(np.float32)
    detail[..., 5] *= 20
    detail /= detail.sum(axis=-1, keepdims=True)
    coords = np.stack([index % COLUMNS, index // COLUMNS], axis=1) * SIDE
    per_fold = detail.mean(axis=0)
    scores = PatchScores(
        "attention", "clinical", "pathology", token, slide_id, per_fold.mean(axis=0), per_fold, coords, SIDE, n, "W.",
        detail=detail if heads > 1 else None,
    )  # fmt: skip
    if not signed:
        return scores
    changed = (per_fold - per_fold.mean()) / 10
    return replace(
        scores, kind="contribution", query="risk", unit="risk", values=changed.mean(axis=0), per_fold=changed
    )


@pytest.fixture
def views(slide_path: Path, owner: str) -> list[dict[str, Any]]:
    """Maps of one slide: attention of two tokens with two heads, and a contribution."""
    slide = register_slide(owner, slide_path)
    scores = [make_scores("Stage", heads=2), make_scores("Age", heads=2), make_scores("all", signed=True)]
    found = register_maps(owner, scores, slide=slide["token"], case_id="CASE-1", checkpoint="demo")
    return [dict(view) for view in found]


@pytest.fixture
def get(client_of: ClientOf, owner: str) -> Callable[..., Any]:
    """Asks for a file of a map as its owner."""
    client = client_of(owner)

    def ask(view: dict[str, Any], name: str, **parameters: Any) -> Any:
        return client.get(f"/sv/export/{view['values']}/{name}", params=parameters)

    return ask


@pytest.mark.parametrize("name", FILES)
def test_files_answer_their_owner_and_nobody_else(
    views: list[dict[str, Any]], client_of: ClientOf, owner: str, name: str
) -> None:
    path = f"/sv/export/{views[0]['values']}/{name}"
    assert client_of(owner).get(path).status_code == 200
    for other in (new_owner(), None):
        answer = client_of(other).get(path)
        assert answer.status_code == 404
        assert "CASE-1" not in answer.text


def test_a_strangers_map_cannot_be_added_to_ones_own_file(
    views: list[dict[str, Any]], get: Callable[..., Any], slide_path: Path
) -> None:
    stranger = register_maps(new_owner(), [make_scores("Stage")])[0]["values"]
    for parameters in ({"map": stranger}, {"case": stranger}):
        assert get(views[0], "tiles.geojson.gz", **parameters).status_code == 404
    assert get(views[0], "figure.png", second="map", other=stranger).status_code == 404


@pytest.mark.parametrize("name", FILES)
def test_names_of_files_say_what_they_are_and_name_nobody(
    views: list[dict[str, Any]], get: Callable[..., Any], name: str
) -> None:
    answer = get(views[0], name)
    said = re.fullmatch(r'attachment; filename="([A-Za-z0-9._-]+)"', answer.headers["content-disposition"])
    assert said
    assert "Doe" not in said[1]
    assert "1950" not in said[1]
    assert "Stage" in said[1]
    assert answer.headers["cache-control"] == "private, no-store"


def test_tiles_carry_every_map_and_pass_qupaths_schema(views: list[dict[str, Any]], get: Callable[..., Any]) -> None:
    answer = get(views[0], "tiles.geojson.gz", map=[views[1]["values"], views[2]["values"]])
    found = check_collection(json.loads(gzip.decompress(answer.content)))
    assert len(found) == 24
    assert {name for name in found[0]["properties"]["measurements"] if "times" not in name and "rank" not in name} == {
        "survviz: attention clinical → pathology, Stage",
        "survviz: attention clinical → pathology, Age",
        "survviz: contribution risk → pathology, all",
    }


def test_top_annotations_are_the_hottest(views: list[dict[str, Any]], get: Callable[..., Any]) -> None:
    found = check_collection(get(views[0], "top.geojson", top=3).json())
    assert len(found) == 3
    assert found[0]["geometry"]["coordinates"][0][0] == [5 * SIDE, 0]


def test_table_has_every_map_that_was_asked_for(views: list[dict[str, Any]], get: Callable[..., Any]) -> None:
    table = pd.read_csv(io.BytesIO(get(views[0], "maps.csv", map=[view["values"] for view in views]).content))
    np.testing.assert_allclose(table["clinical_to_pathology:Stage"], make_scores("Stage", heads=2).values, rtol=1e-6)
    np.testing.assert_allclose(
        table["contribution:risk_to_pathology:all"], make_scores("all", signed=True).values, rtol=1e-5, atol=1e-9
    )


def test_figure_shows_the_slide_under_the_map_with_the_viewers_settings(
    views: list[dict[str, Any]], get: Callable[..., Any]
) -> None:
    settings = {"scale": "raw", "opacity": 1, "colormap": "cividis", "threshold": 0.5, "px": 1536}
    image = np.asarray(Image.open(io.BytesIO(get(views[0], "figure.png", **settings).content)))
    hot = (image == colour_table("cividis")[255]).all(axis=2)
    assert hot.sum() > 200 * 200


def test_svg_says_what_is_shown(views: list[dict[str, Any]], get: Callable[..., Any]) -> None:
    svg = get(views[0], "figure.svg", head=1, fold="sd").text
    for words in ("head 2 of 2", "standard deviation over 3 models", "Case CASE-1", "0.5 µm per pixel", RESEARCH_USE):
        assert words in svg


@pytest.mark.parametrize("second", ["slide", "map", "difference"])
def test_second_panel_stands_beside_the_first(
    views: list[dict[str, Any]], get: Callable[..., Any], second: str
) -> None:
    answer = get(views[0], "figure.svg", second=second, other=views[1]["values"])
    assert answer.status_code == 200
    assert answer.text.count("<image") == 2
    if second == "difference":
        assert "Attention, Stage − attention, Age" in answer.text
        assert "log₂ A ÷ B" in answer.text


def test_difference_of_unlike_maps_is_that_of_their_ranks(views: list[dict[str, Any]], get: Callable[..., Any]) -> None:
    svg = get(views[0], "figure.svg", second="difference", other=views[2]["values"]).text
    assert "Percentile rank in A minus that in B" in svg


def test_difference_of_attention_is_a_logarithm_over_every_slide(views: list[dict[str, Any]], owner: str) -> None:
    a, b = (patch_map_of(map_grant(view["values"], owner)) for view in views[:2])
    other = replace(a, slide_id="other"), replace(b, slide_id="other", values=b.values * 0)
    found = differences([a, other[0]], [b, other[1]])
    np.testing.assert_allclose(found[0].values, np.log2(a.values / b.values), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found[1].values, np.log2(a.values) + 10, rtol=1e-5)
    with pytest.raises(InputError, match="needs one slide"):
        differences([a], [other[1]])


def test_heads_and_folds_are_reduced_as_the_browser_does(views: list[dict[str, Any]], owner: str) -> None:
    grant, detail = map_grant(views[0]["values"], owner), make_scores("Stage", heads=2).by_head * 24
    for head, fold, expected in (
        ("mean", "mean", detail.mean(axis=(0, 1))),
        ("1", "mean", detail[1].mean(axis=0)),
        ("max", "2", detail[:, 2].max(axis=0)),
        ("mean", "sd", detail.mean(axis=0).std(axis=0, ddof=1)),
    ):
        np.testing.assert_allclose(patch_map_of(grant, head, fold).values, expected, rtol=1e-5)
    with pytest.raises(InputError, match="Head '2' was asked for; this map has mean, max, 0, 1"):
        patch_map_of(grant, "2", "mean")


def test_dicom_set_holds_the_overview_and_the_map_at_the_right_place(
    views: list[dict[str, Any]], get: Callable[..., Any]
) -> None:
    with zipfile.ZipFile(io.BytesIO(get(views[0], "dicom.zip").content)) as archive:
        parts = {name: pydicom.dcmread(io.BytesIO(archive.read(name))) for name in archive.namelist()}
    assert set(parts) == {"heatmap.dcm", "annotations.dcm", "slide_overview.dcm"}
    assert len({part.FrameOfReferenceUID for part in parts.values()}) == 1
    assert {part.PatientID for part in parts.values()} == {"CASE-1"}
    heat = parts["heatmap.dcm"]
    frames = np.frombuffer(heat.FloatPixelData, "<f4").reshape(-1, heat.Rows, heat.Columns)
    assert frames[0][8, 5 * 16 + 8] == frames.max()  # 16 pixels per patch; the sixth patch is the hottest


def test_two_slides_share_one_scale(owner: str, get: Callable[..., Any]) -> None:
    here, there = make_scores("Stage"), replace(make_scores("Stage", "other"), values=make_scores("Stage").values * 4)
    views = [register_maps(owner, [scores])[0] for scores in (here, there)]
    alone, common = (
        get(dict(views[0]), "figure.svg", scale="raw", **more).text for more in ({}, {"case": views[1]["values"]})
    )
    top = here.values.max()
    assert f">{top:.2g}<" in alone
    assert f">{4 * top:.2g}<" in common


@pytest.mark.parametrize(
    ("name", "parameters", "words"),
    [
        ("figure.png", {"opacity": 2}, "expected 0 to 1"),
        ("figure.png", {"opacity": "much"}, "expected a number"),
        ("figure.png", {"px": 100000}, "expected a whole number"),
        ("figure.png", {"px": 9000}, "expected 256 to 4000"),
        ("figure.png", {"scale": "linear"}, "fold"),
        ("figure.png", {"second": "nothing"}, "slide, map, difference"),
        ("figure.png", {"fold": "7"}, "0, 1, 2"),
        ("top.geojson", {"top": 0}, "from 1 to 1000"),
        ("tiles.geojson.gz", {"map": "no-such-token"}, "not registered"),
    ],
)
def test_what_cannot_be_made_is_said_in_words(
    views: list[dict[str, Any]], get: Callable[..., Any], name: str, parameters: dict[str, Any], words: str
) -> None:
    answer = get(views[0], name, **parameters)
    assert answer.status_code == 404
    assert words in answer.json()["error"]


def test_map_without_its_slide_file_has_figures_but_no_dicom(owner: str, get: Callable[..., Any]) -> None:
    view = dict(register_maps(owner, [make_scores("Stage")])[0])
    assert get(view, "figure.png").status_code == 200
    answer = get(view, "dicom.zip")
    assert "file of this slide is not at hand" in answer.json()["error"]
