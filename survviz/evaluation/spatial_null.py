"""Could a region's enrichment be chance? Tests that keep what neighbours have in common.

Neighbouring patches look alike, so their values are alike, and a region of 50 patches holds far fewer than 50
independent values. Shuffling patches destroys that and calls noise significant. Here the whole map is shifted over the
slide instead, around the edges of a torus, so that its hills keep their size and only their place is chance (Lotwick
and Silverman 1982, J R Stat Soc B 44:406; Upton and Fingleton 1985). Optionally it is turned by quarter turns as well.

A shifted value that lands on no patch is dropped, and so is a patch that gets none. A shift that leaves less than
`SMALLEST_KEPT` of the region's area with values is not used, because its mean would vary more than the observed one.
All shifts are computed at once: they are a cross-correlation, so a few Fourier transforms.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.fft import next_fast_len
from scipy.sparse import csr_array

from survviz.errors import InputError
from survviz.evaluation.enrichment import SMALLEST_COVER, check_map
from survviz.evaluation.outcomes import UndefinedMetricError

Alternative: TypeAlias = Literal["two-sided", "greater", "less"]

SMALLEST_KEPT = 0.5
FEWEST_SHIFTS = 39
LARGEST_TORUS = 1 << 22
MOST_OVERLAP = 4
ALIKE = 1e-9
SHUFFLED_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class SpatialTest:
    """How often chance does as well.

    Attributes:
        statistic: observed enrichment, or difference of means for a signed map.
        p: (1 + as extreme) / (1 + permutations); None where it is undefined.
        n_permutations: shifts that were used.
        kept: mean share of the region's area that still had values after a shift; 1 for shuffling.
        reason: why p is undefined, else empty.
    """

    statistic: float | None
    p: float | None
    n_permutations: int
    kept: float | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Lattice:
    """The patches of a slide as cells of a torus.

    Attributes:
        cells: (N,) flat cell of each patch.
        shape: rows and columns of the torus.
    """

    cells: NDArray[np.int64]
    shape: tuple[int, int]

    @classmethod
    def of(cls, coords: NDArray[np.integer], patch_size: float, *, square: bool = False) -> Lattice:
        """Patches on one grid keep their places; those of several origins go to the nearest cell of a common grid.

        Raises:
            UndefinedMetricError: no patch, or a torus too large to compute.
        """
        if not len(coords):
            raise UndefinedMetricError("The map has no patch.")
        step = grid_step(coords, patch_size)
        places = np.rint((coords - coords.min(axis=0)) / step).astype(np.int64)
        columns, rows = (int(next_fast_len(int(size) + 1, True) or 0) for size in places.max(axis=0))
        if square:
            rows = columns = max(rows, columns)
        if rows * columns > LARGEST_TORUS:
            raise UndefinedMetricError(
                f"The patches span {columns} x {rows} cells; a shift test is made for up to {LARGEST_TORUS:,}."
            )
        return cls(places[:, 1] * columns + places[:, 0], (rows, columns))

    def sum(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """(rows, columns) sums of the patches' values per cell."""
        sums = np.bincount(self.cells, values, self.shape[0] * self.shape[1])
        return sums.astype(np.float64).reshape(self.shape)


def grid_step(coords: NDArray[np.integer], patch_size: float) -> float:
    """Distance of neighbouring patches: the patch's side, unless all lie on a coarser or overlapping grid."""
    steps = [np.diff(np.unique(axis)) for axis in np.asarray(coords, np.int64).T]
    common = int(np.gcd.reduce(np.concatenate(steps))) if any(map(len, steps)) else 0
    return float(common) if common * MOST_OVERLAP >= patch_size else float(patch_size)


def shift_test(
    values: ArrayLike,
    coords: NDArray[np.integer],
    patch_size: float,
    cover: csr_array,
    *,
    signed: bool = False,
    n_permutations: int = 999,
    alternative: Alternative = "two-sided",
    rotations: bool = False,
    seed: int = 0,
) -> tuple[SpatialTest, ...]:
    """Toroidal shifts of a map, for each of R regions.

    Args:
        values: (N,); NaN = no value.
        coords: (N, 2) top-left corners.
        patch_size: side of a patch.
        cover: (R, N) share of each patch in each region (`coverage`).
        signed: compare means instead of shares.
        n_permutations: shifts to draw; all are used when there are fewer.
        rotations: shift the map turned by 90, 180 and 270 degrees as well.

    Raises:
        InputError: different lengths, a negative value without `signed`, or no permutation asked.
    """
    value, shares = _checked(values, cover, signed, n_permutations)
    known = np.isfinite(value)
    value, shares = value[known], shares[:, known]
    try:
        lattice = Lattice.of(np.asarray(coords)[known], patch_size, square=rotations)
    except UndefinedMetricError as error:
        return tuple(SpatialTest(None, None, 0, None, str(error)) for _ in range(shares.shape[0]))
    torus = _Torus(lattice, value, 4 if rotations else 1)
    order = np.random.default_rng(seed).permutation(torus.size - 1) + 1  # 0 is the map where it is
    return tuple(
        torus.test(shares[[row]].toarray()[0], order, signed, n_permutations, alternative)
        for row in range(shares.shape[0])
    )


class _Torus:
    """A map and its turned copies, transformed once for all regions."""

    def __init__(self, lattice: Lattice, values: NDArray[np.float64], turns: int) -> None:
        self.lattice = lattice
        self.count = lattice.sum(np.ones(len(values)))
        total = lattice.sum(values)
        self.size = turns * total.size
        self.turned = [
            [np.conj(np.fft.rfft2(np.rot90(grid, turn))) for grid in (total, self.count)] for turn in range(turns)
        ]
        self.everywhere = [self._correlate((self.count > 0).astype(float), kind) for kind in (0, 1)]

    def _correlate(self, weights: NDArray[np.float64], kind: int) -> NDArray[np.float64]:
        """(turns * cells,) sum over cells of weight times the map (0) or its number of patches (1), of every shift."""
        spectrum = np.fft.rfft2(weights)
        return np.concatenate(
            [np.fft.irfft2(spectrum * turned[kind], s=weights.shape).ravel() for turned in self.turned]
        )

    def test(
        self,
        share: NDArray[np.float64],
        order: NDArray[np.int64],
        signed: bool,
        n_permutations: int,
        alternative: Alternative,
    ) -> SpatialTest:
        if share.sum() <= SMALLEST_COVER:
            return SpatialTest(None, None, 0, None, "The region covers no patch with a value.")
        weights = self.lattice.sum(share) / np.maximum(self.count, 1)
        inside, area = self._correlate(weights, 0), self._correlate(weights, 1)
        total, patches = self.everywhere
        usable = (area >= SMALLEST_KEPT * area[0] - ALIKE) & (patches - area > ALIKE * patches[0])
        if signed and not usable[0]:
            return SpatialTest(None, None, 0, None, "The region covers every patch: there is nothing to compare with.")
        usable[0] = True
        chosen = order[usable[order]][:n_permutations]
        at = np.concatenate([[0], chosen])
        statistic = _statistic(inside[at], area[at], total[at], patches[at], signed)
        if not np.isfinite(statistic[0]):
            return SpatialTest(None, None, 0, None, "The map is zero on every patch.")
        if len(chosen) < FEWEST_SHIFTS:
            reason = f"Only {len(chosen)} shifts keep half of the region on tissue; a test needs {FEWEST_SHIFTS}."
            return SpatialTest(float(statistic[0]), None, len(chosen), None, reason)
        p = p_value(statistic[0], statistic[1:], alternative)
        return SpatialTest(float(statistic[0]), p, len(chosen), float(np.mean(area[chosen] / area[0])))


def shuffle_test(
    values: ArrayLike,
    cover: csr_array,
    *,
    signed: bool = False,
    n_permutations: int = 999,
    alternative: Alternative = "two-sided",
    seed: int = 0,
) -> tuple[SpatialTest, ...]:
    """The same with values dealt to patches at random. It ignores that neighbours are alike: its p is far too small.

    Raises:
        InputError: as `shift_test`.
    """
    value, shares = _checked(values, cover, signed, n_permutations)
    known = np.isfinite(value)
    value, shares = value[known], shares[:, known]
    area = shares.sum(axis=1)  # (R,)
    rng = np.random.default_rng(seed)
    inside = [shares @ value[:, None]]
    for start in range(0, n_permutations, SHUFFLED_AT_ONCE):
        draws = min(SHUFFLED_AT_ONCE, n_permutations - start)
        inside.append(shares @ np.stack([rng.permutation(value) for _ in range(draws)], axis=1))
    sums = np.concatenate(inside, axis=1)  # (R, 1 + permutations)
    found = []
    for row in range(len(area)):
        if area[row] <= SMALLEST_COVER or (signed and len(value) - area[row] <= SMALLEST_COVER):
            found.append(SpatialTest(None, None, 0, None, "The region covers no patch with a value, or all of them."))
            continue
        statistic = _statistic(sums[row], area[row], value.sum(), float(len(value)), signed)
        p = p_value(statistic[0], statistic[1:], alternative)
        found.append(SpatialTest(float(statistic[0]), p, n_permutations, 1.0))
    return tuple(found)


def p_value(observed: float, null: NDArray[np.float64], alternative: Alternative) -> float:
    """(1 + as extreme) / (1 + n); two-sided is twice the smaller side. What differs by rounding only is alike.

    Raises:
        InputError: the alternative is unknown.
    """
    margin = ALIKE * max(abs(observed), float(np.abs(null).max(initial=0)))
    upper = (1 + int(np.sum(null >= observed - margin))) / (1 + len(null))
    lower = (1 + int(np.sum(null <= observed + margin))) / (1 + len(null))
    sides = {"greater": upper, "less": lower, "two-sided": min(1.0, 2 * min(upper, lower))}
    if alternative not in sides:
        raise InputError(f"The alternative {alternative!r} was given; expected {', '.join(sides)}.")
    return sides[alternative]


def _statistic(
    inside: NDArray[np.float64],
    area: NDArray[np.float64] | float,
    total: NDArray[np.float64] | float,
    patches: NDArray[np.float64] | float,
    signed: bool,
) -> NDArray[np.float64]:
    """Enrichment, or mean inside minus mean outside."""
    with np.errstate(divide="ignore", invalid="ignore"):
        if signed:
            return inside / area - (total - inside) / (patches - area)
        return (inside / area) / (np.asarray(total) / patches)


def _checked(
    values: ArrayLike, cover: csr_array, signed: bool, n_permutations: int
) -> tuple[NDArray[np.float64], csr_array]:
    value, shares = np.asarray(values, np.float64), csr_array(cover)
    check_map(value, signed)
    _, patches = shares.shape or (0, 0)
    if patches != len(value):
        raise InputError(f"{len(value)} values and shares of {patches} patches were given; expected as many.")
    if n_permutations < 1:
        raise InputError(f"{n_permutations} permutations were asked; expected 1 or more.")
    return value, shares
