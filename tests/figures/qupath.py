"""What QuPath accepts, as a strict check: written from its adapters' documented behaviour, not from our writer.

Rules (QuPath 0.4 and later): a FeatureCollection of Features; `id` parses as a UUID; the geometry is a closed polygon
in full-resolution pixels; `objectType` is a known one; `measurements` is an object of numbers; `classification` is a
string, or an object with name *and* colour; `color` has three numbers of a byte; `metadata` holds primitives.
"""

from __future__ import annotations

import uuid
from typing import Any

import jsonschema

COLOUR = {
    "type": "array",
    "items": {"type": "integer", "minimum": 0, "maximum": 255},
    "minItems": 3,
    "maxItems": 3,
}
POINT = {"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 2, "maxItems": 2}
FEATURE = {
    "type": "object",
    "required": ["type", "id", "geometry", "properties"],
    "additionalProperties": False,
    "properties": {
        "type": {"const": "Feature"},
        "id": {"type": "string"},
        "geometry": {
            "type": "object",
            "required": ["type", "coordinates"],
            "additionalProperties": False,
            "properties": {
                "type": {"const": "Polygon"},
                "coordinates": {
                    "type": "array",
                    "minItems": 1,
                    "items": {"type": "array", "items": POINT, "minItems": 4},
                },
            },
        },
        "properties": {
            "type": "object",
            "required": ["objectType"],
            "additionalProperties": False,
            "properties": {
                "objectType": {"enum": ["annotation", "detection", "tile", "cell", "tmaCore", "root"]},
                "name": {"type": "string"},
                "color": COLOUR,
                "isLocked": {"type": "boolean"},
                "metadata": {"type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]}},
                "measurements": {"type": "object", "additionalProperties": {"type": "number"}},
                "classification": {
                    "oneOf": [
                        {"type": "string"},
                        {
                            "type": "object",
                            "required": ["name", "color"],
                            "properties": {"name": {"type": "string"}, "color": COLOUR},
                        },
                    ]
                },
            },
        },
    },
}
_VALIDATOR = jsonschema.Draft202012Validator(FEATURE)


def check_collection(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Assert that QuPath would take every object; returns them."""
    assert set(document) == {"type", "features"}
    assert document["type"] == "FeatureCollection"
    features = document["features"]
    for item in features:
        _VALIDATOR.validate(item)
        uuid.UUID(item["id"])
        for ring in item["geometry"]["coordinates"]:
            assert ring[0] == ring[-1], "a ring must be closed"
            assert len({tuple(point) for point in ring}) == len(ring) - 1, "a ring must not cross itself"
    ids = [item["id"] for item in features]
    assert len(set(ids)) == len(ids), "two objects of one id: QuPath keeps one"
    return features
