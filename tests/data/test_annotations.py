"""Regions from and to QuPath: coordinates come back number for number, and errors are in words."""

from __future__ import annotations

import gzip
import io
import json
import uuid
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from shapely.geometry import MultiPolygon, Polygon

from survviz.data.annotations import Annotation, annotations_of, class_colours, collection, read_annotations
from survviz.data.mask_outlines import MaskClass, mask_classes, mask_path, outline, outlines, truth_annotations
from survviz.errors import InputError

SQUARE = [[[0, 0], [10, 0], [10, 10], [0, 10], [0, 0]]]
NUMBER = st.one_of(st.integers(-1000, 10**6), st.floats(-1e5, 1e6, allow_nan=False))
RING = st.lists(st.tuples(NUMBER, NUMBER), min_size=3, max_size=8, unique=True).map(
    lambda r: [*map(list, r), list(r[0])]
)
POLYGON = st.lists(RING, min_size=1, max_size=3)


def feature(geometry: dict[str, Any] | None = None, **properties: Any) -> dict[str, Any]:
    return {
        "type": "Feature",
        "geometry": geometry or {"type": "Polygon", "coordinates": SQUARE},
        "properties": properties,
    }


def read(document: Any) -> tuple[Annotation, ...]:
    return read_annotations(json.dumps(document).encode())[0]


@given(st.lists(st.one_of(POLYGON, st.lists(POLYGON, min_size=1, max_size=3)), min_size=1, max_size=4))
@settings(max_examples=150, deadline=None)
def test_round_trip_of_coordinates_is_exact(shapes: list[Any]) -> None:
    features = []
    for shape in shapes:
        kind = "Polygon" if isinstance(shape[0][0][0], int | float) else "MultiPolygon"
        features.append(feature({"type": kind, "coordinates": shape}))
    once = collection(read({"type": "FeatureCollection", "features": features}))
    again = collection(read(json.loads(json.dumps(once))))
    assert [one["geometry"] for one in once["features"]] == [one["geometry"] for one in features]
    assert again == once


def test_everything_else_of_an_object_comes_back() -> None:
    own = str(uuid.uuid4())
    given_ = feature(
        objectType="annotation",
        name="TLS 3",
        classification={"name": "Lymphocytes", "color": [1, 2, 3]},
        isLocked=True,
        metadata={"reader": "A"},
    ) | {"id": own}
    assert collection(read(given_))["features"] == [given_]


@pytest.mark.parametrize(
    ("classification", "name", "colour"),
    [
        ("Tumor", "Tumor", None),
        ({"name": "Stroma", "color": [150, 200, 150]}, "Stroma", (150, 200, 150)),
        ({"names": ["Tumor", "Positive"], "color": [1, 2, 3, 255]}, "Tumor: Positive", (1, 2, 3)),
        ({"name": "Old", "colorRGB": -3670016}, "Old", (200, 0, 0)),
        (None, "", None),
    ],
)
def test_every_spelling_of_a_class_is_read(classification: Any, name: str, colour: Any) -> None:
    (one,) = read(feature(classification=classification))
    assert (one.classification, one.colour) == (name, colour)


def test_what_is_written_is_what_qupath_accepts() -> None:
    annotations = (
        Annotation(Polygon(SQUARE[0]), "a", "Tumour"),
        Annotation(MultiPolygon([Polygon(SQUARE[0])]), classification=""),
    )
    written = collection(annotations, [{"survviz: enrichment": 2.5, "survviz: p": float("nan")}, {}])
    for one in written["features"]:
        assert uuid.UUID(one["id"])
        assert one["properties"]["objectType"] == "annotation"
        classification = one["properties"].get("classification")
        assert classification is None or (classification["name"] and len(classification["color"]) == 3)
        assert all(isinstance(value, float) for value in one["properties"].get("measurements", {}).values())
    assert written["features"][0]["properties"]["measurements"] == {"survviz: enrichment": 2.5}
    json.dumps(written, allow_nan=False)


def test_a_class_has_one_colour() -> None:
    shape = Polygon(SQUARE[0])
    found = class_colours(
        [Annotation(shape, "", "a"), Annotation(shape, "", "b", (9, 9, 9)), Annotation(shape, "", "c")]
    )
    assert found["b"] == (9, 9, 9)
    assert len(set(found.values())) == 3


@pytest.mark.parametrize("form", ["plain", "gzip", "zip", "list", "single"])
def test_every_form_of_file_is_read(form: str) -> None:
    one = feature(name="x")
    document = {"list": [one], "single": one}.get(form, {"type": "FeatureCollection", "features": [one]})
    data = json.dumps(document).encode()
    if form == "gzip":
        data = gzip.compress(data)
    elif form == "zip":
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("slide.geojson", data)
            archive.writestr("readme.txt", "hello")
        data = packed.getvalue()
    assert read_annotations(data, "f")[0][0].name == "x"


def test_trident_contours_are_level_0_pixels_whatever_their_projection_says() -> None:
    document = {
        "type": "FeatureCollection",
        "crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::3857"}},
        "features": [feature(tissue_id=0), feature(tissue_id=1)],
    }
    found = read(document)
    assert [one.name for one in found] == ["tissue 0", "tissue 1"]
    assert found[0].geometry.area == 100


def test_points_and_lines_are_left_out_with_a_notice() -> None:
    found, notices = annotations_of([feature(), feature({"type": "Point", "coordinates": [1, 2]})])
    assert len(found) == 1
    assert "1 Point" in notices[0].text


def test_a_collection_of_polygons_is_one_region() -> None:
    parts = [{"type": "Polygon", "coordinates": SQUARE}, {"type": "LineString", "coordinates": [[0, 0], [1, 1]]}]
    (one,) = read(feature({"type": "GeometryCollection", "geometries": parts}))
    assert one.geometry.area == 100


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"not json", "is no JSON"),
        (b"\xff\xfe\xfd", "no UTF-8"),
        (b"\x1f\x8bbroken", "damaged"),
        (b"PK\x03\x04broken", "damaged"),
        (b'{"type": "Topology"}', "expected a GeoJSON FeatureCollection"),
        (b'{"type": "FeatureCollection", "features": []}', "no region with an area"),
        (b'[{"type": "Feature"}]', "has no geometry"),
        (json.dumps(feature({"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [0, 0]]]})).encode(), "3 or more"),
        (json.dumps(feature({"type": "Polygon", "coordinates": [[["a", 0]]]})).encode(), "not understood"),
        (json.dumps(feature({"type": "Polygon", "coordinates": []})).encode(), "no coordinates"),
        (b'[{"type":"Feature","geometry":{"type":"Polygon","coordinates":[[[0,0],[NaN,1],[2,2]]]}}]', "missing"),
        (json.dumps(feature(classification=7)).encode(), "expected a name"),
        (json.dumps(feature(color="red")).encode(), "from 0 to 255"),
    ],
)
def test_errors_say_what_was_given(data: bytes, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_annotations(data, "mine.geojson")


def test_a_bomb_is_refused() -> None:
    with pytest.raises(InputError, match="unpacks to more than"):
        read_annotations(gzip.compress(b" " * (257 << 20), 1), "bomb.gz")


# ---- masks


@given(st.integers(1, 12), st.integers(1, 12), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_outline_of_a_mask_is_exactly_its_pixels(rows: int, columns: int, random) -> None:
    mask = np.array([[random.random() < 0.5 for _ in range(columns)] for _ in range(rows)])
    area = outline(mask, (16.0, 16.0))
    if area is None:
        assert not mask.any()
        return
    assert area.is_valid
    assert area.area == mask.sum() * 256
    for row in range(rows):
        for column in range(columns):
            centre = shapely.Point(16 * column + 8, 16 * row + 8)
            assert area.contains(centre) == bool(mask[row, column])


def test_outline_has_holes_and_only_corners() -> None:
    mask = np.ones((5, 5), bool)
    mask[2, 2] = False
    area = outline(mask, (1.0, 1.0))
    assert area is not None
    (polygon,) = area.geoms
    assert (len(polygon.exterior.coords), len(polygon.interiors)) == (5, 1)


def test_classes_of_a_mask_have_name_colour_and_a_stable_id() -> None:
    mask = np.array([[0, 1], [2, 2]])
    classes = {"tumour": MaskClass(1, (1, 2, 3)), "stroma": MaskClass(2, (4, 5, 6)), "fat": MaskClass(3, (7, 8, 9))}
    one, two = outlines(mask, classes, (20, 20), "s"), outlines(mask, classes, (20, 20), "s")
    assert [(a.classification, a.colour, a.geometry.area) for a in one] == [
        ("tumour", (1, 2, 3), 100), ("stroma", (4, 5, 6), 200),
    ]  # fmt: skip
    assert [a.id for a in one] == [a.id for a in two]


def test_truth_of_the_sample_cohort_covers_what_the_mask_says() -> None:
    cohort = Path(__file__).parents[2] / "sample_data"
    found = truth_annotations(cohort, "SV07-0166-DX1", (3808, 2896))
    mask = np.asarray(Image.open(cohort / "truth" / "SV07-0166-DX1.png"))
    for one in found:
        assert one.geometry.area == (mask == mask_classes(cohort)[one.name].value).sum() * 256
    assert mask_path(cohort, "../clinical") is None
    with pytest.raises(InputError, match="no region mask"):
        truth_annotations(cohort, "nowhere", (1, 1))
