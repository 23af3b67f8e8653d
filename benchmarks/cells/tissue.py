"""Goals 7 and 10: tissue and coordinates of a whole slide, and its attention as a picture."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping

import numpy as np
from PIL import Image
from scipy import ndimage

from benchmarks.cells.slide_files import PX, synthetic, truth_of
from benchmarks.harness import Block, Cell, Setting
from benchmarks.harness.machine import ROOT
from survviz.figures.overlay import blend
from survviz.figures.patch_map import PatchMap
from survviz.types import PatchScores
from survviz.wsi.grid import patch_grid
from survviz.wsi.slide import Slide, open_slide
from survviz.wsi.tissue import TissueMask, tissue_mask

CLAM_IN_PROCESS_TILES, CLAM_PROCESS_TILES, CLAM_PICTURE_TILES = 0.62 * 5670, 1.52 * 5670, 0.544 * 5670
"""CLAM's published seconds times the JPEG tiles that the machine of that measurement decoded in a second."""

N_PATCHES, PICTURE_PX = 10_000, 2500
PROGRAM = """
import sys
from survviz.wsi.grid import patch_grid
from survviz.wsi.slide import open_slide
from survviz.wsi.tissue import tissue_mask
slide = open_slide(sys.argv[1], probe=False)
print(len(patch_grid(slide, tissue_mask(slide))))
"""


def tissue(setting: Setting) -> Iterator[Block]:
    """40,000 x 30,000 pixels, levels 1, 4, 16, 64."""
    path = synthetic(setting)
    slide = open_slide(path, probe=False)

    def opened() -> None:
        with open_slide(path, probe=False) as fresh:
            patch_grid(fresh, tissue_mask(fresh))

    def process() -> None:
        command = [sys.executable, "-c", PROGRAM, str(path)]
        subprocess.run(command, check=True, capture_output=True, cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"})

    def facts() -> Mapping[str, float]:
        mask = tissue_mask(slide)
        return {"patches": len(patch_grid(slide, mask)), "IoU with the true outline": iou(slide, mask)}

    what = "mask and coordinates of patches of 256 px at 0.5 um"
    yield [
        Cell("mask", "tissue mask alone", lambda: tissue_mask(slide), 1, "slide", "jpeg"),
        Cell("mask and coordinates", f"{what}, slide open", lambda: patch_grid(slide, tissue_mask(slide)), 1, "slide",
             "jpeg", check=lambda: {**facts(), "JPEG tiles that CLAM takes": CLAM_IN_PROCESS_TILES}),
        Cell("open, mask and coordinates", f"{what}, with opening", opened, 1, "slide", "jpeg"),
        Cell("whole process", f"{what}, with Python's start and imports (wall clock)", process, 1, "slide", "jpeg",
             check=lambda: {"JPEG tiles that CLAM takes": CLAM_PROCESS_TILES}),
    ]  # fmt: skip
    slide.close()


def iou(slide: Slide, mask: TissueMask) -> float:
    """Of the mask with the outline from which the slide was made."""
    truth = truth_of(slide.dimensions)
    rows, columns = mask.mask.shape
    at = np.meshgrid(
        (np.arange(rows) + 0.5) * mask.downsample[1] / 512, (np.arange(columns) + 0.5) * mask.downsample[0] / 512,
        indexing="ij",
    )  # fmt: skip
    true = ndimage.map_coordinates(truth, at, order=1, mode="nearest") > 0.5
    return float((true & mask.mask).sum() / (true | mask.mask).sum())


def picture(setting: Setting) -> Iterator[Block]:
    """10,000 patches over the slide, from the open slide to an array and to a JPEG."""
    slide = open_slide(synthetic(setting), probe=False)
    patch_map = noise_map(slide, 100 if setting.quick else N_PATCHES)

    def array() -> np.ndarray:
        return blend(slide.thumbnail(PICTURE_PX), patch_map, slide.dimensions)

    def jpeg() -> None:
        Image.fromarray(array()).save(io.BytesIO(), "JPEG", quality=85)

    what = f"{len(patch_map)} patches, longer side {PICTURE_PX} px"
    below = slide.thumbnail(PICTURE_PX)
    yield [
        Cell("attention over the slide", f"{what}: thumbnail, colours, blending", array, 1, "picture", "jpeg",
             check=lambda: {"JPEG tiles that CLAM takes": CLAM_PICTURE_TILES}),
        Cell("attention over the slide, as JPEG", f"{what}, encoded", jpeg, 1, "picture", "jpeg"),
        Cell("attention over a thumbnail", f"{what}, thumbnail at hand",
             lambda: blend(below, patch_map, slide.dimensions), 1, "picture", "jpeg"),
    ]  # fmt: skip
    slide.close()


def noise_map(slide: Slide, n: int) -> PatchMap:
    """Attention of chance on the first `n` tiles of level 0, by row."""
    width, height = slide.dimensions
    rows, columns = np.mgrid[: height // PX, : width // PX]
    coords = np.stack([columns.ravel(), rows.ravel()], 1)[:n].astype(np.int64) * PX
    values = np.random.default_rng(0).gamma(1.0, size=len(coords))
    values /= values.sum()
    scores = PatchScores(
        "attention",
        "clinical",
        "pathology",
        "all",
        "synthetic",
        values,
        values[None],
        coords,
        PX,
        len(coords),
        "Chance.",
    )
    return PatchMap.of_scores(scores)
