"""What a figure shows beside its map: the bare slide, another map, or the difference of the two."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from survviz.errors import InputError
from survviz.figures.figure import Panel
from survviz.figures.patch_map import PatchMap, same_patches
from survviz.figures.scaling import Look
from survviz.server.map_files import MEAN, map_grant, panel_of
from survviz.server.store import Grant

SHOWS = ("slide", "map", "difference")


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
    other = map_grant(values.get("other", ""), grant.owner)
    others = [map_grant(token, grant.owner) for token in values.getlist("other_case")]
    chosen = (values.get("other_head", MEAN), values.get("other_fold", MEAN))
    panel = panel_of(other, others, replace(look, scale=_scale(values)), px, *chosen)
    if shows == "map":
        return panel
    assert first.patch_map is not None
    assert panel.patch_map is not None
    return Panel(
        first.thumbnail, first.slide_size, difference(first.patch_map, panel.patch_map), replace(look, scale=None)
    )


def _scale(values: Any) -> str | None:
    return values.get("other_scale") or None


def difference(a: PatchMap, b: PatchMap) -> PatchMap:
    """Of two attention maps log2 of A over B, of two signed maps A minus B.

    Raises:
        InputError: they lie on different patches, or one is signed and the other is not.
    """
    same_patches([a, b])
    if a.nature != b.nature or a.unit != b.unit:
        raise InputError(f"A {a.kind} map and a {b.kind} map have different units, so they have no difference.")
    is_share = a.nature == "share"
    with np.errstate(divide="ignore", invalid="ignore"):
        values = np.log2(a.values / b.values) if is_share else a.values - b.values
    what = "log2 of A divided by B" if is_share else "A minus B"
    return replace(
        a,
        kind="difference",
        token=f"{a.token_words} against {b.token_words}",
        values=np.where(np.isfinite(values), values, np.nan).astype(np.float32),
        uniform=1.0,
        nature="signed",
        unit="log2" if is_share else a.unit,
        semantics=f"Difference of two maps, {what}. A: {a.semantics} B: {b.semantics}",
    )
