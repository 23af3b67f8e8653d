"""From tokens to maps: what an owner may see, as `PatchMap`s with their source, ready to be made into files."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from survviz.errors import InputError
from survviz.figures.figure import Panel
from survviz.figures.overlay import blank_slide
from survviz.figures.patch_map import PatchMap, Provenance
from survviz.figures.scaling import Look, Summary, summarise
from survviz.phi import exported_id
from survviz.server import store
from survviz.server.maps import decode_layout, decode_values
from survviz.server.slides import slide_cache
from survviz.server.store import Grant

MEAN = "mean"
GONE = "This map is not registered for this browser. Reload the page and load the case again."
SMALLEST_PX, LARGEST_PX = 256, 4000


def map_grant(token: str, owner: str) -> Grant:
    """The grant of a map.

    Raises:
        InputError: it is not one of this owner's maps.
    """
    grant = store.get(token, "map", owner)
    if grant is None or "layout" not in grant.payload:
        raise InputError(GONE)
    return grant


def patch_map_of(grant: Grant, head: str = MEAN, fold: str = MEAN) -> PatchMap:
    """The map that a browser shows, under ids that may leave the app.

    Args:
        head: "mean", "max" or the number of a head, from 0.
        fold: "mean", "sd" or the number of a cross-validation model, from 0.

    Raises:
        InputError: part of it is gone, or it has no such head or fold.
    """
    about = grant.payload
    layout = store.get(about["layout"], "layout", grant.owner)
    if layout is None:
        raise InputError(GONE)
    values, words = _values(grant, head, fold)
    spread = fold == "sd"
    return PatchMap(
        kind=about["kind"],
        query=about["query"],
        key=about["key"],
        token=about["token"],
        slide_id=exported_id(about["slide_id"]),
        values=values,
        coords=decode_layout(layout.data or b""),
        patch_size_level0=about["patch"],
        uniform=about["uniform"],
        nature="spread" if spread else "signed" if about["signed"] else "share",
        unit=about["unit"],
        semantics=about["semantics"],
        provenance=_provenance(grant, *words),
    )


def _values(grant: Grant, head: str, fold: str) -> tuple[NDArray[np.float32], tuple[str, str]]:
    """Values, and in words which head and fold they are of; no words for the mean of all."""
    if head == MEAN and fold == MEAN:
        return decode_values(grant.data or b""), ("", "")
    detail = store.get(grant.payload.get("detail") or "", "detail", grant.owner)
    if detail is None:
        raise InputError("This map has one head and one fold; ask for their mean.")
    heads, folds = detail.payload["heads"], detail.payload["folds"]
    values = np.frombuffer(detail.data or b"", dtype="<f4").reshape(heads, folds, -1)
    per_fold, head_words = _choose(values, head, heads, "head", {MEAN: "", "max": f"highest of {heads} heads"})
    if fold == "sd" and folds < 2:
        raise InputError("A standard deviation over folds was asked of a map with one fold.")
    fold_words = {MEAN: "", "sd": f"standard deviation over {folds} models"}
    found, said = _choose(per_fold, fold, folds, "model", fold_words)
    return found.astype(np.float32), (head_words, said)


def _choose(
    values: NDArray[np.floating], which: str, count: int, noun: str, words: dict[str, str]
) -> tuple[NDArray[np.floating], str]:
    """Reduce the first axis, as the browser does (survviz/server/web/maps.js)."""
    if which == MEAN:
        return values.mean(axis=0, dtype=np.float64), words[MEAN]
    if which in words:
        return values.max(axis=0) if which == "max" else values.std(axis=0, ddof=1, dtype=np.float64), words[which]
    if not which.isdecimal() or int(which) >= count:
        choices = ", ".join([*words, *map(str, range(count))])
        raise InputError(f"{noun.capitalize()} {which!r} was asked for; this map has {choices}.")
    return values[int(which)], f"{noun} {int(which) + 1} of {count}"


def _provenance(grant: Grant, head: str, fold: str) -> Provenance:
    about = grant.payload
    mpp, source = None, ""
    if (slide := slide_grant(grant)) is not None:
        mpp, source = known_mpp(slide)
    return Provenance(
        case_id=exported_id(about.get("case_id", ""), "case"),
        checkpoint=about.get("checkpoint", ""),
        encoder=about.get("encoder", ""),
        head=head,
        fold=fold,
        mpp=mpp,
        mpp_source=source,
    )


def slide_grant(grant: Grant) -> Grant | None:
    """The grant of the slide that a map lies on; None where there is no file."""
    return store.get(grant.payload.get("slide") or "", "slide", grant.owner)


def known_mpp(slide: Grant) -> tuple[float | None, str]:
    """Pixel size of level 0 and who said so; None where nobody did."""
    given = slide.payload["mpp"]
    with slide_cache().borrow(slide.payload["path"], given) as (opened, _):
        if opened.mpp_source == "file" or given is not None:
            return float(opened.mpp), opened.mpp_source
    return None, ""


def picture_of(grant: Grant, patch_map: PatchMap, px: int) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """(h, w, 3) picture of a map's slide and its size at level 0; a light canvas where there is no file.

    Raises:
        InputError: the picture would be too small or too large.
    """
    if not SMALLEST_PX <= px <= LARGEST_PX:
        raise InputError(f"A picture of {px} pixels was asked for; expected {SMALLEST_PX} to {LARGEST_PX}.")
    slide = slide_grant(grant)
    if slide is not None:
        with slide_cache().borrow(slide.payload["path"], slide.payload["mpp"]) as (opened, _):
            return opened.thumbnail(px), opened.dimensions
    return blank_slide(patch_map, px)


def panel_of(grant: Grant, others: Sequence[Grant], look: Look, px: int, head: str = MEAN, fold: str = MEAN) -> Panel:
    """A map over its slide.

    Args:
        others: the same map of the case's other slides; one scale is common to all.
    """
    patch_map = patch_map_of(grant, head, fold)
    thumbnail, size = picture_of(grant, patch_map, px)
    return Panel(thumbnail, size, patch_map, look, case_summary(patch_map, others, head, fold))


def case_summary(patch_map: PatchMap, others: Sequence[Grant], head: str = MEAN, fold: str = MEAN) -> Summary:
    """Ends of the scales over all slides of the case."""
    return summarise([patch_map, *(patch_map_of(other, head, fold) for other in others)])


def file_stem(patch_map: PatchMap, what: str) -> str:
    """A file name that names no patient: the slide's own name may hold an accession number, so it is hashed."""
    tag = hashlib.sha256(f"{patch_map.provenance.case_id}/{patch_map.slide_id}".encode()).hexdigest()[:8]
    parts = ["survviz", what, patch_map.kind, f"{patch_map.query}-{patch_map.key}", patch_map.token, tag]
    return re.sub(r"[^A-Za-z0-9._-]+", "-", "_".join(parts))[:120]
