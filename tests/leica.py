"""Writes slides as a Leica SCN400 does: what was scanned is a part of the glass, so the slide has bounds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

NM_PER_PIXEL = 500
DOWNSAMPLES = (1, 4, 16)
MACRO = 64

SCN = """<?xml version="1.0" encoding="UTF-8"?>
<scn xmlns="http://www.leica-microsystems.com/scn/2010/10/01" uuid="urn:uuid:00000000-0000-0000-0000-000000000001">
<collection name="test" uuid="urn:uuid:00000000-0000-0000-0000-000000000002" {glass}>{images}</collection></scn>"""
IMAGE = """<image name="{name}" uuid="urn:uuid:00000000-0000-0000-0000-00000000000{number}">
<creationDate>2020-01-01T00:00:00Z</creationDate><device model="Leica SCN400" version="1.0"/>
<pixels {size}>{levels}</pixels><view {view} offsetX="{x}" offsetY="{y}" spacingZ="0"/>
<scanSettings><objectiveSettings><objective>20</objective></objectiveSettings><illuminationSettings>
<numericalAperture>0.4</numericalAperture><illuminationSource>brightfield</illuminationSource>
</illuminationSettings></scanSettings></image>"""


def _sides(width: int, height: int, unit: int = 1) -> str:
    return f'sizeX="{width * unit}" sizeY="{height * unit}"'


def write_scn(path: Path, glass: tuple[int, int], corner: tuple[int, int], pixels: NDArray[np.uint8]) -> None:
    """A slide of `glass` (width, height) pixels at 0.5 um; only `pixels` (H, W, 3) at `corner` were scanned."""
    height, width = pixels.shape[:2]
    macro = glass[0] // MACRO, glass[1] // MACRO
    sizes = [(width // step, height // step) for step in DOWNSAMPLES]
    levels = [f'<dimension {_sides(*size)} ifd="{number + 1}" r="{number}"/>' for number, size in enumerate(sizes)]
    view = _sides(*glass, NM_PER_PIXEL)
    whole = IMAGE.format(
        name="macro", number=3, size=_sides(*macro), levels=f'<dimension {_sides(*macro)} ifd="0" r="0"/>',
        view=view, x=0, y=0,
    )  # fmt: skip
    scanned = IMAGE.format(
        name="scan", number=4, size=_sides(width, height), levels="".join(levels),
        view=_sides(width, height, NM_PER_PIXEL), x=corner[0] * NM_PER_PIXEL, y=corner[1] * NM_PER_PIXEL,
    )  # fmt: skip
    common = {"tile": (256, 256), "photometric": "rgb", "compression": "deflate", "metadata": None}
    picture = Image.fromarray(pixels)
    with tifffile.TiffWriter(path, bigtiff=True) as tiff:
        words = SCN.format(glass=view, images=whole + scanned)
        tiff.write(np.full((macro[1], macro[0], 3), 240, np.uint8), description=words, **common)
        for step, size in zip(DOWNSAMPLES, sizes, strict=True):
            small = np.asarray(picture.resize(size, Image.Resampling.BOX))
            tiff.write(small, resolution=(2e4 / step, 2e4 / step), resolutionunit=3, **common)
