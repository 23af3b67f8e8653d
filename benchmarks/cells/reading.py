"""Goals 8 and 17: patches read and encoded on one core, by format, beside OpenSlide, cuCIM and libjpeg-turbo alone."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import openslide
import tifffile

from benchmarks.cells.slide_files import PX, REAL, SCANS, small_slides, synthetic, tissue_tiles
from benchmarks.harness import Block, Cell, Setting, Skip
from survviz.errors import NoTissueError
from survviz.units import to_mpp
from survviz.wsi.encoders import create_encoder
from survviz.wsi.extract import extract
from survviz.wsi.grid import PatchGrid
from survviz.wsi.reader import iter_patches
from survviz.wsi.slide import Slide, open_slide

SHIFT = 100
N_PATCHES, N_COMPARED = 1500, 48


def against_peers(setting: Setting) -> Iterator[Block]:
    """The same patches of tissue of a JPEG SVS, on tiles and across them."""
    path = synthetic(setting)
    slide = open_slide(path, probe=False)
    n = 32 if setting.quick else N_PATCHES
    aligned, across = tissue_tiles(slide, n), tissue_tiles(slide, n, SHIFT)
    tiles = stored_tiles(path, aligned)
    yield [
        Cell("libjpeg-turbo alone", "tiles that lie in memory", lambda: decode(tiles), len(aligned), "patch", "jpeg"),
        *readers(path, slide, aligned, "on tiles"),
        *readers(path, slide, across, "across tiles"),
    ]
    yield [
        Cell("one thread", "patches on tiles", lambda: ours(slide, aligned), len(aligned), "patch", "jpeg"),
        Cell("two threads", "each half of them", lambda: in_two(slide, aligned), len(aligned), "patch", "jpeg",
             against=("one thread",)),
    ]  # fmt: skip
    slide.close()


def readers(path: Path, slide: Slide, grid: PatchGrid, where: str) -> Iterator[Cell | Skip]:
    """Every way to read these patches."""
    own, theirs = f"survviz, {where}", f"OpenSlide, {where}"
    peers = [theirs, "libjpeg-turbo alone"]
    has_cucim = importlib.util.find_spec("cucim") is not None
    fast = f"cuCIM on the CPU, {where}"
    yield Cell(
        own, f"{len(grid)} patches of 256 x 256, JPEG SVS", lambda: ours(slide, grid), len(grid), "patch", "jpeg",
        against=(*peers, *([fast] if has_cucim else [])),
        check=lambda: {
            "largest difference from OpenSlide": largest_difference(path, slide, grid),
            "decodes per patch": len(tiles_touched(grid)) / len(grid),
        },
    )  # fmt: skip
    yield Cell(theirs, "the same by read_region", lambda: by_openslide(path, grid), len(grid), "patch", "jpeg")
    if not has_cucim:
        yield Skip(fast, "cucim is not installed (pip install --no-deps cucim-cu12)")
        return
    yield Cell(
        fast, "the same by read_region, without a GPU", by_cucim(path, grid), len(grid), "patch", "jpeg",
        check=lambda: cucim_difference(path, slide, grid),
    )  # fmt: skip


def ours(slide: Slide, grid: PatchGrid) -> None:
    """Every patch."""
    for _ in iter_patches(slide, grid):
        pass


def in_two(slide: Slide, grid: PatchGrid) -> None:
    """Half of the patches on each of two threads."""
    middle = len(grid) // 2
    halves = [part_of(grid, slice(0, middle)), part_of(grid, slice(middle, None))]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda half: ours(slide, half), halves))


def part_of(grid: PatchGrid, rows: slice) -> PatchGrid:
    """Some patches of a grid."""
    return PatchGrid(grid.coords[rows], grid.patch_size_level0, grid.patch_px, grid.target_mpp, grid.tissue_share[rows])


def by_openslide(path: Path, grid: PatchGrid) -> None:
    """A plain loop."""
    with openslide.OpenSlide(path) as slide:
        for x, y in grid.coords.tolist():
            np.asarray(slide.read_region((x, y), 0, (PX, PX)))[..., :3].sum(dtype=np.uint8)


def by_cucim(path: Path, grid: PatchGrid) -> Callable[[], None]:
    """A plain loop."""
    from cucim import CuImage  # pyright: ignore[reportMissingImports]

    image = CuImage(str(path))

    def work() -> None:
        for x, y in grid.coords.tolist():
            np.asarray(image.read_region((x, y), (PX, PX), 0))

    return work


def cucim_difference(path: Path, slide: Slide, grid: PatchGrid) -> Mapping[str, int]:
    """cuCIM decodes by a faster, coarser transform."""
    from cucim import CuImage  # pyright: ignore[reportMissingImports]

    image, (rows, patches) = CuImage(str(path)), next(iter_patches(slide, grid))
    corners = grid.coords[rows].tolist()
    theirs = np.stack([np.asarray(image.read_region(corner, (PX, PX), 0)) for corner in corners])
    return {"largest difference from ours": int(np.abs(theirs.astype(int) - patches).max())}


def largest_difference(path: Path, slide: Slide, grid: PatchGrid) -> int:
    """Of any value of the first patches."""
    some = part_of(grid, slice(0, N_COMPARED))
    patches = np.concatenate([batch for _, batch in iter_patches(slide, some)])
    with openslide.OpenSlide(path) as other:
        theirs = [other.read_region(corner, 0, (PX, PX)).convert("RGB") for corner in some.coords.tolist()]
    return int(np.abs(np.stack([np.asarray(one) for one in theirs]).astype(int) - patches).max())


def tiles_touched(grid: PatchGrid) -> set[tuple[int, int]]:
    """Tiles that the patches lie on; the reader decodes each once (tests/wsi/test_reader.py)."""
    corners = np.concatenate([grid.coords + shift for shift in ((0, 0), (PX - 1, 0), (0, PX - 1), (PX - 1, PX - 1))])
    return {(x, y) for x, y in (corners // PX).tolist()}


def stored_tiles(path: Path, grid: PatchGrid) -> list[tuple[bytes, bytes | None]]:
    """(stream, tables) of the tiles under aligned patches."""
    with tifffile.TiffFile(path) as tiff, path.open("rb") as file:
        page = tiff.pages[0]
        assert isinstance(page, tifffile.TiffPage)
        columns = -(-page.imagewidth // PX)
        found = []
        for x, y in (grid.coords // PX).tolist():
            file.seek(page.dataoffsets[y * columns + x])
            found.append((file.read(page.databytecounts[y * columns + x]), page.jpegtables))
        return found


def decode(tiles: list[tuple[bytes, bytes | None]]) -> None:
    """The limit."""
    for stream, tables in tiles:
        imagecodecs.jpeg8_decode(stream, tables=tables, outcolorspace=2)


def by_format(setting: Setting) -> Iterator[Block]:
    """From the open slide to features of every patch, and reading alone."""
    encoder = create_encoder("he-descriptor")
    for name, path, mpp in small_slides(setting):
        with open_slide(path, mpp, probe=False) as slide:
            yield format_cells(name, slide, encoder)
    for name, (file, mpp) in () if setting.quick else SCANS.items():
        if not (REAL / file).exists():
            yield [Skip(f"{name}, extract", f"{file} is not there")]
        else:
            with open_slide(REAL / file, mpp, probe=False) as slide:
                yield format_cells(name, slide, encoder)


def format_cells(name: str, slide: Slide, encoder: Any) -> Block:
    """The cells of one slide, opened anew each time, so that no tile is decoded before."""
    path, mpp = slide.path, None if slide.mpp_source == "file" else float(slide.mpp)
    grid = whole_grid(slide)

    def read() -> None:
        with open_slide(path, mpp, probe=False) as fresh:
            ours(fresh, grid)

    def encode() -> None:
        with open_slide(path, mpp, probe=False) as fresh:
            extract(fresh, encoder)

    cells: list[Cell | Skip] = [
        Cell(f"{name}, read", "opening, every patch at 0.5 um", read, len(grid), "patch", "jpeg")
    ]
    try:
        n = len(extract(slide, encoder).coords)
    except NoTissueError as error:
        return [Skip(f"{name}, extract", str(error)), *cells]
    whole = Cell(f"{name}, extract", "opening, tissue, grid, reading, he-descriptor", encode, n, "patch", "jpeg")
    return [whole, *cells]


def whole_grid(slide: Slide) -> PatchGrid:
    """Every whole patch at 0.5 um, whether there is tissue or not."""
    side = max(1, round(PX * 0.5 / slide.mpp))
    width, height = slide.dimensions
    rows, columns = np.mgrid[: max(1, height // side), : max(1, width // side)]
    coords = np.stack([columns.ravel(), rows.ravel()], 1).astype(np.int64) * side
    return PatchGrid(coords, side, PX, to_mpp(0.5), np.ones(len(coords), np.float32))
