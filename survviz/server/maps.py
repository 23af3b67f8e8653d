"""One number per patch, as the browser gets it: exact, colourless, and independent of the slide file.

A *layout* holds the corners (N pairs of int32, level-0 pixels) and is shared by all maps of a slide; a *map* holds
N float32 in the same order: times uniform (1 = as much as any other patch), or the signed value itself; a *detail*
holds (heads, folds, N) of them. NaN = no value. All are little-endian. Sending values instead of colours lets the
browser change colour, scale, threshold and opacity without asking again; sending corners instead of a raster keeps
every overlay aligned to the pixel, whatever the grid.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from survviz.errors import InputError
from survviz.server import store
from survviz.server.auth import token_for
from survviz.server.store import Grant
from survviz.types import LEARNT_QUERY, PatchScores

LARGEST_COORDINATE = 2**31 - 1
ALL = "all"
GROUPS = {"clinical": "clinic", LEARNT_QUERY: "model"}
KINDS = {
    "contribution": "Contribution to the risk",
    "perturbation": "Change of the risk without the patch",
    "disagreement": "Disagreement",
}


class Detail(TypedDict):
    """Where a map's values of each head and fold are."""

    token: str
    heads: int
    folds: int


class MapView(TypedDict):
    """A map as the browser takes it; `id` is "kind:query:key:token", of another checkpoint with "@NAME" behind it.

    A weight is a value times `uniform`. `unit` is that of `PatchScores`; `values` names the numbers. `model` names the
    checkpoint where that is not the page's own, else it is empty.
    """

    id: str
    kind: str
    query: str
    key: str
    token: str
    label: str
    layout: str
    values: str
    detail: Detail | None
    patch: int
    n: int
    uniform: float
    signed: bool
    unit: str
    semantics: str
    model: str


def encode_layout(coords: NDArray[np.int64]) -> bytes:
    """Corners as int32 pairs.

    Raises:
        InputError: the coordinates are not (N, 2), or beyond any slide.
    """
    if coords.ndim != 2 or coords.shape[1] != 2:
        raise InputError(f"Patch coordinates of shape {coords.shape} were given; expected (N, 2) of x, y.")
    if coords.size and (coords.min() < 0 or coords.max() > LARGEST_COORDINATE):
        raise InputError(
            f"Patch coordinates from {coords.min()} to {coords.max()} were given; expected level-0 pixels, 0 or more."
        )
    return np.ascontiguousarray(coords, dtype="<i4").tobytes()


def encode_values(scores: PatchScores) -> bytes:
    """Times uniform, or the signed values, as float32.

    Raises:
        InputError: values and coordinates differ in number.
    """
    if len(scores.values) != len(scores.coords):
        raise InputError(f"{len(scores.values)} values were given for {len(scores.coords)} patches; expected one each.")
    return np.ascontiguousarray(scores.fold_over_uniform, dtype="<f4").tobytes()


def decode_layout(data: bytes) -> NDArray[np.int32]:
    """(N, 2) corners."""
    return np.frombuffer(data, dtype="<i4").reshape(-1, 2)


def decode_values(data: bytes) -> NDArray[np.float32]:
    """(N,) times uniform, or signed values."""
    return np.frombuffer(data, dtype="<f4")


def register_maps(
    owner: str,
    scores: Sequence[PatchScores],
    *,
    slide: str | None = None,
    case_id: str = "",
    checkpoint: str = "",
    encoder: str = "",
    labels: Sequence[str] | None = None,
    beside: bool = False,
) -> list[MapView]:
    """Let an owner see maps of one slide; the browser switches between them without asking Python.

    Args:
        scores: all on the same patches.
        slide: token of the slide that they lie on, where there is a file.
        case_id: stands on exports, as do `checkpoint` and `encoder`.
        labels: shown as titles; by default "Hypoxia (genomic → pathology)".
        beside: the checkpoint is another than the page's own; its name then stands in ids, labels and words.

    Raises:
        InputError: the maps are not of the same slide.
    """
    if len({s.slide_id for s in scores}) > 1:
        raise InputError(
            f"Maps of {len({s.slide_id for s in scores})} slides were given; register one slide at a time."
        )
    shared = {"slide": slide, "case_id": case_id, "checkpoint": checkpoint, "encoder": encoder}
    grants: dict[str, Grant] = {}
    views = []
    for score, label in zip(scores, labels or [default_label(s) for s in scores], strict=True):
        if beside:
            words = f"Checkpoint {checkpoint}: {score.semantics}"
            score, label = replace(score, semantics=words), f"{checkpoint}: {label}"
        view, made = _register(owner, score, label, shared)
        if beside:
            view |= {"id": f"{view['id']}@{checkpoint}", "model": checkpoint}
        views.append(view)
        grants |= {grant.token: grant for grant in made}
    store.put(grants.values())
    return views


def _register(
    owner: str, score: PatchScores, label: str, shared: Mapping[str, Any]
) -> tuple[MapView, tuple[Grant, ...]]:
    layout = _grant(owner, "layout", encode_layout(score.coords), {})
    grants = [layout]
    detail: Detail | None = None
    heads, folds, _ = score.by_head.shape
    if heads * folds > 1:
        data = np.ascontiguousarray(score.by_head / score.uniform, dtype="<f4").tobytes()
        grants.append(_grant(owner, "detail", data, {"heads": heads, "folds": folds}))
        detail = Detail(token=grants[-1].token, heads=heads, folds=folds)
    about = {
        "kind": score.kind,
        "query": score.query,
        "key": score.key,
        "token": score.token,
        "patch": score.patch_size_level0,
        "uniform": score.uniform,
        "signed": score.signed,
        "unit": score.unit,
        "semantics": score.semantics,
        "layout": layout.token,
    }
    payload = {**about, **shared, "slide_id": score.slide_id, "detail": detail and detail["token"], "label": label}
    values = _grant(owner, "map", encode_values(score), payload)
    view = MapView(
        **about,
        id=f"{score.kind}:{score.query}:{score.key}:{score.token}",
        label=label,
        values=values.token,
        detail=detail,
        n=len(score.coords),
        model="",
    )
    return view, (*grants, values)


def register_map(owner: str, scores: PatchScores, *, label: str | None = None) -> MapView:
    """Let an owner see one map."""
    return register_maps(owner, [scores], labels=None if label is None else [label])[0]


def default_label(scores: PatchScores) -> str:
    """For example "Hypoxia (genomic → pathology)" or "Disagreement: Hypoxia (genomic → pathology)"."""
    if scores.kind in ("contribution", "perturbation"):
        return KINDS[scores.kind]
    query, key = (GROUPS.get(group, group) for group in (scores.query, scores.key))
    token = "All tokens" if scores.token == ALL else scores.token
    if scores.query == LEARNT_QUERY:
        token = "The model's own query"
    label = f"{token} ({query} → {key})"
    return label if scores.kind == "attention" else f"{KINDS[scores.kind]}: {label}"


def _grant(owner: str, kind: str, data: bytes, payload: Mapping[str, Any]) -> Grant:
    digest = hashlib.sha256(data)
    digest.update(json.dumps(dict(payload), sort_keys=True).encode())
    return Grant(token_for(owner, kind, digest.hexdigest()), owner, kind, payload, data)
