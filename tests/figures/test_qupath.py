"""Files for QuPath: strict schema, exact places and numbers, and flat memory on a large map."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from shapely.geometry import shape

from survviz.errors import InputError
from survviz.figures.geojson import features, geojson_bytes, geojson_chunks, gzip_chunks
from survviz.figures.patch_map import PatchMap
from survviz.figures.scaling import Look
from tests.figures.qupath import check_collection

NAME = "survviz: attention clinical → pathology, Stage"


def large_map(n: int) -> PatchMap:
    """A map of many patches on a square grid."""
    columns = int(np.sqrt(n))
    index = np.arange(n)
    coords = (np.stack([index % columns, index // columns], axis=1) * 512).astype(np.int32)
    values = np.random.default_rng(0).lognormal(size=n).astype(np.float32)
    return PatchMap("attention", "clinical", "pathology", "Stage", "big", values, coords, 512, 1 / n, semantics="words")


def test_tiles_pass_the_schema_and_lie_on_their_patches(patch_map: PatchMap, signed_map: PatchMap) -> None:
    found = check_collection(json.loads(geojson_bytes([patch_map, signed_map])))
    boxes = {shape(item["geometry"]).bounds for item in found}
    assert boxes == {(x, y, x + 32, y + 32) for x, y in patch_map.coords.tolist()}
    assert {item["properties"]["objectType"] for item in found} == {"tile"}


def test_measurements_are_the_maps_and_come_highest_first(patch_map: PatchMap, signed_map: PatchMap) -> None:
    found = [
        item["properties"]["measurements"] for item in json.loads(geojson_bytes([patch_map, signed_map]))["features"]
    ]
    order = np.argsort(-patch_map.values, kind="stable")
    np.testing.assert_allclose([item[NAME] for item in found], patch_map.values[order] / 6, rtol=1e-6)
    np.testing.assert_allclose([item[f"{NAME}, times uniform"] for item in found], patch_map.values[order])
    contribution = "survviz: contribution risk → pathology, all"
    np.testing.assert_allclose([item[contribution] for item in found], signed_map.values[order])
    assert [item[f"{NAME}, rank"] for item in found] == [1, 2, 3, 4, 5, 6]


def test_annotations_pass_the_schema_and_say_what_they_are(patch_map: PatchMap) -> None:
    found = check_collection(json.loads(geojson_bytes([patch_map], kind="annotation", top=2)))
    assert [item["properties"]["name"] for item in found] == ["rank 1", "rank 2"]
    for item in found:
        assert "Research Use" in item["properties"]["metadata"]["use"]
        assert "classification" not in item["properties"]


def test_objects_of_two_maps_have_different_ids_and_the_same_twice(patch_map: PatchMap) -> None:
    first, again, other = (
        {item["id"] for item in features([one])} for one in (patch_map, patch_map, replace(patch_map, token="Age"))
    )
    assert first == again
    assert not first & other


def test_a_patch_without_a_value_has_no_measurement(patch_map: PatchMap) -> None:
    values = patch_map.values.copy()
    values[0] = np.nan
    found = check_collection(json.loads(geojson_bytes([replace(patch_map, values=values)])))
    assert [NAME in item["properties"]["measurements"] for item in found] == [True] * 5 + [False]


def test_colours_are_those_that_the_viewer_shows(patch_map: PatchMap) -> None:
    cividis = next(features([patch_map], look=Look(colormap="cividis", scale="raw")))["properties"]
    assert cividis["color"] == [254, 232, 56]  # type: ignore[index]


def test_file_is_the_same_twice_and_survives_gzip(patch_map: PatchMap) -> None:
    packed = b"".join(gzip_chunks(geojson_chunks(features([patch_map]))))
    assert packed == b"".join(gzip_chunks(geojson_chunks(features([patch_map]))))
    assert gzip.decompress(packed) == geojson_bytes([patch_map])
    assert gzip.decompress(geojson_bytes([patch_map], compress=True)) == geojson_bytes([patch_map])


def test_top_zero_and_maps_of_other_patches_are_refused(patch_map: PatchMap) -> None:
    with pytest.raises(InputError, match="1 or more"):
        geojson_bytes([patch_map], top=0)
    with pytest.raises(InputError, match="different patches"):
        geojson_bytes([patch_map, replace(patch_map, coords=patch_map.coords + 1)])


@pytest.mark.slow
def test_sixty_thousand_patches_stream_with_flat_memory() -> None:
    patch_map = large_map(60_000)
    tracemalloc.start()
    for _ in gzip_chunks(geojson_chunks(features([patch_map]))):
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * 2**20  # the document has 30 MB
    document = b"".join(geojson_chunks(features([patch_map])))
    assert len(check_collection(json.loads(document))) == 60_000
