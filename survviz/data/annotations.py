"""Regions that a person drew, as QuPath keeps them: GeoJSON polygons with a name and a class.

Coordinates are level-0 pixels, origin top left. They are read and written without any change: what is written back is
number for number what was read, holes included. Read are QuPath's exports (a FeatureCollection, one Feature or a list
of them; `.geojson` or `.json`, plain, gzip or zip) and TRIDENT's tissue contours, whose declared map projection
(EPSG:3857) means nothing and is ignored.
"""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from shapely.geometry import MultiPolygon, Polygon

from survviz.data.annotation_files import unpacked
from survviz.data.strict_json import read_strict_json
from survviz.errors import InputError
from survviz.types import Notice

Area: TypeAlias = Polygon | MultiPolygon
Colour: TypeAlias = tuple[int, int, int]

LARGEST_COORDINATE = 2**31
OBJECT_TYPES = ("annotation", "detection", "tile", "cell", "tmaCore", "root")
UNCLASSIFIED = ""
CLASS_SEPARATOR = ": "  # as QuPath joins the names of a derived class
PALETTE: tuple[Colour, ...] = (  # Okabe and Ito 2008
    (0, 114, 178), (213, 94, 0), (0, 158, 115), (204, 121, 167), (86, 180, 233), (230, 159, 0), (240, 228, 66),
)  # fmt: skip
_NAMESPACE = uuid.UUID("0d9ad3c5-0a58-5a0b-8c43-5b9a0fd1f5c2")


@dataclass(frozen=True, slots=True)
class Annotation:
    """One region of a slide.

    Attributes:
        geometry: polygons in level-0 pixels, exactly as read; it may be invalid (an outline that crosses itself).
        classification: name of its class, "" = none; a derived class is "Tumor: Positive".
        colour: of the class, red, green and blue from 0 to 255.
        id: a UUID; what is no UUID in a file is replaced.
        kind: QuPath's object type.
        more: other properties of the object (locked, metadata, ...), written back as they came.
    """

    geometry: Area
    name: str = ""
    classification: str = UNCLASSIFIED
    colour: Colour | None = None
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    kind: str = "annotation"
    more: Mapping[str, Any] = field(default_factory=dict)


# ---- reading


def read_annotations(data: bytes, name: str = "the file") -> tuple[tuple[Annotation, ...], tuple[Notice, ...]]:
    """The regions of a file's bytes, and what was left out.

    Args:
        name: of the file, for messages.

    Raises:
        InputError: it is no GeoJSON, holds no region with an area, or a ring is not understood.
    """
    features: list[Any] = []
    for text in unpacked(data, name):
        try:
            features += features_of(read_strict_json(text))
        except (ValueError, RecursionError) as error:
            raise InputError(f"{name} is no JSON ({error}). Export the objects from QuPath as GeoJSON.") from None
    return annotations_of(features, name)


def features_of(document: Any) -> list[Any]:
    """The features of a FeatureCollection, a single Feature, or a list of either.

    Raises:
        InputError: it is none of these.
    """
    if isinstance(document, list):
        return [feature for item in document for feature in features_of(item)]
    kind = document.get("type") if isinstance(document, dict) else type(document).__name__
    if kind == "FeatureCollection" and isinstance(document.get("features"), list):
        return document["features"]
    if kind == "Feature":
        return [document]
    raise InputError(f"A JSON document of type {kind!r} was given; expected a GeoJSON FeatureCollection or Feature.")


def annotations_of(
    features: Iterable[Any], name: str = "the file"
) -> tuple[tuple[Annotation, ...], tuple[Notice, ...]]:
    """The regions among GeoJSON features; points and lines have no area and are left out, with a notice.

    Raises:
        InputError: no feature has an area, or one is not understood.
    """
    found: list[Annotation] = []
    left_out: dict[str, int] = {}
    for number, feature in enumerate(features, start=1):
        where = f"Object {number} of {name}"
        if not isinstance(feature, dict) or not isinstance(feature.get("geometry"), dict):
            raise InputError(f"{where} has no geometry; expected a GeoJSON Feature with a Polygon or MultiPolygon.")
        geometry = _area(feature["geometry"], where)
        if geometry is None:
            kind = str(feature["geometry"].get("type"))
            left_out[kind] = left_out.get(kind, 0) + 1
            continue
        found.append(_annotation(feature, geometry, where))
    if not found:
        kinds = ", ".join(f"{count} {kind}" for kind, count in left_out.items()) or "no object"
        raise InputError(f"{name} holds {kinds}, but no region with an area; expected Polygon or MultiPolygon objects.")
    if not left_out:
        return tuple(found), ()
    words = ", ".join(f"{count} {kind}" for kind, count in left_out.items())
    text = f"{words} of {name} left out: they have no area. {len(found)} regions were read."
    return tuple(found), (Notice("warning", "annotations.no-area", text),)


def _area(geometry: Mapping[str, Any], where: str) -> Area | None:
    kind, coordinates = geometry.get("type"), geometry.get("coordinates")
    try:
        if kind == "Polygon":
            return _polygon(coordinates, where)
        if kind == "MultiPolygon":
            return MultiPolygon([_polygon(part, where) for part in _listed(coordinates, where)])
        if kind == "GeometryCollection":
            parts = [_area(part, where) for part in _listed(geometry.get("geometries"), where)]
            polygons = [one for part in parts if part is not None for one in polygons_of(part)]
            return MultiPolygon(polygons) if polygons else None
    except (TypeError, ValueError, AttributeError, LookupError, ArithmeticError) as error:
        raise InputError(f"{where}: its coordinates are not understood ({error}).") from None
    return None


def _listed(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list) or not value:
        raise InputError(f"{where} has no coordinates; expected rings of [x, y] points.")
    return value


def _polygon(rings: Any, where: str) -> Polygon:
    shell, *holes = (_ring(ring, where) for ring in _listed(rings, where))
    return Polygon(shell, holes)


def _ring(ring: Any, where: str) -> list[tuple[float, float]]:
    points = [(float(point[0]), float(point[1])) for point in _listed(ring, where)]
    if len(set(points)) < 3:
        raise InputError(f"{where} has a ring with {len(set(points))} different points; an area needs 3 or more.")
    if not all(math.isfinite(value) and abs(value) < LARGEST_COORDINATE for point in points for value in point):
        raise InputError(f"{where} has a coordinate that is missing or beyond any slide; expected level-0 pixels.")
    return points if points[0] == points[-1] else [*points, points[0]]


def polygons_of(area: Area) -> list[Polygon]:
    """The polygons of an area, one or several."""
    return list(area.geoms) if isinstance(area, MultiPolygon) else [area]


def _annotation(feature: Mapping[str, Any], geometry: Area, where: str) -> Annotation:
    properties = feature.get("properties") or {}
    if not isinstance(properties, dict):
        raise InputError(f"{where} has properties of type {type(properties).__name__}; expected an object.")
    classification, colour = _classification(properties.get("classification"), where)
    own = properties.get("color")
    kind = properties.get("objectType", properties.get("object_type", "annotation"))
    known = ("objectType", "object_type", "name", "classification", "measurements")
    tissue = properties.get("tissue_id")
    return Annotation(
        geometry=geometry,
        name=str(properties.get("name") or ("" if tissue is None else f"tissue {tissue}")),
        classification=classification,
        colour=colour or (None if own is None else _colour(own, where)),
        id=_uuid(feature.get("id")),
        kind=kind if kind in OBJECT_TYPES else "annotation",
        more={key: value for key, value in properties.items() if key not in known and _can_be_written(value)},
    )


def _classification(value: Any, where: str) -> tuple[str, Colour | None]:
    if value is None:
        return UNCLASSIFIED, None
    if isinstance(value, str):
        return value, None
    if not isinstance(value, dict):
        raise InputError(
            f"{where} has the classification {value!r}; expected a name, or an object with name and color."
        )
    names = value.get("names") or [value.get("name") or ""]
    colour = value.get("color", value.get("colorRGB"))
    return CLASS_SEPARATOR.join(str(name) for name in names), None if colour is None else _colour(colour, where)


def _colour(value: Any, where: str) -> Colour:
    if isinstance(value, int) and not isinstance(value, bool):  # packed, as Java keeps it
        return (value >> 16) & 255, (value >> 8) & 255, value & 255
    if isinstance(value, list) and len(value) in (3, 4) and all(map(_is_number, value)):
        red, green, blue = (min(max(int(part), 0), 255) for part in value[:3])
        return red, green, blue
    raise InputError(f"{where} has the colour {value!r}; expected [red, green, blue] from 0 to 255.")


def _can_be_written(value: Any) -> bool:
    """JSON has no NaN and no infinity, though Python reads them."""
    try:
        json.dumps(value, allow_nan=False)
    except ValueError:
        return False
    return True


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and abs(value) < LARGEST_COORDINATE  # neither infinite nor NaN


def _uuid(value: Any) -> str:
    try:
        return str(uuid.UUID(str(value)))
    except ValueError:
        return str(uuid.uuid4())


# ---- writing


def collection(
    annotations: Sequence[Annotation], measurements: Sequence[Mapping[str, float]] | None = None
) -> dict[str, Any]:
    """A FeatureCollection that QuPath opens.

    Args:
        measurements: name -> number, per annotation; what is not finite is left out.
    """
    colours = class_colours(annotations)
    measured = measurements if measurements is not None else [{}] * len(annotations)
    features = [_feature(one, colours, values) for one, values in zip(annotations, measured, strict=True)]
    return {"type": "FeatureCollection", "features": features}


def class_colours(annotations: Iterable[Annotation]) -> dict[str, Colour]:
    """A colour for every class: its own where one is given, else the next of a colour-vision safe palette."""
    own: dict[str, Colour] = {}
    names = []
    for one in annotations:
        names.append(one.classification)
        if one.colour is not None:
            own.setdefault(one.classification, one.colour)
    return {name: own.get(name, PALETTE[place % len(PALETTE)]) for place, name in enumerate(dict.fromkeys(names))}


def _feature(one: Annotation, colours: Mapping[str, Colour], measured: Mapping[str, float]) -> dict[str, Any]:
    properties: dict[str, Any] = {"objectType": one.kind, **one.more}
    if one.name:
        properties["name"] = one.name
    colour = list(one.colour or colours[one.classification])
    if one.classification:
        properties["classification"] = {"name": one.classification, "color": colour}
    else:
        properties["color"] = colour
    finite = {name: float(value) for name, value in measured.items() if math.isfinite(value)}
    if finite:
        properties["measurements"] = finite
    return {"type": "Feature", "id": one.id, "geometry": geometry_of(one.geometry), "properties": properties}


def geometry_of(area: Area) -> dict[str, Any]:
    """GeoJSON geometry with the very numbers of the area; whole ones without a decimal point."""
    if isinstance(area, MultiPolygon):
        return {"type": "MultiPolygon", "coordinates": [_rings(part) for part in area.geoms]}
    return {"type": "Polygon", "coordinates": _rings(area)}


def _rings(polygon: Polygon) -> list[list[list[float]]]:
    return [[[_number(x), _number(y)] for x, y in ring.coords] for ring in (polygon.exterior, *polygon.interiors)]


def _number(value: float) -> float:
    return int(value) if value.is_integer() else value


def stable_id(*parts: str) -> str:
    """A UUID that depends on the parts only."""
    return str(uuid.uuid5(_NAMESPACE, "/".join(parts)))
