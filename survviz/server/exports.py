"""Routes that make files from maps: QuPath, CSV, figures, DICOM. Everything is rebuilt from tokens of one owner.

Parameters of the address, as the browser's settings name them: `head`, `fold`, `scale`, `range`, `colormap`,
`threshold`, `opacity`, `smooth`; `map` (repeated): further maps of the same file; `case` (repeated): the same map of
the case's other slides, so that one scale is common to all.
"""

from __future__ import annotations

import asyncio
import io
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from survviz.errors import InputError
from survviz.figures.figure import Panel, figure
from survviz.figures.geojson import features, geojson_chunks, gzip_chunks
from survviz.figures.patch_map import PatchMap, same_patches
from survviz.figures.scaling import Look
from survviz.figures.sheet import to_png, to_svg
from survviz.figures.table import csv_chunks
from survviz.server.map_files import (
    MEAN,
    case_summary,
    file_stem,
    known_mpp,
    map_grant,
    panel_of,
    patch_map_of,
    slide_grant,
)
from survviz.server.second_panel import second_panel
from survviz.server.slides import slide_cache
from survviz.server.store import Grant

AT_ONCE = 2
MOST_MAPS = 400
MOST_TOP = 1000
PX, READABLE_PX = 1600, 1000
DICOM = "application/dicom"
FRESH = {"cache-control": "private, no-store"}


def routes(prefix: str, limited: Callable[..., Any], quick: Callable[..., Any]) -> list[BaseRoute]:
    """The routes; `limited` answers only the owner of the token, as in `survviz.server.routes`."""
    limit = asyncio.Semaphore(AT_ONCE)  # its own: a report must not hold up tiles

    def route(name: str, answer: Callable[[Request, Grant], Response]) -> Route:
        return Route(f"{prefix}/export/{{token}}/{name}", limited("map", answer, limit=limit, deed="export"))

    return [
        route("tiles.geojson.gz", _tiles),
        route("top.geojson", _top),
        route("maps.csv", _table),
        route("figure.png", _png),
        route("figure.svg", _svg),
        route("parametric_map.dcm", _parametric_map),
        route("annotations.dcm", _annotations),
        route("dicom.zip", _dicom_set),
    ]


def look_of(values: Any) -> Look:
    """How the browser draws, from the parameters of an address.

    Raises:
        InputError: a parameter is no number, or out of range.
    """
    default = Look()

    def number(name: str, otherwise: float) -> float:
        text = str(values.get(name, otherwise))
        try:
            return float(text)
        except ValueError as error:
            raise InputError(f"{name}={text} was given; expected a number.") from error

    return Look(
        scale=values.get("scale") or None,
        range=number("range", default.range),
        colormap=values.get("colormap") or default.colormap,
        threshold=number("threshold", default.threshold),
        opacity=number("opacity", default.opacity),
        smooth=str(values.get("smooth", "false")).lower() in ("1", "true"),
    )


def _whole(request: Request, name: str, otherwise: int, most: int) -> int:
    text = request.query_params.get(name, str(otherwise))
    if not text.isdecimal() or not 1 <= int(text) <= most:
        raise InputError(f"{name}={text} was given; expected a whole number from 1 to {most}.")
    return int(text)


def _chosen(request: Request) -> tuple[str, str]:
    return request.query_params.get("head", MEAN), request.query_params.get("fold", MEAN)


def _grants(request: Request, name: str, owner: str) -> list[Grant]:
    tokens = request.query_params.getlist(name)
    if len(tokens) > MOST_MAPS:
        raise InputError(f"{len(tokens)} maps were asked for; one file holds at most {MOST_MAPS}.")
    return [map_grant(token, owner) for token in dict.fromkeys(tokens)]


def _maps(request: Request, grant: Grant) -> list[PatchMap]:
    """The map of the address, with its head and fold, then the further ones."""
    more = [other for other in _grants(request, "map", grant.owner) if other.token != grant.token]
    return [patch_map_of(grant, *_chosen(request)), *(patch_map_of(other) for other in more)]


def attachment(body: bytes | Iterator[bytes], name: str, media_type: str) -> Response:
    """A file to be saved under a name."""
    headers = {**FRESH, "content-disposition": f'attachment; filename="{name}"'}
    if isinstance(body, bytes):
        return Response(body, media_type=media_type, headers=headers)
    return StreamingResponse(body, media_type=media_type, headers=headers)


def _tiles(request: Request, grant: Grant) -> Response:
    maps = _maps(request, grant)
    same_patches(maps)  # before the first byte: afterwards an error could not be told
    look, summary = look_of(request.query_params), case_summary(maps[0], _grants(request, "case", grant.owner))
    items = features(maps, kind="tile", look=look, summary=summary)
    name = f"{file_stem(maps[0], 'qupath-tiles')}.geojson.gz"
    return attachment(gzip_chunks(geojson_chunks(items)), name, "application/gzip")


def _top(request: Request, grant: Grant) -> Response:
    maps, top = _maps(request, grant), _whole(request, "top", 50, MOST_TOP)
    same_patches(maps)
    look, summary = look_of(request.query_params), case_summary(maps[0], _grants(request, "case", grant.owner))
    items = features(maps, kind="annotation", top=top, look=look, summary=summary)
    name = f"{file_stem(maps[0], f'qupath-top{top}')}.geojson"
    return attachment(b"".join(geojson_chunks(items)), name, "application/geo+json")


def _table(request: Request, grant: Grant) -> Response:
    maps = _maps(request, grant)
    by_slide: dict[str, list[PatchMap]] = {}
    for one in maps:
        by_slide.setdefault(one.slide_id, []).append(one)
    for group in by_slide.values():
        same_patches(group)
    what = "case-table" if len(by_slide) > 1 else "table"
    return attachment(csv_chunks(maps), f"{file_stem(maps[0], what)}.csv", "text/csv; charset=utf-8")


def _panels(request: Request, grant: Grant) -> list[Panel]:
    px, look = _whole(request, "px", PX, 10 * PX), look_of(request.query_params)
    first = panel_of(grant, _grants(request, "case", grant.owner), look, px, *_chosen(request))
    beside = second_panel(request.query_params, grant, first, look, px)
    return [first] if beside is None else [first, beside]


def _png(request: Request, grant: Grant) -> Response:
    panels = _panels(request, grant)
    dense = max(1.0, panels[0].thumbnail.shape[1] / READABLE_PX)  # words grow with the picture, whose pixels stay
    shown = panels[0].patch_map
    assert shown is not None
    body = to_png(figure(panels, dense=dense), dense)
    return attachment(body, f"{file_stem(shown, 'figure')}.png", "image/png")


def _svg(request: Request, grant: Grant) -> Response:
    panels = _panels(request, grant)
    shown = panels[0].patch_map
    assert shown is not None
    return attachment(to_svg(figure(panels)).encode(), f"{file_stem(shown, 'figure')}.svg", "image/svg+xml")


def _grid(grant: Grant, patch_map: PatchMap) -> Any:
    """Where a DICOM map lies: a level of the slide where that is DICOM, else an overview made here."""
    from survviz.figures.dicom_source import require_highdicom, slide_grid

    require_highdicom()
    slide = slide_grant(grant)
    if slide is None:
        raise InputError(
            "DICOM places a map on its slide, and the file of this slide is not at hand. Add it on the page Load case."
        )
    with slide_cache().borrow(slide.payload["path"], slide.payload["mpp"]) as (opened, _):
        size, vendor = opened.dimensions, opened.vendor
    return slide_grid(patch_map, Path(slide.payload["path"]), vendor, size, known_mpp(slide)[0])


def _parametric_map(request: Request, grant: Grant) -> Response:
    from survviz.figures.dicom import parametric_map

    shown = patch_map_of(grant, *_chosen(request))
    return attachment(parametric_map(shown, _grid(grant, shown)), f"{file_stem(shown, 'heatmap')}.dcm", DICOM)


def _annotations(request: Request, grant: Grant) -> Response:
    from survviz.figures.dicom import bulk_annotations

    maps = _maps(request, grant)
    return attachment(bulk_annotations(maps, _grid(grant, maps[0])), f"{file_stem(maps[0], 'annotations')}.dcm", DICOM)


def _dicom_set(request: Request, grant: Grant) -> Response:
    """Map and annotations, and the overview that they lie on where the slide itself is not DICOM."""
    from survviz.figures.dicom import bulk_annotations, parametric_map
    from survviz.figures.dicom_slide import overview_image

    maps = _maps(request, grant)
    grid = _grid(grant, maps[0])
    parts = {"heatmap.dcm": parametric_map(maps[0], grid), "annotations.dcm": bulk_annotations(maps, grid)}
    slide = slide_grant(grant)
    if not grid.is_source and slide is not None:
        with slide_cache().borrow(slide.payload["path"], slide.payload["mpp"]) as (opened, _):
            extent = (grid.width * grid.downsample, grid.height * grid.downsample)
            pixels = opened.read_area(0, 0, *extent, grid.width, grid.height)
        parts["slide_overview.dcm"] = overview_image(grid, pixels, known_mpp(slide)[0] or 0.0)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in parts.items():
            archive.writestr(zipfile.ZipInfo(name), body, zipfile.ZIP_DEFLATED)
    return attachment(out.getvalue(), f"{file_stem(maps[0], 'dicom')}.zip", "application/zip")
