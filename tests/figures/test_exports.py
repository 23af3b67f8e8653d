from __future__ import annotations

import dataclasses
import gzip
import io
import json
import uuid

import numpy as np
import pandas as pd
import pytest
from shapely.geometry import shape

from survviz.errors import InputError
from survviz.figures.gallery import pick_patches
from survviz.figures.geojson import geojson_bytes
from survviz.figures.table import attention_csv, attention_table, ranks
from survviz.types import PatchScores


def test_geojson_holds_one_tile_per_patch_at_level_0(scores: PatchScores) -> None:
    features = json.loads(geojson_bytes(scores))["features"]
    boxes = {shape(item["geometry"]).bounds for item in features}
    assert boxes == {(x, y, x + 32, y + 32) for x, y in scores.coords.tolist()}
    assert all(shape(item["geometry"]).is_valid for item in features)
    assert {item["properties"]["objectType"] for item in features} == {"tile"}


def test_geojson_measurements_are_the_map_and_come_highest_first(scores: PatchScores) -> None:
    features = json.loads(geojson_bytes(scores))["features"]
    name = "survviz: attention clinical → pathology, Stage"
    values = [item["properties"]["measurements"][name] for item in features]
    assert values == sorted(scores.values.tolist(), reverse=True)
    assert features[0]["geometry"]["coordinates"][0][0] == [0, 32]
    assert features[0]["properties"]["measurements"][f"{name}, times uniform"] == pytest.approx(3.6)
    assert [item["properties"]["measurements"][f"{name}, rank"] for item in features] == [1, 2, 3, 4, 5, 6]


def test_geojson_follows_the_rules_that_qupath_parses(scores: PatchScores) -> None:
    for item in json.loads(geojson_bytes(scores, kind="annotation", top=2))["features"]:
        uuid.UUID(item["id"])
        properties = item["properties"]
        assert isinstance(properties["name"], str)
        assert len(properties["color"]) == 3
        assert all(isinstance(value, (int, float)) for value in properties["measurements"].values())
        assert all(isinstance(value, str) for value in properties["metadata"].values())
        assert "classification" not in properties


def test_geojson_is_the_same_twice_and_survives_gzip(scores: PatchScores) -> None:
    assert geojson_bytes(scores, compress=True) == geojson_bytes(scores, compress=True)
    assert gzip.decompress(geojson_bytes(scores, compress=True)) == geojson_bytes(scores)


def test_top_zero_is_refused(scores: PatchScores) -> None:
    with pytest.raises(InputError, match="1 or more"):
        geojson_bytes(scores, top=0)


def test_table_has_one_row_per_patch_and_two_columns_per_map(scores: PatchScores) -> None:
    age = dataclasses.replace(scores, token="Age", values=scores.values[::-1].copy())
    other = dataclasses.replace(scores, slide_id="slide-2")
    other_age = dataclasses.replace(age, slide_id="slide-2")
    table = attention_table([scores, other, age, other_age])
    assert len(table) == 12
    assert not table.isna().any().any()
    np.testing.assert_array_equal(table["clinical_to_pathology:Stage"], np.tile(scores.values, 2))
    np.testing.assert_array_equal(table["clinical_to_pathology:Age:times_uniform"], np.tile(age.values * 6, 2))


def test_csv_reads_back_to_nine_digits(scores: PatchScores) -> None:
    table = pd.read_csv(io.BytesIO(attention_csv([scores])))
    np.testing.assert_allclose(table["clinical_to_pathology:Stage"], scores.values, rtol=1e-8)
    np.testing.assert_array_equal(table[["x", "y"]], scores.coords)


def test_maps_on_different_patches_do_not_share_a_table(scores: PatchScores) -> None:
    with pytest.raises(InputError, match="different patches"):
        attention_table([scores, dataclasses.replace(scores, coords=scores.coords + 1)])
    with pytest.raises(InputError, match="No map"):
        attention_table([])


def test_rank_one_is_the_highest_and_ties_keep_patch_order(scores: PatchScores) -> None:
    assert ranks(scores.values).tolist() == [5, 2, 6, 1, 3, 4]


def test_gallery_takes_the_highest_the_lowest_and_a_repeatable_sample(scores: PatchScores) -> None:
    assert pick_patches(scores, "top", 2).tolist() == [3, 1]
    assert pick_patches(scores, "bottom", 2).tolist() == [0, 2]
    assert sorted(pick_patches(scores, "random", 99)) == list(range(6))
    np.testing.assert_array_equal(pick_patches(scores, "random", 3), pick_patches(scores, "random", 3))


def test_gallery_leaves_out_neighbours_of_what_it_shows(scores: PatchScores) -> None:
    chosen = pick_patches(scores, "top", 6, min_distance=64)
    assert chosen.tolist() == [3, 5]


def test_an_empty_gallery_is_refused(scores: PatchScores) -> None:
    with pytest.raises(InputError):
        pick_patches(scores, "top", 0)
