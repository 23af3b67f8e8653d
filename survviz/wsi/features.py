"""Feature files: write TRIDENT's h5 layout with our provenance; read ours and what other tools write."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import h5py
import numpy as np

from survviz import __version__
from survviz.errors import InputError
from survviz.types import Bag
from survviz.wsi.feature_layouts import parts_of_h5, parts_of_pt
from survviz.wsi.feature_record import Known, to_bag


def check_bag(bag: Bag, source: str) -> Bag:
    """Refuse what no later step could use.

    Raises:
        InputError: features and coordinates differ in number, a value is not finite, or the patch side is not positive.
    """
    n = len(bag.coords)
    if bag.features.ndim != 2 or bag.coords.shape != (n, 2) or len(bag.features) != n:
        raise InputError(
            f"{source}: features of shape {bag.features.shape} do not belong to coordinates of shape "
            f"{bag.coords.shape}; expected (N, D) and (N, 2). Extract the slide again."
        )
    bad = np.flatnonzero(~np.isfinite(bag.features).all(axis=1))
    if bad.size:
        raise InputError(
            f"{source}: {bad.size} of {n} patches hold NaN or infinite features (first: row {bad[0]}). "
            "Extract the slide again, in float32 if it was float16."
        )
    if bag.patch_size_level0 <= 0:
        raise InputError(f"{source}: a patch side of {bag.patch_size_level0} level-0 pixels; expected 1 or more.")
    if bag.slide_size is not None and n:
        low, high = bag.coords.min(axis=0), bag.coords.max(axis=0)
        if (low <= -bag.patch_size_level0).any() or (high >= bag.slide_size).any():
            raise InputError(
                f"{source}: patches from {tuple(low.tolist())} to {tuple(high.tolist())} lie outside the slide of "
                f"{bag.slide_size[0]} x {bag.slide_size[1]} level-0 pixels. Do they belong to another slide or level?"
            )
    return bag


def write_features(path: str | Path, bag: Bag, *, patch_px: int | None = None, compress: bool = False) -> Path:
    """Write a bag as TRIDENT would, plus what it leaves out; the file appears complete or not at all.

    Args:
        patch_px: side of a patch at `bag.mpp`; TRIDENT's `patch_size` and magnifications are written if it is given.
        compress: gzip and shuffle; smaller, slower to read.

    Raises:
        InputError: the bag holds NaN, or shapes that do not fit.
    """
    path = Path(path)
    check_bag(bag, path.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    os.close(handle)
    try:
        with h5py.File(temporary, "w") as file:
            fill(file, bag, patch_px, compress and len(bag) > 0)
        Path(temporary).chmod(0o644)
        os.replace(temporary, path)
    finally:
        Path(temporary).unlink(missing_ok=True)
    return path


def fill(file: h5py.File, bag: Bag, patch_px: int | None, compress: bool) -> None:
    """Datasets and attributes; never a path, which could carry a name."""
    options: dict[str, object] = {"compression": "gzip", "shuffle": True} if compress else {}
    features = file.create_dataset("features", data=bag.features, **options)
    features.attrs.update({"name": bag.slide_id, "encoder": bag.encoder, "encoder_revision": bag.encoder_revision})
    coords = file.create_dataset("coords", data=bag.coords.astype(np.int64), **options)
    known: dict[str, object] = {
        "name": bag.slide_id,
        "patch_size_level0": int(bag.patch_size_level0),
        "overlap": 0,
        "mpp": float(bag.mpp),
        "target_magnification": 10 / float(bag.mpp),
    }
    if patch_px is not None:
        known["patch_size"] = int(patch_px)
        known["level0_magnification"] = 10 / float(bag.mpp) * bag.patch_size_level0 / patch_px
    if bag.slide_size is not None:
        known |= {"level0_width": int(bag.slide_size[0]), "level0_height": int(bag.slide_size[1])}
    coords.attrs.update(known)
    ours = {"slide_id": bag.slide_id, "slide_hash": bag.slide_hash, "mpp_source": bag.mpp_source}
    file.attrs.update({name: value for name, value in ours.items() if value is not None})
    file.attrs["survviz_version"] = __version__


def read_features(
    path: str | Path,
    *,
    mpp: float | None = None,
    slide_mpp: float | None = None,
    coords_path: str | Path | None = None,
    patch_size_level0: int | None = None,
    encoder: str | None = None,
    slide_id: str | None = None,
) -> Bag:
    """Read the patch features of one slide, whoever wrote them: survviz, TRIDENT, CLAM, STAMP, MMP (h5), CLAM (.pt).

    The arguments say what the file leaves out; one that contradicts the file is refused. Rows are put in order (by
    row, then column). Attributes that hold paths are dropped.

    Args:
        mpp: um per pixel at which the patches were encoded (CLAM does not say).
        slide_mpp: um per level-0 pixel of the slide (STAMP stores um, so it is needed there).
        coords_path: h5 with the coordinates, for CLAM's `.pt`, or with the patch size, for CLAM's feature h5; looked
            for in the sibling folders `h5_files` and `patches` if not given.
        patch_size_level0: side of a patch in level-0 pixels.
        encoder: name of the encoder.
        slide_id: instead of the file's name.

    Raises:
        InputError: damaged or foreign file, NaN, numbers of rows that differ, unknown patch side.
        MissingMppError: the resolution is neither in the file nor given.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"No feature file at {path}.")
    parts = parts_of_pt(path, coords_path) if path.suffix == ".pt" else parts_of_h5(path, coords_path)
    known = Known(mpp=mpp, slide_mpp=slide_mpp, patch_size_level0=patch_size_level0, encoder=encoder)
    return check_bag(to_bag(parts, known, slide_id or path.stem, path.name), path.name)
