"""Many patches in one picture, at one scale, with what a reader needs to judge it: as in SurvPGC's Figure 4."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from survviz.errors import InputError
from survviz.figures.fonts import label_font, text_width, wrapped
from survviz.figures.overlay import bar_length_um
from survviz.figures.patch_map import RESEARCH_USE

MARGIN = 16
GAP = 6
CAPTION = 18
LINE = 20
FRAME = 3
TITLE_SIZE, TEXT_SIZE, CAPTION_SIZE = 16, 13, 11


def montage(
    images: Sequence[NDArray[np.uint8]],
    captions: Sequence[str],
    *,
    lines: Sequence[str] = (),
    um_per_pixel: float | None = None,
    frames: Sequence[str] | None = None,
    columns: int = 10,
) -> bytes:
    """Patches row by row with a caption under each, as PNG bytes.

    Args:
        images: (side, side, 3) each, all of one size and one physical scale.
        captions: for example "1 · 8.4×".
        lines: above the patches, broken where they are wider than these; the first is the title.
        um_per_pixel: of the images, for the scale bar; None says that the scale is not known.
        frames: a colour for each patch, for example that of the map.

    Raises:
        InputError: there is no picture, or sizes, captions or frames do not match.
    """
    alike = len({image.shape for image in images}) == 1
    if not alike or len(images) != len(captions) or (frames is not None and len(frames) != len(images)):
        raise InputError(
            f"A montage of {len(images)} pictures with {len(captions)} captions was asked for; it needs at least one "
            "picture, all of one size, and a caption (and frame) for each."
        )
    height, width = images[0].shape[:2]
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    inner = max(columns * (width + GAP) - GAP, round(text_width(RESEARCH_USE, TEXT_SIZE)))
    words = [(part, TITLE_SIZE, "black") for line in lines[:1] for part in wrapped(line, TITLE_SIZE, inner)]
    words += [(part, TEXT_SIZE, "#444444") for line in lines[1:] for part in wrapped(line, TEXT_SIZE, inner)]
    top = MARGIN + LINE * len(words) + (GAP if words else 0)
    size = (inner + 2 * MARGIN, top + rows * (height + CAPTION + GAP) + 2 * LINE + MARGIN)
    sheet = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(sheet)
    for number, (line, points, colour) in enumerate(words):
        draw.text((MARGIN, MARGIN + LINE * number), line, fill=colour, font=label_font(points))
    for position, (image, caption) in enumerate(zip(images, captions, strict=True)):
        row, column = divmod(position, columns)
        x, y = MARGIN + column * (width + GAP), top + row * (height + CAPTION + GAP)
        sheet.paste(Image.fromarray(image), (x, y))
        if frames is not None:
            draw.rectangle((x, y, x + width - 1, y + height - 1), outline=frames[position], width=FRAME)
        draw.text((x, y + height + 2), caption, fill="black", font=label_font(CAPTION_SIZE))
    _foot(draw, size, width, um_per_pixel)
    out = io.BytesIO()
    sheet.save(out, "PNG", optimize=True)
    return out.getvalue()


def _foot(draw: ImageDraw.ImageDraw, size: tuple[int, int], patch_width: int, um_per_pixel: float | None) -> None:
    """Scale bar with its length in words, and the research-use line."""
    left, bottom, font = MARGIN, size[1] - MARGIN, label_font(TEXT_SIZE)
    draw.text((left, bottom), RESEARCH_USE, fill="#444444", font=font, anchor="ls")
    y = bottom - LINE - 4
    if um_per_pixel is None:
        draw.text((left, y), "The pixel size is not known: no scale bar.", fill="#444444", font=font, anchor="ls")
        return
    length = bar_length_um(patch_width * um_per_pixel)
    pixels = round(length / um_per_pixel)
    draw.rectangle((left, y - 7, left + pixels - 1, y - 3), fill="black")
    words = f"{length:g} µm; each patch {patch_width * um_per_pixel:.0f} µm wide"
    draw.text((left + pixels + 8, y), words, fill="black", font=font, anchor="ls")
