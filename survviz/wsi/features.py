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
from survviz.wsi.feature_layouts import Known, Parts, parts_of_h5, parts_of_pt, patch_mpp, patch_side


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


def to_bag(parts: Parts, known: Known, slide_id: str, source: str) -> Bag:
    """One internal record of whatever a file said and a person added."""
    if len(parts.features) != len(parts.coords):
        raise InputError(
            f"{source}: {len(parts.features)} rows of features but {len(parts.coords)} of coordinates; "
            "they belong to different extractions."
        )
    if known.encoder and parts.encoder and known.encoder != parts.encoder:
        raise InputError(f"{source} was made by encoder {parts.encoder!r}, but {known.encoder!r} was asked for.")
    coords = parts.coords
    if parts.coords_in_um:
        if known.slide_mpp is None:
            raise InputError(
                f"{source} (STAMP) holds coordinates in um. Give the slide's pixel size (slide_mpp) to turn them into "
                "pixels."
            )
        coords = parts.coords / known.slide_mpp
    coords = np.rint(coords).astype(np.int64)
    side = patch_side(parts, known, coords, source)
    order = np.lexsort((coords[:, 0], coords[:, 1]))
    ordered = bool((order[1:] > order[:-1]).all())
    return Bag(
        slide_id=parts.slide_id or slide_id,
        features=parts.features if ordered else parts.features[order],
        coords=coords if ordered else coords[order],
        patch_size_level0=side,
        mpp=patch_mpp(parts, known, side, source),
        encoder=known.encoder or parts.encoder or "unknown",
        encoder_revision=parts.encoder_revision,
        slide_size=parts.slide_size,
        slide_hash=parts.slide_hash,
        mpp_source=parts.mpp_source,
    )
