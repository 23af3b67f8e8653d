"""What a figure shows beside its map: the bare slide, another map, or the difference of the two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from survviz.errors import InputError
from survviz.figures.figure import Panel
from survviz.figures.patch_map import PatchMap, same_patches
from survviz.figures.scaling import Look, Summary, ranks_among, summarise
from survviz.server.map_files import MEAN, map_grant, panel_of, patch_map_of
from survviz.server.store import Grant

SHOWS = ("slide", "map", "difference")
SMALLEST = 2.0**-10
"""Attention below this is taken as this, so that 0 has a logarithm; as in survviz/server/web/difference.js."""

WAYS = {
    "log2": "log₂ of A ÷ B, each times uniform: +1 = A looks twice as much as B, −1 = half as much.",
    "same": "A minus B, in the unit of both.",
    "rank": "Percentile rank in A minus that in B: above 0 the patch ranks higher in A.",
}


def second_panel(values: Any, grant: Grant, first: Panel, look: Look, px: int) -> Panel | None:
    """The panel that an address asks for by `second`, `other`, `other_head`, `other_fold` and `other_case`.

    Raises:
        InputError: there is no such panel, or the other map does not fit.
    """
    shows = values.get("second") or ""
    if not shows:
        return None
    if shows not in SHOWS:
        raise InputError(f"second={shows} was given; expected {', '.join(SHOWS)}.")
    if shows == "slide":
        return replace(first, patch_map=None, summary=None)
    other = map_grant(str(values.get("other")), grant.owner)
    others = [map_grant(token, grant.owner) for token in values.getlist("other_case")]
    look = replace(look, scale=values.get("other_scale") or None)
    if shows == "map":
        return panel_of(other, others, look, px, *_chosen(values, "other_"))
    beside = [map_grant(token, grant.owner) for token in values.getlist("case")]
    mine = [patch_map_of(one, *_chosen(values)) for one in (grant, *beside)]
    theirs = [patch_map_of(one, *_chosen(values, "other_")) for one in (other, *others)]
    found = differences(mine, theirs)
    return Panel(first.thumbnail, first.slide_size, found[0], look, summarise(found))


def _chosen(values: Any, prefix: str = "") -> tuple[str, str]:
    return str(values.get(f"{prefix}head", MEAN)), str(values.get(f"{prefix}fold", MEAN))


def differences(mine: Sequence[PatchMap], theirs: Sequence[PatchMap]) -> list[PatchMap]:
    """A minus B on every slide that both have; the first slide of `mine` comes first.

    Raises:
        InputError: that slide has no B, or the two lie on different patches.
    """
    ends = summarise(mine), summarise(theirs)
    by_slide = {other.slide_id: other for other in theirs}
    if mine[0].slide_id not in by_slide:
        raise InputError(f"The second map is not of slide {mine[0].slide_id}; a difference needs one slide.")
    return [difference(one, by_slide[one.slide_id], *ends) for one in mine if one.slide_id in by_slide]


def difference(a: PatchMap, b: PatchMap, ends_a: Summary, ends_b: Summary) -> PatchMap:
    """Of attention log2 of A over B, of one unit A minus B, else the difference of their ranks in the case.

    Raises:
        InputError: they lie on different patches.
    """
    same_patches([a, b])
    way, unit = "rank", "rank"
    if a.nature == b.nature == "share":
        way = unit = "log2"
        values = np.log2(np.maximum(a.values, SMALLEST)) - np.log2(np.maximum(b.values, SMALLEST))
    elif (a.nature, a.unit) == (b.nature, b.unit):
        way, unit = "same", a.unit
        values = a.values - b.values
    else:
        values = ranks_among(a.values, ends_a.known) - ranks_among(b.values, ends_b.known)
    names = [f"{one.kind}, {one.token_words}" for one in (a, b)]
    if a.provenance.checkpoint != b.provenance.checkpoint:
        names = [f"{one.provenance.checkpoint}: {name}" for one, name in zip((a, b), names, strict=True)]
    return replace(
        a,
        kind="difference",
        token=f"{names[0]} − {names[1]}",
        values=values.astype(np.float32),
        uniform=1.0,
        nature="signed",
        unit=unit,
        semantics=f"{WAYS[way]} A: {names[0]}. B: {names[1]}.",
    )
