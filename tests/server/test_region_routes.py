"""Regions over HTTP: numbers equal Python's, only the owner is answered, files and drawings come back as they were."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import shapely
from starlette.testclient import TestClient

from survviz.data.annotations import annotations_of
from survviz.evaluation.coverage import coverage
from survviz.evaluation.enrichment import enrichment
from survviz.evaluation.spatial_null import shift_test
from survviz.server import register_slide
from survviz.server.maps import register_map
from survviz.server.regions import register_truth
from survviz.types import PatchScores

SIDE = 256
HERE = {"origin": "http://testserver"}


def scores(kind: str = "attention") -> PatchScores:
    rng = np.random.default_rng(0)
    coords = np.stack(np.meshgrid(np.arange(20), np.arange(15)), axis=-1).reshape(-1, 2) * SIDE
    values = rng.random(300) if kind == "attention" else rng.normal(size=300)
    values = values / values.sum() if kind == "attention" else values
    return PatchScores(
        kind=kind,
        query="clinical",
        key="pathology",
        token="all",
        slide_id="s",
        values=values,
        per_fold=values[None],
        coords=coords,
        patch_size_level0=SIDE,
        n_patches_case=300,
        semantics="test",
        **({} if kind == "attention" else {"unit": "risk"}),
    )


def feature(box: tuple[float, float, float, float], classification: str = "") -> dict[str, Any]:
    geometry = shapely.geometry.mapping(shapely.box(*box))
    return {
        "type": "Feature",
        "geometry": json.loads(json.dumps(geometry)),
        "properties": {"classification": classification or None},
    }


FEATURES = [feature((0, 0, 1000, 900), "tumour"), feature((2000, 100, 3100, 2500), "stroma")]


def ask(client: TestClient, token: str, **body: Any) -> Any:
    return client.post(f"/sv/regions/{token}.json", json={"features": FEATURES, **body}, headers=HERE)


@pytest.mark.parametrize("kind", ["attention", "contribution"])
def test_numbers_equal_those_of_python(kind: str, owner: str, client_of: Callable[[str | None], TestClient]) -> None:
    one = scores(kind)
    token = register_map(owner, one)["values"]
    answer = ask(client_of(owner), token, permutations=199, seed=4)
    assert answer.status_code == 200
    table = answer.json()
    values = one.fold_over_uniform.astype(np.float32)
    cover = coverage(one.coords, SIDE, [a.geometry for a in annotations_of(FEATURES)[0]])
    signed = kind != "attention"
    tests = shift_test(values, one.coords, SIDE, cover, signed=signed, n_permutations=199, seed=4)
    for row, line, test in zip(table["rows"], cover.toarray(), tests, strict=False):
        found = enrichment(values, line, signed=signed)
        assert row["share_of_map"] == (None if signed else pytest.approx(found.share_of_map))
        assert row["enrichment"] == (None if signed else pytest.approx(found.enrichment))
        assert row["difference"] == pytest.approx(found.difference)
        assert row["p"] == pytest.approx(test.p)
    assert [(row["level"], row["name"]) for row in table["rows"]][2:] == [
        ("class", "tumour"), ("class", "stroma"), ("all", "all"),
    ]  # fmt: skip
    assert "199 shifts" in table["method"]


def test_only_the_owner_and_only_our_own_pages_are_answered(
    owner: str, client_of: Callable[[str | None], TestClient]
) -> None:
    token = register_map(owner, scores())["values"]
    body = {"features": FEATURES}
    assert client_of("0" * 32).post(f"/sv/regions/{token}.json", json=body, headers=HERE).status_code == 404
    assert client_of(None).post(f"/sv/regions/{token}.json", json=body, headers=HERE).status_code == 403
    for headers in ({}, {"origin": "http://evil.example"}):
        assert client_of(owner).post(f"/sv/regions/{token}.json", json=body, headers=headers).status_code == 403
        assert client_of(owner).post("/sv/regions/read", content=b"{}", headers=headers).status_code == 403


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"features": []}, "0 regions"),
        ({"features": 7}, "no list"),
        ({"permutations": 0}, "expected 1 to 9999"),
        ({"alternative": "both"}, "alternative"),
        ({"truth": "nothing"}, "not registered"),
        ({"head": "3"}, "one head"),
    ],
)
def test_requests_that_are_not_understood_say_why(
    body: dict[str, Any], words: str, owner: str, client_of: Callable[[str | None], TestClient]
) -> None:
    token = register_map(owner, scores())["values"]
    answer = ask(client_of(owner), token, **body)
    assert answer.status_code == 422
    assert words in answer.json()["error"]


def test_a_region_off_the_tissue_has_no_number_but_a_reason(
    owner: str, client_of: Callable[[str | None], TestClient]
) -> None:
    token = register_map(owner, scores())["values"]
    rows = ask(client_of(owner), token, features=[feature((9e5, 9e5, 9.1e5, 9.1e5))]).json()["rows"]
    assert "enrichment" not in rows[0]
    assert "covers no patch" in rows[0]["reason"]


def test_files_are_read_and_errors_are_in_words(owner: str, client_of: Callable[[str | None], TestClient]) -> None:
    client = client_of(owner)
    data = gzip.compress(json.dumps({"type": "FeatureCollection", "features": FEATURES}).encode())
    answer = client.post("/sv/regions/read?name=a.geojson.gz", content=data, headers=HERE)
    found = answer.json()
    assert [one["geometry"]["coordinates"] for one in found["features"]] == [
        one["geometry"]["coordinates"] for one in FEATURES
    ]
    broken = client.post("/sv/regions/read?name=b.json", content=b"{", headers=HERE)
    assert broken.status_code == 422
    assert "b.json is no JSON" in broken.json()["error"]
    large = client.post("/sv/regions/read", content=b" " * (33 << 20), headers=HERE)
    assert large.status_code == 413


def test_drawings_are_kept_per_slide_and_owner(
    owner: str, client_of: Callable[[str | None], TestClient], slide_path
) -> None:
    mine = f"/sv/regions-of/slide/{register_slide(owner, slide_path)['token']}.geojson"
    client = client_of(owner)
    assert client.get(mine).json()["features"] == []
    document = {"type": "FeatureCollection", "features": FEATURES}
    assert client.put(mine, json=document, headers=HERE).json() == {"kept": 2}
    kept = client.get(mine).json()["features"]
    assert [one["geometry"] for one in kept] == [one["geometry"] for one in FEATURES]
    assert client_of("0" * 32).get(mine).status_code == 404
    assert client_of("0" * 32).put(mine, json=document, headers=HERE).status_code == 404
    assert client.put(mine, json={"type": "FeatureCollection", "features": []}, headers=HERE).json() == {"kept": 0}
    grid = f"/sv/regions-of/grid/{register_map(owner, scores())['layout']}.geojson"
    assert client.put(grid, json=document, headers=HERE).json() == {"kept": 2}


def test_truth_of_the_sample_cohort_is_served_and_scored_by_token(
    owner: str, client_of: Callable[[str | None], TestClient]
) -> None:
    token = register_truth(owner, "SV07-0166-DX1", (3808, 2896))
    assert token
    client = client_of(owner)
    found = client.get(f"/sv/regions/{token}.geojson").json()["features"]
    assert {"tumour", "stroma"} <= {one["properties"]["name"] for one in found}
    assert client_of("0" * 32).get(f"/sv/regions/{token}.geojson").status_code == 404
    rows = ask(client, register_map(owner, scores())["values"], truth=token, features=[]).json()["rows"]
    assert [row["id"] for row in rows][: len(found)] == [one["id"] for one in found]
    assert register_truth(owner, "nowhere", (10, 10)) is None
    assert register_truth(owner, "SV07-0166-DX1", None) is None


def test_export_has_measurements_and_the_very_coordinates(
    owner: str, client_of: Callable[[str | None], TestClient]
) -> None:
    token = register_map(owner, scores())["values"]
    body = {"features": FEATURES, "permutations": 99}
    client = client_of(owner)
    found = client.post(f"/sv/regions/{token}.geojson", json=body, headers=HERE).json()["features"]
    rows = client.post(f"/sv/regions/{token}.json", json=body, headers=HERE).json()["rows"]
    for one, given, row in zip(found, FEATURES, rows, strict=False):
        assert one["geometry"]["coordinates"] == given["geometry"]["coordinates"]
        assert (
            one["properties"]["measurements"]["survviz: attention clinical → pathology, all, enrichment"]
            == row["enrichment"]
        )
        assert "Research Use Only" in one["properties"]["metadata"]["use"]
