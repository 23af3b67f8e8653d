"""What pages call: let an owner see a slide, and get the description that the browser takes."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Literal, TypedDict

import numpy as np
from numpy.typing import NDArray

from survviz.errors import InputError
from survviz.phi import exported_id
from survviz.server import store
from survviz.server.auth import token_for
from survviz.server.folders import allowed_path
from survviz.server.slides import slide_cache
from survviz.server.store import Grant
from survviz.types import Bag

LARGEST_PATCH = 8192
GRID_TILE = 256
"""Tile size named for a slide without a file, which has no tiles."""


class SlideView(TypedDict):
    """A slide as the viewer takes it; `token` is None when there is no file, and `reason` says why.

    Attributes:
        export_id: stands in files that leave, for `slide_id`.
    """

    token: str | None
    slide_id: str
    export_id: str
    width: int
    height: int
    tile_size: int
    mpp: float | None
    mpp_source: Literal["file", "person"] | None
    reason: str


def register_slide(owner: str, path: str | Path, *, mpp: float | None = None, label: str | None = None) -> SlideView:
    """Let an owner see a slide.

    Args:
        mpp: what a person gave; only for a file that declares none.
        label: shown instead of the file name, for example a pseudonym.

    Raises:
        InputError: the file lies outside the owner's folders.
        SlideError: the file is no slide, or damaged.
    """
    found = allowed_path(owner, path)
    stat = found.stat()
    width, height, declared, tile = _measure(str(found), stat.st_mtime_ns, stat.st_size)
    view_mpp = declared or mpp
    subject = f"{found}\0{stat.st_mtime_ns}\0{stat.st_size}\0{view_mpp}\0{tile}"  # browsers keep tiles by this address
    token = token_for(owner, "slide", subject)
    payload = {"path": str(found), "mpp": None if declared else mpp}
    store.put([Grant(token, owner, "slide", payload)])
    source: Literal["file", "person"] | None = "file" if declared else "person" if mpp else None
    return SlideView(
        token=token,
        slide_id=label or found.stem,
        export_id=exported_id(label or found.stem),
        width=width,
        height=height,
        tile_size=tile,
        mpp=view_mpp,
        mpp_source=source,
        reason="",
    )


@lru_cache(maxsize=256)
def _measure(path: str, mtime_ns: int, size: int) -> tuple[int, int, float | None, int]:
    """Width, height, declared mpp and size of a tile, read in a child process the first time that a file is met."""
    from survviz.wsi.slide import read_slide_info

    info = read_slide_info(path)
    return info.dimensions[0], info.dimensions[1], info.declared_mpp, info.viewer_tile


def slide_without_file(bag: Bag, reason: str = "Slide file not available: showing the patch grid.") -> SlideView:
    """A neutral canvas of the slide's extent, for patch features that came without their slide."""
    width, height = bag.slide_size or (0, 0)
    if len(bag.coords):
        right, bottom = bag.coords.max(axis=0) + bag.patch_size_level0
        width, height = max(width, int(right)), max(height, int(bottom))
    return SlideView(
        token=None,
        slide_id=bag.slide_id,
        export_id=exported_id(bag.slide_id),
        width=width,
        height=height,
        tile_size=GRID_TILE,
        mpp=bag.slide_mpp,
        mpp_source=bag.mpp_source if bag.slide_mpp else None,
        reason=reason,
    )


def patch_path(token: str, x: int, y: int, size: int, px: int = 256) -> str:
    """Path of a patch image, below the app's base URL; answers only to the slide's owner."""
    return f"/sv/patch/{token}/{x}_{y}_{size}.jpg?px={px}"


def patch_image(owner: str, token: str, x: int, y: int, size: int, px: int = 256) -> NDArray[np.uint8]:
    """The pixels of a square of a slide, `size` level-0 pixels wide, scaled to (px, px, 3).

    Raises:
        InputError: the token is not one of this owner's slides, or the square is out of range.
    """
    grant = store.get(token, "slide", owner)
    if grant is None:
        raise InputError("This slide is not registered for this browser. Load the case again.")
    return render_patch(grant, x, y, size, px)


def render_patch(grant: Grant, x: int, y: int, size: int, px: int) -> NDArray[np.uint8]:
    """As `patch_image`, from a grant that was already checked."""
    from PIL import Image

    if not (0 < size <= LARGEST_PATCH and 0 < px <= 1024):
        raise InputError(
            f"A patch of {size} px scaled to {px} px was asked; expected at most {LARGEST_PATCH} and 1024."
        )
    with slide_cache().borrow(grant.payload["path"], grant.payload["mpp"]) as (slide, _):
        level = slide.best_level(size / px)
        downsample = slide.levels[level].downsample
        side = max(1, round(size / downsample))
        pixels = slide.read_region(x, y, level, side, side)
    return np.asarray(Image.fromarray(pixels).resize((px, px), Image.Resampling.LANCZOS))
