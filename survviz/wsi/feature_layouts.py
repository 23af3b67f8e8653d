"""What each tool writes into its feature files, turned into one record; nothing is guessed, what is absent is None."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from pickle import UnpicklingError  # noqa: TID251 (the error class alone; nothing is unpickled)
from typing import Any, Literal

import h5py
import numpy as np
from numpy.typing import NDArray

from survviz.errors import InputError

MAX_BYTES = 16 * 2**30
UNREADABLE = (OSError, KeyError, RuntimeError, ValueError, TypeError, MemoryError)
"""What h5py raises on damaged files."""

STAMP_TILE_UM = 256.0
STAMP_TILE_PX = 224


@dataclass(frozen=True, slots=True)
class Parts:
    """What a file says.

    Attributes:
        coords: (N, 2) top-left corners in level-0 pixels, or in um.
        side_level0: patch side in level-0 pixels.
        side_px: patch side in pixels at the encoded resolution.
        side_um: patch side in um.
        mpp: um per pixel of the encoded patches, as measured.
        nominal_mpp: the same from a magnification (10 / magnification), which an argument may correct.
        downsample: encoded pixels to level-0 pixels.
    """

    features: NDArray[np.floating]
    coords: NDArray[np.number]
    coords_in_um: bool = False
    side_level0: int | None = None
    side_px: int | None = None
    side_um: float | None = None
    mpp: float | None = None
    nominal_mpp: float | None = None
    downsample: float | None = None
    encoder: str = ""
    encoder_revision: str = ""
    slide_id: str = ""
    slide_size: tuple[int, int] | None = None
    slide_hash: str | None = None
    mpp_source: Literal["file", "person"] | None = None


def number(attrs: Mapping[str, object], *names: str) -> float | None:
    """First attribute that holds a positive finite number; tools write None as the word 'None'."""
    for name in names:
        value = np.asarray(attrs[name]).ravel() if name in attrs else np.zeros(0)
        if value.size and value.dtype.kind in "iuf" and math.isfinite(value[0]) and value[0] > 0:
            return float(value[0])
    return None


def text(attrs: Mapping[str, object], name: str) -> str:
    """A text attribute without any folder in it; empty if it is absent or the word 'None'."""
    value = attrs.get(name, "")
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if not isinstance(value, str) or value == "None":
        return ""
    return value.replace("\\", "/").rsplit("/", 1)[-1]


ENCODER_NAMES = {"uni_v1": "uni", "uni_v2": "uni2-h", "uni2": "uni2-h", "hoptimus0": "h-optimus-0"}
"""Names that other tools give to encoders of our registry."""


def encoder_name(attrs: Mapping[str, object], attribute: str) -> str:
    """The encoder under the name of our registry, where it has one."""
    name = text(attrs, attribute)
    return ENCODER_NAMES.get(name, name)


def dataset(file: h5py.File, name: str, source: str) -> h5py.Dataset:
    """A dataset stored in this very file.

    Raises:
        InputError: it is no dataset, lies in another file, or declares more than 16 GiB.
    """
    link = file.get(name, getlink=True)
    found = file[name] if isinstance(link, h5py.HardLink) else None
    if not isinstance(found, h5py.Dataset) or found.external or found.is_virtual:
        raise InputError(f"{source}: {name!r} is not a plain dataset of this file. Links to other files are refused.")
    if found.size is None or found.size * found.dtype.itemsize > MAX_BYTES:
        raise InputError(f"{source}: {name!r} declares shape {found.shape}, more than 16 GiB. The file is damaged.")
    return found


def numbers(found: h5py.Dataset, kinds: str, source: str) -> NDArray[Any]:
    """The values of a dataset of a numeric type."""
    if found.dtype.kind not in kinds:
        raise InputError(f"{source}: {found.name!r} holds {found.dtype}, expected numbers.")
    return found[()]


def coordinates(file: h5py.File, source: str) -> NDArray[Any]:
    """(N, 2) from (N, 2) or (1, N, 2); finite."""
    found = numbers(dataset(file, "coords", source), "iuf", source)
    if found.size == 0:
        return np.zeros((0, 2), dtype=np.int64)
    if found.ndim not in (2, 3) or found.shape[-1] != 2 or (found.ndim == 3 and found.shape[0] != 1):
        raise InputError(f"{source}: coordinates of shape {found.shape}; expected (N, 2), x and y of each patch.")
    if found.dtype.kind == "f" and not np.isfinite(found).all():
        raise InputError(f"{source}: coordinates hold NaN or infinite values. Extract the slide again.")
    return found.reshape(-1, 2)


def as_patches(features: NDArray[np.floating], n_coords: int, source: str) -> NDArray[np.floating]:
    """(N, D) from (N, D), from MMP's (1, N, D), and from an empty slide's (0,)."""
    if features.ndim == 3 and features.shape[0] == 1:
        features = features[0]
    if features.size == 0 and n_coords == 0:
        return features.reshape(0, features.shape[-1] if features.ndim == 2 else 0)
    if features.ndim == 1:
        raise InputError(
            f"{source} holds one vector of {features.size} numbers, a slide embedding; expected patch features (N, D)."
        )
    return features.astype(np.float32) if features.dtype.itemsize > 4 else features


def parts_of_h5(path: Path, coords_path: str | Path | None) -> Parts:
    """Read an h5 of survviz, TRIDENT, CLAM, MMP (`features`) or STAMP (`feats`).

    Raises:
        InputError: it cannot be opened, or holds neither.
    """
    try:
        with h5py.File(path, "r") as file:
            key = next((name for name in ("features", "feats") if name in file), None)
            if key is None or "coords" not in file:
                raise InputError(
                    f"{path.name} holds {', '.join(sorted(file)) or 'nothing'}; "
                    "expected 'features' (or STAMP's 'feats') and 'coords'."
                )
            coords = coordinates(file, path.name)
            raw = numbers(dataset(file, key, path.name), "f", path.name)
            features = as_patches(raw, len(coords), path.name)
            if key == "feats":
                return stamp(file, features, coords)
            parts = trident(file, features, coords)
    except UNREADABLE as error:
        raise InputError(f"{path.name} cannot be read as HDF5 ({error}). Copy or extract it again.") from error
    if parts.side_level0 is None:
        return with_patch_file(parts, path, coords_path)
    return parts


def trident(file: h5py.File, features: NDArray[np.floating], coords: NDArray[np.number]) -> Parts:
    """TRIDENT's attributes and ours; a CLAM or MMP file has none of them."""
    at, on = file["coords"].attrs, file["features"].attrs
    side_px, target = number(at, "patch_size"), number(at, "target_magnification")
    level0 = number(at, "level0_magnification")
    side = number(at, "patch_size_level0")
    if side is None and side_px and target and level0:
        side = side_px * level0 // target
    width, height = number(at, "level0_width"), number(at, "level0_height")
    source = text(file.attrs, "mpp_source")
    return Parts(
        features=features,
        coords=coords,
        side_level0=int(side) if side else None,
        side_px=int(side_px) if side_px else None,
        mpp=number(at, "mpp"),
        nominal_mpp=10 / target if target else None,
        encoder=encoder_name(on, "encoder"),
        encoder_revision=text(on, "encoder_revision"),
        slide_id=text(file.attrs, "slide_id"),
        slide_size=(int(width), int(height)) if width and height else None,
        slide_hash=text(file.attrs, "slide_hash") or None,
        mpp_source="person" if source == "person" else "file" if source == "file" else None,
    )


def stamp(file: h5py.File, features: NDArray[np.floating], coords: NDArray[np.number]) -> Parts:
    """STAMP: coordinates in um; tiles of `tile_size_um` (older: `tile_size`; oldest: steps of 224 that mean 256 um)."""
    at, source = file.attrs, Path(file.filename).name
    if (unit := text(at, "unit")) not in ("", "um"):
        raise InputError(f"{source}: coordinates in {unit!r}; expected STAMP's um.")
    if (kind := text(at, "feat_type")) not in ("", "tile"):
        raise InputError(f"{source} holds {kind} embeddings; patch (tile) features are needed.")
    side_um, side_px = number(at, "tile_size_um", "tile_size"), number(at, "tile_size_px")
    if side_um is None and coords.size and np.all(np.mod(coords, STAMP_TILE_PX) == 0):
        coords, side_um = coords * (STAMP_TILE_UM / STAMP_TILE_PX), STAMP_TILE_UM
    side_px = side_px or STAMP_TILE_PX
    return Parts(
        features=features,
        coords=coords,
        coords_in_um=True,
        side_px=int(side_px),
        side_um=side_um,
        mpp=side_um / side_px if side_um else None,
        encoder=encoder_name(at, "extractor"),
    )


def with_patch_file(parts: Parts, path: Path, coords_path: str | Path | None) -> Parts:
    """Add what CLAM's `patches/<slide>.h5` says of the patch size, if that file is there."""
    other = Path(coords_path) if coords_path else path.parent.parent / "patches" / f"{path.stem}.h5"
    if not other.is_file():
        if coords_path:
            raise InputError(f"No coordinate file at {other}.")
        return parts
    coords, described = patch_file(other)
    if not np.array_equal(coords, parts.coords):
        raise InputError(
            f"{other.name} lists other coordinates than {path.name}; they belong to different extractions."
        )
    return replace(
        parts, **{name: value for name, value in described.items() if value is not None and not getattr(parts, name)}
    )


def patch_file(path: Path) -> tuple[NDArray[np.number], dict[str, object]]:
    """Coordinates and patch size from an h5 of CLAM's patching, or of any tool with coordinates in level-0 pixels."""
    try:
        with h5py.File(path, "r") as file:
            if "coords" not in file:
                raise InputError(f"{path.name} holds no 'coords'; expected the h5 that CLAM's patching wrote.")
            coords = coordinates(file, path.name)
            at = file["coords"].attrs
            side_px, downsample = number(at, "patch_size"), number(at, "downsample")
            side = number(at, "patch_size_level0")
            if downsample:
                downsample *= number(at, "custom_downsample") or 1.0
            if side is None and side_px and downsample:
                side = side_px * downsample
            described: dict[str, object] = {
                "side_px": int(side_px) if side_px else None,
                "downsample": downsample,
                "side_level0": round(side) if side else None,
            }
            return coords, described
    except UNREADABLE as error:
        raise InputError(f"{path.name} cannot be read as HDF5 ({error}). Copy or make it again.") from error


def parts_of_pt(path: Path, coords_path: str | Path | None) -> Parts:
    """CLAM's `.pt`: one tensor (N, D); the coordinates come from the h5 beside it, in the same order.

    Raises:
        InputError: the file holds anything but one tensor, or no coordinates are found.
    """
    import torch

    places = [path.parent.parent / folder / f"{path.stem}.h5" for folder in ("h5_files", "patches")]
    other = next((place for place in ([Path(coords_path)] if coords_path else places) if place.is_file()), None)
    if other is None:
        raise InputError(
            f"{path.name} holds features without coordinates, and no h5 was found beside it (h5_files/ or patches/). "
            "Give the h5 with the coordinates (coords_path)."
        )
    try:
        # CLAM's feature files exist only in this form; weights_only=True runs no code.
        found = torch.load(path, map_location="cpu", weights_only=True)  # noqa: TID251
    except (UnpicklingError, OSError, RuntimeError, ValueError, EOFError, KeyError, AttributeError) as error:
        raise InputError(
            f"{path.name} cannot be read as a file of tensors: it is damaged, or holds objects that could run code "
            "when loaded. CLAM writes one tensor; use its h5 instead."
        ) from error
    if not isinstance(found, torch.Tensor) or not found.is_floating_point():
        raise InputError(f"{path.name} holds {type(found).__name__}; expected one floating-point tensor (N, D).")
    found = found.detach()
    features = (found if found.dtype in (torch.float16, torch.float32) else found.float()).numpy()
    coords, described = patch_file(other)
    parts = Parts(features=as_patches(features, len(coords), path.name), coords=coords)
    parts = replace(parts, **{name: value for name, value in described.items() if value is not None})
    return parts if parts.side_level0 else with_patch_file(parts, path, None)
