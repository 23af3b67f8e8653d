"""A map over a slide's thumbnail, as a PNG that can stand alone: colour bar, scale bar, source, research-use line."""

from __future__ import annotations

import io
import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from survviz.errors import InputError
from survviz.figures.colours import colour_table
from survviz.figures.fonts import label_font
from survviz.figures.scaling import SCALE_LABELS, Scale, colour_bar_ticks, colour_positions
from survviz.types import PatchScores

RESEARCH_USE = "For Research Use Only. Not for use in diagnostic procedures."

Size = tuple[int, int]


def paint(
    scores: PatchScores, slide_size: Size, size: Size, *, colours: str = "viridis", scale: Scale = "log2"
) -> NDArray[np.uint8]:
    """(height, width, 4) picture of the map alone; pixels outside the patches are fully transparent.

    Args:
        slide_size: (width, height) of level 0 in pixels.
        size: (width, height) of the picture.
    """
    width, height = size
    canvas = np.zeros((height, width, 4), dtype=np.uint8)
    per_pixel = np.array([width / slide_size[0], height / slide_size[1]])
    start = np.round(scores.coords * per_pixel).astype(int)
    stop = np.maximum(np.round((scores.coords + scores.patch_size_level0) * per_pixel).astype(int), start + 1)
    table = colour_table(colours)[np.round(colour_positions(scores, scale) * 255).astype(int)]
    for (x0, y0), (x1, y1), colour in zip(start, stop, table, strict=True):
        canvas[y0:y1, x0:x1, :3] = colour
        canvas[y0:y1, x0:x1, 3] = 255
    return canvas


def blend(
    thumbnail: NDArray[np.uint8], scores: PatchScores, slide_size: Size, *, opacity: float, colours: str, scale: Scale
) -> NDArray[np.uint8]:
    """(height, width, 3) thumbnail under the map, at one opacity inside the patches and none outside."""
    height, width = thumbnail.shape[:2]
    layer = paint(scores, slide_size, (width, height), colours=colours, scale=scale)
    alpha = (layer[..., 3:] / 255.0) * opacity
    return np.round(thumbnail * (1 - alpha) + layer[..., :3] * alpha).astype(np.uint8)


def overlay_png(
    thumbnail: NDArray[np.uint8],
    scores: PatchScores,
    slide_size: Size,
    *,
    mpp: float | None = None,
    opacity: float = 0.45,
    colours: str = "viridis",
    scale: Scale = "log2",
) -> bytes:
    """The map over the thumbnail with a legend, as PNG bytes.

    Args:
        thumbnail: (h, w, 3) picture of the whole slide.
        slide_size: (width, height) of level 0 in pixels.
        mpp: um per pixel of level 0, for the scale bar; None draws none.

    Raises:
        InputError: the opacity is not between 0 and 1, or the thumbnail is no RGB picture.
    """
    if not 0 <= opacity <= 1:
        raise InputError(f"An opacity of {opacity} was given; expected 0 to 1.")
    if thumbnail.ndim != 3 or thumbnail.shape[2] != 3:
        raise InputError(f"A thumbnail of shape {thumbnail.shape} was given; expected (height, width, 3).")
    picture = blend(thumbnail, scores, slide_size, opacity=opacity, colours=colours, scale=scale)
    image = with_legend(Image.fromarray(picture), scores, colours, scale)
    if mpp is not None:
        draw_scale_bar(image, thumbnail.shape[0], mpp * slide_size[0] / thumbnail.shape[1])
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True)
    return out.getvalue()


def with_legend(picture: Image.Image, scores: PatchScores, colours: str, scale: Scale) -> Image.Image:
    """The picture over a white band with title, colour bar and the research-use line."""
    margin, band = 12, 112
    width = max(picture.width, 460)
    image = Image.new("RGB", (width, picture.height + band), "white")
    image.paste(picture, (0, 0))
    draw, font = ImageDraw.Draw(image), label_font(14)
    top = picture.height + 8
    token = "all tokens" if scores.token == "all" else scores.token
    draw.text((margin, top), f"{scores.slide_id} · {scores.query} → {scores.key} · {token}", fill="black", font=font)
    bar_width = min(420, width - 2 * margin - 40)
    bar = np.repeat(colour_table(colours)[None, np.linspace(0, 255, bar_width).astype(int)], 12, axis=0)
    image.paste(Image.fromarray(np.ascontiguousarray(bar)), (margin, top + 24))
    for position, label in colour_bar_ticks(scores, scale):
        x = margin + position * (bar_width - 1)
        anchor = "la" if position == 0 else "ra" if position == 1 else "ma"
        draw.text((x, top + 38), label, fill="black", font=font, anchor=anchor)
    draw.text((margin, top + 58), SCALE_LABELS[scale], fill="#444444", font=font)
    draw.text((margin, top + 78), RESEARCH_USE, fill="#444444", font=font)
    return image


def bar_length_um(available_um: float) -> float:
    """The longest of 1, 2, 5 times a power of ten that fits.

    Raises:
        InputError: nothing can fit.
    """
    if not (math.isfinite(available_um) and available_um > 0):
        raise InputError(f"A scale bar needs a positive length; {available_um} um is available.")
    power = 10.0 ** math.floor(math.log10(available_um))
    return max(step * power for step in (1, 2, 5) if step * power <= available_um)


def draw_scale_bar(image: Image.Image, slide_height: int, um_per_pixel: float) -> None:
    """A white bar with a dark edge in the lower right corner of the slide, and its length in words."""
    length_um = bar_length_um(image.width / 4 * um_per_pixel)
    pixels = length_um / um_per_pixel
    label = f"{length_um / 1000:g} mm" if length_um >= 1000 else f"{length_um:g} µm"
    draw, font = ImageDraw.Draw(image), label_font(14)
    x1, y1 = image.width - 14, slide_height - 14
    draw.rectangle((x1 - pixels, y1 - 5, x1, y1), fill="white", outline="black")
    draw.text(
        (x1 - pixels / 2, y1 - 9), label, fill="black", font=font, anchor="mb", stroke_width=2, stroke_fill="white"
    )
