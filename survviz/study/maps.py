"""The map of a study case, frozen in a file, and its two controls: shuffled over the patches, and uniform.

A map file is safetensors with `coords` (N, 2) int32, level-0 pixels, `values` (N,) float32, times uniform attention,
and the patch size in its header. Maps are frozen when a study is made, so that a checkpoint that is trained again does
not change what later readers see.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy  # its parts are loaded when first used
from numpy.typing import NDArray

from survviz.errors import InputError
from survviz.study.design import Condition, Study

FORMAT = "survviz-study-map-1"
ALIKE = 0.1
DRAWS = 64


@dataclass(frozen=True, slots=True)
class StudyMap:
    """One number per patch of one slide.

    Attributes:
        coords: (N, 2) corners in level-0 pixels.
        values: (N,) times uniform.
        patch: side of a patch in level-0 pixels.
        words: exact meaning of the real map; never shown to a reader.
    """

    coords: NDArray[np.int64]
    values: NDArray[np.float64]
    patch: int
    words: str = ""


def write_map(path: Path, one: StudyMap) -> None:
    """Keep a map.

    Raises:
        InputError: it is empty, or a value is missing or negative.
    """
    from safetensors.numpy import save

    _check(one, path)
    arrays = {"coords": one.coords.astype(np.int32), "values": one.values.astype(np.float32)}
    fresh = path.with_name(f".{path.name}.tmp")
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh.write_bytes(save(arrays, {"format": FORMAT, "patch": str(one.patch), "words": one.words}))
    fresh.replace(path)


def read_map(path: Path) -> StudyMap:
    """Read a map.

    Raises:
        InputError: the file is not there, or holds something else.
    """
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise InputError(f"The map {path} is not there. Make the study's maps with `survviz study init`.")
    try:
        with safe_open(str(path), framework="numpy") as file:
            header = file.metadata() or {}
            one = StudyMap(
                file.get_tensor("coords").astype(np.int64),
                file.get_tensor("values").astype(np.float64),
                int(header.get("patch", 0)),
                header.get("words", ""),
            )
    except (SafetensorError, ValueError) as error:
        raise InputError(f"{path} is no map of a reader study ({error}). Make it with `survviz study init`.") from error
    _check(one, path)
    return one


def _check(one: StudyMap, path: Path) -> None:
    n = len(one.values)
    if n == 0 or one.coords.shape != (n, 2) or one.patch <= 0:
        raise InputError(f"{path}: {n} values, coordinates {one.coords.shape}, patch {one.patch} px; expected a map.")
    if not np.isfinite(one.values).all() or one.values.min() < 0:
        raise InputError(f"{path} holds missing or negative values; a study shows attention, times uniform.")


def map_of(study: Study, case: str, condition: Condition) -> StudyMap:
    """The map that readers see of a case under a condition; the same for all readers.

    Raises:
        InputError: the map file cannot be read.
    """
    one = read_map(study.folder / study.case(case).map)
    if condition == "real":
        return one
    if condition == "uniform":
        values = np.full(len(one.values), one.values.mean())
    else:
        rng = _generator(f"{study.seed}|{study.shuffle}|{case}")
        values = (shift if study.shuffle == "shift" else permute)(one, rng)
    return StudyMap(one.coords, values, one.patch, one.words)


def permute(one: StudyMap, rng: np.random.Generator) -> NDArray[np.float64]:
    """(N,) the real values in a random order: same histogram, no smoothness left."""
    return one.values[rng.random(len(one.values)).argsort(kind="stable")]


def shift(one: StudyMap, rng: np.random.Generator) -> NDArray[np.float64]:
    """(N,) the real values permuted as the map moved over the slide: same histogram, smoothness kept.

    The map is moved on the torus of its bounding box (what leaves on one side enters on the other), patches that land
    on glass take the value of the nearest patch, and the real values are then handed out by rank of the moved map, so
    that the result is a permutation of them. Of up to 64 random moves the first is taken whose rank correlation with
    the real map is within 0.1 of none, else the one nearest to none: a move by less than a tumour would be no control.
    """
    low = one.coords.min(axis=0)
    span = np.maximum(one.coords.max(axis=0) - low + one.patch, 1)
    tree = scipy.spatial.KDTree(one.coords)
    ranks = scipy.stats.rankdata(one.values)
    tie_break = rng.random(len(one.values))
    ordered, best, found = np.sort(one.values), np.inf, one.values
    for _ in range(DRAWS):
        move = np.floor(rng.random(2) * span / one.patch) * one.patch
        _, source = tree.query((one.coords - low + move) % span + low)
        moved = np.empty_like(one.values)
        moved[np.lexsort((tie_break, one.values[source]))] = ordered
        alike = _correlation(ranks, scipy.stats.rankdata(moved))
        if alike < best:
            best, found = alike, moved
        if alike <= ALIKE:
            break
    return found


def _correlation(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Size of Pearson's correlation; 0 where a map is flat."""
    a, b = first - first.mean(), second - second.mean()
    size = float(np.sqrt((a @ a) * (b @ b)))
    return abs(float(a @ b)) / size if size > 0 else 0.0


def _generator(text: str) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(int(hashlib.sha256(text.encode()).hexdigest(), 16)))
