"""Slides that the cells read: a synthetic scan of 40,000 x 30,000 pixels, small ones of several formats, real ones."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray

from benchmarks import synthetic_slide
from benchmarks.harness import Setting
from benchmarks.harness.machine import ROOT
from benchmarks.synthetic_slide import OUTLINE_PX, Picture, write_slide
from survviz.units import to_mpp
from survviz.wsi.grid import PatchGrid
from survviz.wsi.slide import Slide

FOLDER_VARIABLE = "SURVVIZ_BENCHMARK_SLIDES"
LARGE, GIGAPIXEL, QUICK = (40_000, 30_000), (100_000, 80_000), (6_000, 4_500)
PX, MPP = 256, 0.5
TISSUE_PX, GLASS_PX = 2048, 512
COMPRESSIONS = {
    "JPEG TIFF": {"compression": "jpeg", "compressionargs": {"level": 75}, "subsampling": (2, 2)},
    "JPEG 2000 TIFF": {"compression": "jpeg2000", "compressionargs": {"level": 80}},
    "LZW TIFF": {"compression": "lzw", "predictor": True},
    "deflate TIFF": {"compression": "zlib", "predictor": True},
}
REAL = ROOT.parent / "shared" / "data" / "slides"
SCANS = {
    "SVS, JPEG, scan": ("CMU-1-Small-Region.svs", None),
    "SVS, JPEG 2000, scan": ("TCGA-CR-7395-01A-01-TS1.svs", 0.5),
    "NDPI, scan": ("test3-DAPI-2-387.ndpi", None),
    "DICOM, JPEG, overview": ("multi_frame_jpeg_camelyon.dcm", 0.5),
}
"""Name -> file of ../shared/data/slides, and the um per pixel to read it at where it declares none."""


def synthetic(setting: Setting, size: tuple[int, int] = LARGE) -> Path:
    """The synthetic scan; written once (minutes), then kept in `$SURVVIZ_BENCHMARK_SLIDES`, by default beside /tmp."""
    if setting.quick:
        return write_slide(setting.folder / "quick.svs", *QUICK)
    folder = Path(os.environ.get(FOLDER_VARIABLE) or Path(tempfile.gettempdir()) / "survviz-benchmark-slides")
    folder.mkdir(parents=True, exist_ok=True)
    made_by = hashlib.sha256(Path(synthetic_slide.__file__).read_bytes()).hexdigest()[:8]
    path = folder / f"synthetic-{size[0]}x{size[1]}-{made_by}.svs"
    return path if path.exists() else write_slide(path, *size)


@lru_cache(maxsize=2)
def truth_of(size: tuple[int, int]) -> NDArray[np.float32]:
    """Share of tissue of the synthetic scan, one value per `OUTLINE_PX` pixels of level 0."""
    return synthetic_slide.outline(*size)


def tissue_tiles(slide: Slide, n: int, shift: int = 0) -> PatchGrid:
    """Patches of whole tissue, tiles of 256 level-0 pixels of the synthetic scan around its middle, by row."""
    width, height = slide.dimensions
    truth = truth_of(slide.dimensions)
    rows, columns = np.mgrid[: height // PX - 1, : width // PX - 1]
    at = [(index * PX + PX // 2) // OUTLINE_PX for index in (rows, columns)]
    inside = np.argwhere((truth[at[0], at[1]] == 1) & (truth[at[0] + 1, at[1] + 1] == 1))
    start = max(0, len(inside) // 2 - n // 2)
    coords = inside[start : start + n, ::-1].astype(np.int64) * PX + shift
    return PatchGrid(coords, PX, PX, to_mpp(slide.mpp), np.ones(len(coords), np.float32))


def small_slides(setting: Setting) -> Iterator[tuple[str, Path, float | None]]:
    """(format, file, um per pixel to be given): 64 patches of tissue at 0.5 um in each, framed by glass."""
    side = 512 if setting.quick else TISSUE_PX
    image = framed_tissue(side)
    about = f"Aperio Image Library v1.0\n{len(image)}x{len(image)} (256x256) JPEG/YCC Q=75|AppMag = 20|MPP = {MPP}"
    svs = setting.folder / "small.svs"
    common = {"compression": "jpeg", "description": about, "metadata": None, "software": False}
    with tifffile.TiffWriter(svs) as tiff:
        tiff.write(image, tile=(PX, PX), photometric="ycbcr", subsampling=(2, 2), **common)
        tiff.write(np.ascontiguousarray(image[::8, ::8]), photometric="rgb", rowsperstrip=16, **common)
        tiff.write(np.ascontiguousarray(image[::4, ::4]), tile=(PX, PX), photometric="ycbcr", **common)
    yield "SVS, JPEG", svs, None
    if setting.quick:
        return
    for name, options in COMPRESSIONS.items():
        path = setting.folder / f"{name.replace(' ', '-')}.tif"
        tags = {"tile": (PX, PX), "photometric": "rgb", "metadata": None, "resolutionunit": "CENTIMETER"}
        with tifffile.TiffWriter(path) as tiff:
            for step in (1, 4):
                resolution = (1e4 / MPP / step, 1e4 / MPP / step)
                level = np.ascontiguousarray(image[::step, ::step])
                tiff.write(level, subfiletype=int(step > 1), resolution=resolution, **tags, **options)
        yield name, path, None


def framed_tissue(side: int) -> NDArray[np.uint8]:
    """A square of tissue of the synthetic scan with glass around it."""
    whole = side + 2 * GLASS_PX
    picture = Picture(whole, whole)
    picture.outline[:] = 0
    first, last = GLASS_PX // OUTLINE_PX, (GLASS_PX + side) // OUTLINE_PX
    picture.outline[first : last + 1, first : last + 1] = 1
    return picture.whole(1)
