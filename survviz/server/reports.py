"""The case report: what the page registers of a case, and the routes that put it together with collected maps."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from survviz.data.strict_json import read_strict_json
from survviz.errors import InputError
from survviz.figures.figure import figure, provenance_lines
from survviz.figures.legend import map_title, value_text
from survviz.figures.report import PatchPicture, Report, Section, clean_table
from survviz.figures.table import ranks
from survviz.phi import exported_id, without_ids
from survviz.server import store
from survviz.server.auth import token_for
from survviz.server.exports import attachment, look_of
from survviz.server.map_files import MEAN, map_grant, panel_of, patch_map_of, slide_grant
from survviz.server.register import render_patch
from survviz.server.second_panel import second_panel
from survviz.server.store import Grant
from survviz.types import Horizon, Notice, Prediction

MOST_ITEMS = 40
MOST_PATCHES = 12
PICTURE_PX, DENSE = 1280, 2
PATCH_PX = 256
ARRAYS = ("risk_per_fold", "times", "survival", "survival_per_fold")


def register_report(
    owner: str,
    case_id: str,
    checkpoint: str,
    *,
    prediction: Prediction | None = None,
    notices: Sequence[Notice] = (),
    provenance: Sequence[str] = (),
    slides: Sequence[str] = (),
) -> str:
    """Let an owner make reports of a case; returns the token of the report.

    Args:
        provenance: more lines that say where things come from, for example the encoder of the patches.
        slides: their ids, which notices may name; ids that look personal leave as pseudonyms.
    """
    payload = {
        "case_id": exported_id(case_id, "case"),
        "checkpoint": checkpoint,
        "prediction": None if prediction is None else _plain(prediction),
        "notices": [asdict(notice) | {"text": without_ids(notice.text, slides, (case_id,))} for notice in notices],
        "provenance": list(provenance),
    }
    digest = hashlib.sha256(json.dumps(payload, sort_keys=True).encode()).hexdigest()
    token = token_for(owner, "report", digest)
    store.put([Grant(token, owner, "report", payload)])
    return token


def _plain(prediction: Prediction) -> dict[str, Any]:
    values = asdict(prediction)
    return values | {name: values[name].tolist() for name in ARRAYS} | {"notices": []}


def _prediction(values: Mapping[str, Any] | None) -> Prediction | None:
    if values is None:
        return None
    arrays = {name: np.array(values[name], dtype=np.float64) for name in ARRAYS}
    horizons = tuple(Horizon(**horizon) for horizon in values["horizons"])
    tuples = {name: tuple(values[name]) for name in ("folds", "present")}
    return Prediction(**{**values, **arrays, **tuples, "horizons": horizons, "notices": ()})


def routes(prefix: str, limited: Callable[..., Any], quick: Callable[..., Any]) -> list[BaseRoute]:
    """The routes; `limited` answers only the owner of the token, as in `survviz.server.routes`."""
    limit = asyncio.Semaphore(1)  # its own: a report must not hold up tiles
    return [
        Route(prefix + "/report/{token}.html", limited("report", _html, limit=limit, deed="export")),
        Route(prefix + "/report/{token}.pdf", limited("report", _pdf, limit=limit, deed="export")),
    ]


def _html(request: Request, grant: Grant) -> Response:
    from survviz.figures.report_html import report_html

    body = report_html(report_of(grant, request.query_params.getlist("item"))).encode()
    return attachment(body, f"{_stem(grant)}.html", "text/html; charset=utf-8")


def _pdf(request: Request, grant: Grant) -> Response:
    from survviz.figures.report_pdf import report_pdf

    body = report_pdf(report_of(grant, request.query_params.getlist("item")))
    return attachment(body, f"{_stem(grant)}.pdf", "application/pdf")


def _stem(grant: Grant) -> str:
    return f"survviz_report_{hashlib.sha256(grant.payload['case_id'].encode()).hexdigest()[:8]}"


def report_of(grant: Grant, items: Sequence[str]) -> Report:
    """The report of a case with what a person collected, in their order.

    Args:
        items: JSON objects; `kind` is "map", "patches" or "table".

    Raises:
        InputError: an item cannot be read, or is not this owner's.
    """
    if len(items) > MOST_ITEMS:
        raise InputError(f"{len(items)} items were collected; a report holds at most {MOST_ITEMS}.")
    known = grant.payload
    made = [_section(grant.owner, item) for item in items]
    lines = list(dict.fromkeys([*known["provenance"], *(line for _, more in made for line in more)]))
    return Report(
        case_id=known["case_id"],
        checkpoint=known["checkpoint"],
        prediction=_prediction(known["prediction"]),
        notices=tuple(Notice(**notice) for notice in known["notices"]),
        sections=tuple(section for section, _ in made),
        provenance=tuple(lines),
    )


class _Values(dict):
    """Settings of an item, read like those of an address."""

    def getlist(self, name: str) -> list[str]:
        """A list of strings; a single value counts as one."""
        found = self.get(name) or []
        return [str(value) for value in (found if isinstance(found, list) else [found])]


def _section(owner: str, text: str) -> tuple[Section, list[str]]:
    """A section, and the lines of provenance that belong to it."""
    try:
        item = read_strict_json(text)
    except ValueError as error:
        raise InputError("An item of the report is not JSON. Remove it from the report and add it again.") from error
    makers = {"map": _map_section, "patches": _patches_section, "table": _table_section}
    if not isinstance(item, dict) or str(item.get("kind")) not in makers:
        raise InputError(f"An item of the report has an unknown kind; expected {', '.join(makers)}.")
    return makers[str(item["kind"])](owner, _Values(item))


def _words(item: _Values) -> tuple[str, ...]:
    note = str(item.get("note") or "")[:500]
    return (note,) if note else ()


def _map_section(owner: str, item: _Values) -> tuple[Section, list[str]]:
    grant, look = map_grant(str(item.get("token")), owner), look_of(item)
    others = [map_grant(token, owner) for token in item.getlist("case")]
    first = panel_of(grant, others, look, PICTURE_PX, str(item.get("head", MEAN)), str(item.get("fold", MEAN)))
    beside = second_panel(item, grant, first, look, PICTURE_PX)
    assert first.patch_map is not None
    drawings = [figure([first], dense=DENSE)]
    if beside is not None and beside.patch_map is not None:  # below each other: side by side, words would be too small
        drawings.append(figure([beside], dense=DENSE))
    return Section(map_title(first.patch_map), _words(item), tuple(drawings)), []


def _patches_section(owner: str, item: _Values) -> tuple[Section, list[str]]:
    """The patches that were chosen, or the top ones of a map."""
    grant = map_grant(str(item.get("token")), owner)
    slide = slide_grant(grant)
    if slide is None:
        raise InputError("A report shows pixels of patches, and the slide file of this map is not at hand.")
    patch_map = patch_map_of(grant, str(item.get("head", MEAN)), str(item.get("fold", MEAN)))
    order, side = ranks(np.nan_to_num(patch_map.values, nan=-np.inf)), patch_map.patch_size_level0
    chosen = [int(index) for index in item.getlist("patches") if index.isdecimal()]
    chosen = chosen or np.argsort(order)[:MOST_PATCHES].tolist()
    if any(index >= len(patch_map) for index in chosen) or len(chosen) > MOST_ITEMS:
        raise InputError(f"Patches of {len(patch_map)} were expected, {MOST_ITEMS} at most; {chosen} were given.")
    pictures = []
    for index in chosen:
        x, y = (int(value) for value in patch_map.coords[index])
        value = value_text(patch_map, float(patch_map.values[index]))
        words = f"rank {order[index]:,} · {value} · x {x:,}, y {y:,}"
        pictures.append(PatchPicture(render_patch(slide, x, y, side, PATCH_PX), words))
    mpp = patch_map.provenance.mpp
    extent = f"Each {side * mpp:.0f} × {side * mpp:.0f} µm. " if mpp else ""
    said = f"{extent}Ranks and values of the map “{map_title(patch_map)}”, slide {patch_map.slide_id}."
    return Section("Patches", (*_words(item), said), patches=tuple(pictures)), provenance_lines(patch_map)


def _table_section(owner: str, item: _Values) -> tuple[Section, list[str]]:
    table = clean_table(item.get("caption", ""), item.get("columns"), item.get("rows"))
    return Section(str(item.get("title", "Regions"))[:120], _words(item), table=table), []
