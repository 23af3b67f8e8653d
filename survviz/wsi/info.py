"""What is known of a slide without reading its pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from survviz.units import MPP_RANGE, Mpp, to_mpp

WHOLE_SLIDE_PX = 3000
"""A file whose longer side is shorter than this is a field of view; its extent says nothing about its scale."""

BLOCK_PX = 256
"""Levels are read in blocks of whole native tiles, at least this wide and high."""

VIEWER_TILES = (200, 512)
"""Smaller tiles are too many requests, larger ones too much for a screen that moves."""

SMALL_EXTENT_UM = 6000.0
USUAL_EXTENT_UM = 8000.0


@dataclass(frozen=True, slots=True)
class Level:
    """One resolution of a slide's pyramid.

    Attributes:
        downsample: level-0 pixels per pixel of this level.
        tile: (width, height) of the blocks in which this level is best read.
    """

    width: int
    height: int
    downsample: float
    tile: tuple[int, int] = (256, 256)


@dataclass(frozen=True, slots=True)
class SlideInfo:
    """A slide file, described. Holds nothing that could name a patient: no label, no dates, no serial numbers.

    Attributes:
        dimensions: (width, height) at level 0.
        declared_mpp: um per pixel that the file itself declares, where that is plausible.
        magnification: objective power that the file declares.
        properties: technical properties from a fixed list of keys.
        size_hint: in words, what the extent of the image suggests about its pixel size; empty if nothing.
        is_rgb: False for single- or multi-channel files, which are shown as a composite.
        channels: number of channels stored (3 for RGB).
        viewer_tile: side of the square tiles in which a viewer best asks for this slide.
    """

    path: Path
    slide_id: str
    vendor: str
    dimensions: tuple[int, int]
    levels: tuple[Level, ...]
    declared_mpp: Mpp | None = None
    magnification: float | None = None
    properties: Mapping[str, str] = field(default_factory=dict)
    size_hint: str = ""
    is_rgb: bool = True
    channels: int = 3
    viewer_tile: int = BLOCK_PX

    def to_json(self) -> dict[str, Any]:
        """Plain values for `json.dumps`."""
        return asdict(self) | {"path": str(self.path), "properties": dict(self.properties)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> SlideInfo:
        """The inverse of `to_json`."""
        levels = tuple(
            Level(row["width"], row["height"], row["downsample"], tuple(row["tile"])) for row in values["levels"]
        )
        width, height = values["dimensions"]
        known = {"path": Path(values["path"]), "levels": levels, "dimensions": (width, height)}
        return cls(**{**values, **known})


def viewer_tile_of(stored: Sequence[tuple[int, int]]) -> int:
    """The side of the file's own tiles, where all levels have square ones of a usual size; else 256.

    A tile that lies in the file as it is asked for is not decoded, cut and encoded again.

    Args:
        stored: (width, height) of the tiles of each level.
    """
    side = stored[0][0]
    return side if set(stored) == {(side, side)} and VIEWER_TILES[0] <= side <= VIEWER_TILES[1] else BLOCK_PX


def block_of(tile: tuple[int, int], size: tuple[int, int]) -> tuple[int, int]:
    """The smallest multiple of a native tile that reaches `BLOCK_PX` each way, within the level."""
    width, height = (max(1, min(limit, side * -(-BLOCK_PX // side))) for side, limit in zip(tile, size, strict=True))
    return width, height


def slide_id_of(path: Path) -> str:
    """File name without its suffix (`.ome.tif` counts as one suffix)."""
    return path.stem.removesuffix(".ome").removesuffix(".OME")


def plausible_mpp(x: float | None, y: float | None) -> tuple[Mpp | None, str]:
    """Judge a declared pixel size.

    Returns:
        The pixel size, or None; and in words, why a declared one is not used.
    """
    if not x or not y:
        return None, ""
    low, high = MPP_RANGE
    if not (low <= x <= high and low <= y <= high):
        return None, (
            f"The {x:.4g} um/px that it declares lies outside {low:g} to {high:g}, "
            "as in a reduced overview or a placeholder, and is not used."
        )
    if abs(x - y) > 0.05 * max(x, y):
        return None, f"It declares {x:.4g} um/px across but {y:.4g} um/px down; pixels must be square."
    return to_mpp((x + y) / 2), ""


def size_hint(dimensions: tuple[int, int], magnification: float | None) -> str:
    """What a slide without a pixel size lets one suspect; a hint for a person, never used as a value."""
    side = max(dimensions)
    if magnification:
        return (
            f"The file declares an objective of {magnification:g}x, which usually means {10 / magnification:g} um/px."
        )
    if side < WHOLE_SLIDE_PX:
        return (
            f"With {dimensions[0]} x {dimensions[1]} pixels it is a field of view or a reduced copy, "
            "so its extent says nothing about its pixel size."
        )
    if side * 0.5 >= SMALL_EXTENT_UM:
        return ""
    mpp = 0.5
    while side * mpp < USUAL_EXTENT_UM:
        mpp *= 2
    return (
        f"Its extent suggests about {mpp:g} um/px: at 0.5 um/px the whole image would be only "
        f"{side * 0.5 / 1000:.1f} mm long."
    )


def whole_downsample(full: tuple[int, int], size: tuple[int, int]) -> float:
    """Downsample of a level, an integer where the sizes allow it.

    Levels are often floor(width / 2^k); dividing the sizes would then stretch the level by up to a pixel.
    """
    ratio = (full[0] / size[0] + full[1] / size[1]) / 2
    whole = max(1, round(ratio))
    fits = all(abs(f / whole - s) <= 1 for f, s in zip(full, size, strict=True))
    return float(whole) if fits else ratio
