"""Every format that survviz reads, tried on a small file that is made on the spot and opened as a stranger's is."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from survviz.errors import SurvvizError
from survviz.selfcheck.row import Row
from survviz.workspace import workspace

GROUP = "Formats"
SIDE = 512
TOLERANCE = 12
"""Largest mean difference of a lossy picture, of 255."""

BROKEN = (OSError, ValueError, RuntimeError, ImportError, KeyError, TypeError)
"""What libraries raise where a codec is missing or does not fit."""


def rows() -> Iterator[Row]:
    """One per format."""
    with tempfile.TemporaryDirectory(dir=workspace(), prefix=".selfcheck-") as folder:
        for name, attempt in ATTEMPTS.items():
            try:
                yield Row(GROUP, name, "ok", attempt(Path(folder)))
            except (SurvvizError, *BROKEN) as error:
                todo = "Install survviz again with its pinned packages; see the group Versions."
                yield Row(GROUP, name, "fail", " ".join(str(error).split())[:300], todo)


def _picture() -> NDArray[np.uint8]:
    """Pink and violet waves, which every codec keeps about."""
    y, x = np.mgrid[:SIDE, :SIDE] / 40
    return np.stack([200 + 40 * np.sin(x), 130 + 40 * np.cos(y), 170 + 20 * np.sin(x + y)], axis=-1).astype(np.uint8)


def _opened(path: Path, mpp: float = 0.5) -> str:
    """What a reader says of the file, once its pixels are what was written.

    Raises:
        ValueError: they are not.
    """
    from survviz.wsi.slide import open_slide, read_slide_info

    info = read_slide_info(path)
    with open_slide(path, None if info.declared_mpp else mpp) as slide:
        pixels = slide.read_region(0, 0, 0, SIDE, SIDE)
        gap = float(np.abs(pixels.astype(int) - _picture()).mean())
        if gap > TOLERANCE:
            raise ValueError(f"pixels differ by {gap:.1f} of 255 from those that were written")
        return f"read by {slide.vendor}, {slide.mpp:g} µm/px, mean difference {gap:.2f} of 255"


def _tiff(name: str, **options: Any) -> Callable[[Path], str]:
    def attempt(folder: Path) -> str:
        import tifffile

        path = folder / name
        common: dict[str, Any] = {"photometric": "rgb", "tile": (256, 256), "metadata": None}
        if name.endswith(".svs"):
            said = f"Aperio Image Library v10\n{SIDE}x{SIDE} (256x256) JPEG/RGB Q=90|AppMag = 20|MPP = 0.5"
            common |= {"description": said, "software": False}
        else:
            common |= {"resolution": (20000, 20000), "resolutionunit": 3}
        tifffile.imwrite(path, _picture(), **common, **options)
        return _opened(path)

    return attempt


def _dicom(folder: Path) -> str:
    from importlib.util import find_spec

    if find_spec("highdicom") is None:
        return "not tried: the extra dicom is not installed"
    from survviz.figures.dicom_slide import overview_image
    from survviz.figures.dicom_source import made_grid

    grid = made_grid("self-check", "self-check", (SIDE, SIDE), 0.5, 16)
    (folder / "dicom").mkdir()
    path = folder / "dicom" / "slide.dcm"
    pixels = _picture()[: grid.height, : grid.width]
    path.write_bytes(overview_image(grid, pixels, 0.5))
    return _opened(path)


def _features(folder: Path) -> str:
    from survviz.types import Bag
    from survviz.units import to_mpp
    from survviz.wsi.features import read_features, write_features

    coords = np.array([[0, 0], [256, 0]], np.int64)
    bag = Bag("self-check", np.ones((2, 4), np.float32), coords, 256, to_mpp(0.5), "none")
    found = read_features(write_features(folder / "features.h5", bag))
    if not np.array_equal(found.coords, coords):
        raise ValueError("coordinates are not those that were written")
    return f"{len(found)} patches of {found.features.shape[1]} numbers"


def _table(suffix: str) -> Callable[[Path], str]:
    def attempt(folder: Path) -> str:
        import pandas as pd

        from survviz.data.tables import read_matrix

        table = pd.DataFrame({"gene": ["TP53", "EGFR"], "P1": [1.5, 2.5], "P2": [3.5, 4.5]})
        path = folder / f"t{suffix}"
        {".parquet": table.to_parquet, ".xlsx": table.to_excel, ".csv.gz": table.to_csv}[suffix](path, index=False)
        found = read_matrix(path)
        return f"{found.shape[0]} x {found.shape[1]} numbers"

    return attempt


ATTEMPTS: Mapping[str, Callable[[Path], str]] = {
    "SVS (JPEG)": _tiff("jpeg.svs", compression="jpeg"),
    "TIFF, JPEG": _tiff("jpeg.tif", compression="jpeg"),
    "TIFF, JPEG 2000": _tiff("jpeg2000.tif", compression="jpeg2000", compressionargs={"level": 90}),
    "TIFF, LZW": _tiff("lzw.tif", compression="lzw"),
    "TIFF, Deflate": _tiff("deflate.tif", compression="deflate"),
    "DICOM": _dicom,
    "Features (h5)": _features,
    "Table (Parquet)": _table(".parquet"),
    "Table (Excel)": _table(".xlsx"),
    "Table (CSV, gzip)": _table(".csv.gz"),
}
