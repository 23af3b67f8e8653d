"""Which patches to show beside a map, and a contact sheet of them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from survviz.errors import InputError
from survviz.figures.fonts import label_font
from survviz.types import PatchScores

Choice: TypeAlias = Literal["top", "bottom", "random"]


def pick_patches(
    scores: PatchScores, which: Choice = "top", count: int = 12, *, min_distance: float = 0.0, seed: int = 0
) -> NDArray[np.int64]:
    """Indices of patches worth looking at, best first.

    Args:
        which: highest values, lowest values, or a random sample.
        min_distance: no two shown patches lie closer than this, in level-0 pixels (Chebyshev), so that
            neighbours do not fill the gallery; 0 = take them as they come.
        seed: of the random sample.

    Raises:
        InputError: `count` is not positive.
    """
    if count < 1:
        raise InputError(f"A gallery of {count} patches was asked for; expected 1 or more.")
    if which == "random":
        order = np.random.default_rng(seed).permutation(len(scores.values))
    else:
        order = np.argsort(-scores.values if which == "top" else scores.values, kind="stable")
    chosen: list[int] = []
    for index in order:
        offsets = np.abs(scores.coords[chosen] - scores.coords[index]).max(axis=1, initial=0)
        if not chosen or (offsets >= min_distance).all():
            chosen.append(int(index))
        if len(chosen) == count:
            break
    return np.array(chosen, dtype=np.int64)


def contact_sheet(images: Sequence[NDArray[np.uint8]], captions: Sequence[str], *, columns: int = 4) -> bytes:
    """Patches of one size in a grid with a caption under each, as PNG bytes.

    Raises:
        InputError: there is no picture, or sizes or captions do not match.
    """
    if not images or len(images) != len(captions) or len({image.shape for image in images}) != 1:
        raise InputError("A contact sheet needs pictures of one size and a caption for each.")
    height, width = images[0].shape[:2]
    gap, line = 8, 22
    rows = -(-len(images) // columns)
    sheet = Image.new("RGB", (columns * (width + gap) + gap, rows * (height + line + gap) + gap), "white")
    draw, font = ImageDraw.Draw(sheet), label_font(14)
    for position, (image, caption) in enumerate(zip(images, captions, strict=True)):
        row, column = divmod(position, columns)
        x, y = gap + column * (width + gap), gap + row * (height + line + gap)
        sheet.paste(Image.fromarray(image), (x, y))
        draw.text((x, y + height + 4), caption, fill="black", font=font)
    out = io.BytesIO()
    sheet.save(out, "PNG")
    return out.getvalue()
