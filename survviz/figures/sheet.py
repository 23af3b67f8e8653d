"""A drawing of a few shapes with two ways out: PNG (pixels) and SVG (real text and lines, pictures embedded)."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass, field
from html import escape
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from survviz.figures.fonts import FONT_NAME, label_font

Anchor: TypeAlias = Literal["start", "middle", "end"]
PIL_ANCHORS: dict[Anchor, str] = {"start": "ls", "middle": "ms", "end": "rs"}
GRADIENT_STOPS = 65
JPEG_QUALITY = 90


@dataclass(frozen=True, slots=True)
class Text:
    """A line of words; (x, y) is on its baseline. `halo` is a colour around the letters, for words on a picture."""

    x: float
    y: float
    words: str
    size: float = 13
    colour: str = "#1a1d21"
    anchor: Anchor = "start"
    bold: bool = False
    halo: str | None = None


@dataclass(frozen=True, slots=True)
class Box:
    """A filled rectangle."""

    x: float
    y: float
    width: float
    height: float
    fill: str
    edge: str | None = None


@dataclass(frozen=True, slots=True)
class Gradient:
    """A colour table from left to right; `hidden` (from, to) is hatched: what a threshold leaves out."""

    x: float
    y: float
    width: float
    height: float
    table: NDArray[np.uint8]
    hidden: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Picture:
    """Pixels (height, width, 3), drawn in a rectangle; `words` says what they show."""

    x: float
    y: float
    width: float
    height: float
    pixels: NDArray[np.uint8]
    words: str = ""


@dataclass(frozen=True, slots=True)
class Path:
    """A line through points, or a filled area."""

    points: tuple[tuple[float, float], ...]
    stroke: str | None = None
    width: float = 1.5
    fill: str | None = None


Shape: TypeAlias = Text | Box | Gradient | Picture | Path


@dataclass(slots=True)
class Sheet:
    """Shapes on white paper, drawn in order. Sizes are in pixels at density 1."""

    width: float
    height: float
    title: str = ""
    shapes: list[Shape] = field(default_factory=list)

    def add(self, *shapes: Shape) -> None:
        """Draw on top."""
        self.shapes.extend(shapes)


def to_png(sheet: Sheet, density: float = 1.0) -> bytes:
    """The sheet in pixels."""
    image = Image.new("RGB", (round(sheet.width * density), round(sheet.height * density)), "white")
    draw = ImageDraw.Draw(image)
    for shape in sheet.shapes:
        _paint_shape(image, draw, shape, density)
    out = io.BytesIO()
    image.save(out, "PNG", dpi=(96 * density, 96 * density))
    return out.getvalue()


def _paint_shape(image: Image.Image, draw: ImageDraw.ImageDraw, shape: Shape, density: float) -> None:
    if isinstance(shape, Text):
        draw.text(
            (shape.x * density, shape.y * density),
            shape.words,
            fill=shape.colour,
            font=label_font(shape.size * density, bold=shape.bold),
            anchor=PIL_ANCHORS[shape.anchor],
            stroke_width=2 * density if shape.halo else 0,
            stroke_fill=shape.halo,
        )
        return
    if isinstance(shape, Path):
        points = [(x * density, y * density) for x, y in shape.points]
        if shape.fill:
            draw.polygon(points, fill=shape.fill)
        if shape.stroke:
            draw.line(points, fill=shape.stroke, width=max(1, round(shape.width * density)), joint="curve")
        return
    left, top = round(shape.x * density), round(shape.y * density)
    right, bottom = round((shape.x + shape.width) * density), round((shape.y + shape.height) * density)
    if isinstance(shape, Box):
        draw.rectangle((left, top, right - 1, bottom - 1), fill=shape.fill, outline=shape.edge)
        return
    size = (max(1, right - left), max(1, bottom - top))
    if isinstance(shape, Picture):
        picture = Image.fromarray(np.ascontiguousarray(shape.pixels))
        image.paste(picture if picture.size == size else picture.resize(size, Image.Resampling.LANCZOS), (left, top))
        return
    entries = np.floor(np.arange(size[0]) * 255 / max(1, size[0] - 1) + 0.5).astype(int)
    bar = np.repeat(shape.table[entries][None], size[1], axis=0)
    if shape.hidden:
        first, last = (round(edge * size[0]) for edge in shape.hidden)
        rows, columns = np.mgrid[0 : size[1], first:last]
        bar[:, first:last][(rows + columns) % 6 < 4] = 255
    image.paste(Image.fromarray(bar), (left, top))


def to_svg(sheet: Sheet, prefix: str = "") -> str:
    """The sheet as SVG 1.1 that needs nothing else: words stay words, pictures are embedded.

    Args:
        prefix: of the names inside; several drawings in one HTML page need different ones.
    """
    width, height = f"{sheet.width:g}", f"{sheet.height:g}"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'role="img" font-family="{FONT_NAME}, Verdana, sans-serif"><title>{escape(sheet.title)}</title>',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    parts += [_svg_shape(shape, f"{prefix}{index}") for index, shape in enumerate(sheet.shapes)]
    return "\n".join([*parts, "</svg>\n"])


def _svg_shape(shape: Shape, name: str) -> str:
    if isinstance(shape, Text):
        weight = ' font-weight="bold"' if shape.bold else ""
        halo = f' stroke="{shape.halo}" stroke-width="4" paint-order="stroke"' if shape.halo else ""
        return (
            f'<text x="{shape.x:g}" y="{shape.y:g}" font-size="{shape.size:g}" fill="{shape.colour}" '
            f'text-anchor="{shape.anchor}"{weight}{halo}>{escape(shape.words)}</text>'
        )
    if isinstance(shape, Path):
        points = " ".join(f"{x:.2f},{y:.2f}" for x, y in shape.points)
        line = f' stroke="{shape.stroke}" stroke-width="{shape.width:g}"' if shape.stroke else ""
        return f'<polyline points="{points}" fill="{shape.fill or "none"}"{line}/>'
    place = f'x="{shape.x:g}" y="{shape.y:g}" width="{shape.width:g}" height="{shape.height:g}"'
    if isinstance(shape, Box):
        edge = f' stroke="{shape.edge}"' if shape.edge else ""
        return f'<rect {place} fill="{shape.fill}"{edge}/>'
    if isinstance(shape, Picture):
        return (
            f'<image {place} preserveAspectRatio="none" href="{data_uri(shape.pixels)}">'
            f"<title>{escape(shape.words)}</title></image>"
        )
    return _svg_gradient(shape, place, name)


def _svg_gradient(shape: Gradient, place: str, name: str) -> str:
    offsets = np.linspace(0, 1, GRADIENT_STOPS)
    stops = "".join(
        f'<stop offset="{offset:.4f}" stop-color="#{bytes(shape.table[round(offset * 255)]).hex()}"/>'
        for offset in offsets
    )
    bar = f'<linearGradient id="g{name}">{stops}</linearGradient><rect {place} fill="url(#g{name})"/>'
    if not shape.hidden:
        return bar
    first, last = shape.hidden
    hatch = (
        f'<pattern id="h{name}" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
        '<rect width="4" height="6" fill="#ffffff"/></pattern>'
    )
    return (
        f'{bar}{hatch}<rect x="{shape.x + first * shape.width:g}" y="{shape.y:g}" '
        f'width="{(last - first) * shape.width:g}" height="{shape.height:g}" fill="url(#h{name})"/>'
    )


def data_uri(pixels: NDArray[np.uint8]) -> str:
    """Pixels as a JPEG inside a URL."""
    out = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(out, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    return f"data:image/jpeg;base64,{base64.b64encode(out.getvalue()).decode()}"
