"""Pixel size and channel colours from the metadata of OME-TIFF, QPTIFF and plain TIFF."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree

import tifffile

from survviz.errors import SlideError

UM_PER_UNIT = {
    "m": 1e6,
    "cm": 1e4,
    "mm": 1e3,
    "µm": 1.0,
    "μm": 1.0,
    "um": 1.0,
    "micron": 1.0,
    "nm": 1e-3,
    "pm": 1e-6,
    "Å": 1e-4,
    "in": 25400.0,
}
UM_PER_RESOLUTION_UNIT = {2: 25400.0, 3: 10000.0}
"""TIFF ResolutionUnit: 2 = inch, 3 = centimetre; 1 (none) carries no length."""

PALETTE = ((0, 0, 255), (0, 255, 0), (255, 0, 0), (255, 255, 0), (255, 0, 255), (0, 255, 255), (255, 255, 255))
"""Channel colours where the file names none, by index."""

Colour = tuple[int, int, int]


def ome_image(description: str, index: int) -> tuple[float | None, float | None, list[Colour | None]]:
    """Pixel size in um (x, y) and the colour of each channel, from OME-XML.

    Raises:
        SlideError: the XML is damaged.
    """
    try:
        root = ElementTree.fromstring(description)
    except ElementTree.ParseError as error:
        raise SlideError(f"The OME-XML header is damaged ({error}). Export the slide again.") from error
    pixels = root.findall(".//{*}Image/{*}Pixels")
    if index >= len(pixels):
        return None, None, []
    node = pixels[index]
    size = [_length(node, axis) for axis in "XY"]
    return size[0], size[1], [_ome_colour(channel.get("Color")) for channel in node.findall("{*}Channel")]


def _length(pixels: ElementTree.Element, axis: str) -> float | None:
    unit = UM_PER_UNIT.get(pixels.get(f"PhysicalSize{axis}Unit", "µm"))
    try:
        return float(pixels.get(f"PhysicalSize{axis}", "")) * unit if unit else None
    except ValueError:
        return None


def _ome_colour(text: str | None) -> Colour | None:
    """OME colours are a signed 32-bit RGBA number."""
    try:
        value = int(text) & 0xFFFFFFFF if text else 0
    except ValueError:
        return None
    colour = (value >> 24, value >> 16 & 255, value >> 8 & 255)
    return colour if text and any(colour) else None


def qpi_colour(description: str) -> Colour | None:
    """Colour of one QPTIFF page."""
    match = re.search(r"<Color>\s*(\d{1,3}),\s*(\d{1,3}),\s*(\d{1,3})\s*</Color>", description)
    if match is None:
        return None
    red, green, blue = (min(255, int(part)) for part in match.groups())
    return (red, green, blue) if red or green or blue else None


def resolution_mpp(page: tifffile.TiffPage) -> tuple[float | None, float | None]:
    """Um per pixel (x, y) from the resolution tags, where their unit is a length."""
    unit = page.tags.get("ResolutionUnit")
    um = UM_PER_RESOLUTION_UNIT.get(int(unit.value)) if unit is not None else None
    return _um_per_pixel(page, "XResolution", um), _um_per_pixel(page, "YResolution", um)


def _um_per_pixel(page: tifffile.TiffPage, name: str, um_per_unit: float | None) -> float | None:
    tag = page.tags.get(name)
    if tag is None or um_per_unit is None:
        return None
    numerator, denominator = tag.value
    return um_per_unit * denominator / numerator if numerator and denominator else None


def with_palette(colours: Sequence[Colour | None], count: int) -> tuple[Colour, ...]:
    """A colour for each channel; one channel alone is grey, and channels share no colour by accident."""
    if count == 1:
        return ((255, 255, 255),)
    named = [*colours, *[None] * count][:count]
    if len(set(named)) == 1:
        named = [None] * count
    return tuple(colour or PALETTE[index % len(PALETTE)] for index, colour in enumerate(named))
