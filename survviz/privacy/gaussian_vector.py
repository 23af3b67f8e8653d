"""Gaussian noise for long vectors (the gradients of DP-SGD): exact, on integers, and fast.

OpenDP takes some 30 us a draw, which a training run cannot wait for, and floats from torch are no private noise. Here a
clipped gradient becomes integers, rounded towards zero so that its norm cannot grow, and what is added is a Gaussian
rounded to the nearest integer. Rounding comes after the noise, so the guarantee is that of the continuous Gaussian.

A draw compares 64 random bits of the operating system with a table of the normal distribution, and 64 more where those
do not decide. The table is right to 2^-120 and ends at ten standard deviations: over 10^9 draws this adds less than
10^-13 to delta.
"""

from __future__ import annotations

import bisect
import decimal
import functools
import os
from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from survviz.errors import PrivacyError

SCALE = 2**12  # lattice steps in one standard deviation
REACH = 10  # standard deviations in the table
BITS = 128
GUIDE_BITS = 16  # first bits of a number, which tell its place in the table in most cases
GUARD = 40  # further bits that the table is computed with
ORDER = 9  # of the Taylor steps between neighbouring entries
SHRINK = 1 - 2.0**-20  # of a gradient before it is rounded: pays for the rounding of the clipping

NUMBERS_AT_ONCE = 2**18  # of gradients that are turned into integers: 2 MiB

Bytes = Callable[[int], bytes]


def lattice_sum(
    gradients: Float[NDArray, "B d"], clip: float, noise_multiplier: float
) -> tuple[Int[NDArray, " d"], float]:
    """The sum of `on_lattice`, and the size of one lattice step; a few rows at a time, which stay in the cache.

    Raises:
        PrivacyError: a gradient is not finite.
    """
    rows = max(1, NUMBERS_AT_ONCE // max(1, gradients.shape[1]))
    total = np.zeros(gradients.shape[1], dtype=np.int64)
    for first in range(0, len(gradients), rows):
        total += on_lattice(gradients[first : first + rows], clip, noise_multiplier).sum(axis=0).astype(np.int64)
    return total, noise_multiplier * clip / SCALE


def on_lattice(gradients: Float[NDArray, "B d"], clip: float, noise_multiplier: float) -> Float[NDArray, "B d"]:
    """Gradients clipped to an L2 norm and rounded towards zero, in lattice steps of noise_multiplier x clip / `SCALE`.

    They are whole numbers far below 2^53, which float64 holds and adds exactly. `rounded_gaussian` has a standard
    deviation of noise_multiplier x clip on this lattice.

    Raises:
        PrivacyError: a gradient is not finite.
    """
    if not np.isfinite(gradients).all():
        raise PrivacyError("A gradient is not finite, so it has no norm to clip. Lower the learning rate.")
    codes = gradients.astype(np.float64)
    norms = np.linalg.norm(codes, axis=1, keepdims=True)
    codes *= SHRINK * np.minimum(1.0, clip / np.maximum(norms, 1e-300)) / (noise_multiplier * clip / SCALE)
    np.trunc(codes, out=codes)
    if (np.einsum("bd,bd->b", codes, codes) > (SCALE / noise_multiplier) ** 2).any():
        raise PrivacyError("A clipped gradient is longer than its bound: the noise would be too small for it.")
    return codes


def rounded_gaussian(size: int, random_bytes: Bytes = os.urandom) -> Int[NDArray, " size"]:
    """Gaussian noise of standard deviation `SCALE`, rounded to whole lattice steps; exact and cryptographic."""
    edges, first = _edges(), _first_words()
    drawn = np.frombuffer(random_bytes(8 * size), dtype="<u8")
    lowest, highest = _guide()
    top = drawn >> np.uint64(64 - GUIDE_BITS)
    places = lowest[top]
    undecided = np.flatnonzero(places != highest[top])
    places[undecided] = np.searchsorted(first, drawn[undecided], side="right")
    # an edge that begins with exactly these bits lies above or below the number drawn: only the next bits tell
    for number in np.flatnonzero(first[np.maximum(places - 1, 0)] == drawn):
        whole = (int(drawn[number]) << 64) | int.from_bytes(random_bytes(8), "little")
        places[number] = bisect.bisect_right(edges, whole)
    return places - len(edges) // 2


@functools.cache
def _guide() -> tuple[Int[NDArray, " g"], Int[NDArray, " g"]]:
    """Edges at or below the smallest and the largest number that begins with each pattern of `GUIDE_BITS` bits."""
    starts = np.arange(2**GUIDE_BITS, dtype=np.uint64) << np.uint64(64 - GUIDE_BITS)
    ends = starts | np.uint64(2 ** (64 - GUIDE_BITS) - 1)
    lowest, highest = (np.searchsorted(_first_words(), one, side="right") for one in (starts, ends))
    return lowest, highest


@functools.cache
def _edges() -> tuple[int, ...]:
    """Normal distribution function at half-integers over `SCALE`, as 128-bit fractions, rising.

    Taylor steps in fixed-point integers: the density f at x + h is f(x) e^(-x h - h^2 / 2), and the mass in between is
    f(x) times the sum of (-1)^n He_n(x) h^(n + 1) / (n + 1)!, with Hermite polynomials He_n.
    """
    bits = BITS + GUARD
    one = 1 << bits
    count = REACH * SCALE
    context = decimal.Context(prec=70)

    def fixed(value: decimal.Decimal) -> int:
        return int(context.multiply(value, decimal.Decimal(one)))

    half = decimal.Decimal(1) / (2 * SCALE)  # a power of two: exact
    density = fixed(context.divide(1, context.sqrt(context.multiply(2, _pi(context)))))
    ratio, shrink = fixed(context.exp(-4 * half * half / 2)), fixed(context.exp(-4 * half * half))
    above = [one // 2]  # mass below 0, 1, 2, ... steps
    values = [one // 2]
    for k in range(count + 1):
        mass_half, mass_whole = _taylor(k, density, half, bits)
        above.append(above[-1] + mass_whole)
        values.append(above[-2] + mass_half)
        density = density * ratio >> bits
        ratio = ratio * shrink >> bits
    upper = [value >> GUARD for value in values[1:]]  # at 1/2, 3/2, ... steps
    return tuple((1 << BITS) - value for value in reversed(upper)) + tuple(upper)


def _taylor(k: int, density: int, half: decimal.Decimal, bits: int) -> tuple[int, int]:
    """Mass between k and k + 1/2, and between k and k + 1 lattice steps."""
    shift = SCALE.bit_length() - 1
    hermite = [1 << bits, (k << bits) >> shift]  # He_n at x = k / SCALE
    for n in range(1, ORDER):
        hermite.append((k * hermite[n] >> shift) - n * hermite[n - 1])
    masses = []
    for parts in (2 * SCALE, SCALE):
        total, weight = 0, 1 << bits
        for n, value in enumerate(hermite):
            weight //= parts * (n + 1)
            total += -(value * weight >> bits) if n % 2 else value * weight >> bits
        masses.append(density * total >> bits)
    return masses[0], masses[1]


def _pi(context: decimal.Context) -> decimal.Decimal:
    """Pi by Machin's formula, to the digits of the context."""
    scale = 10 ** (context.prec + 10)

    def arctan_of_one_over(x: int) -> int:
        power = scale // x
        total, n, sign = power, 3, -1
        while power:
            power //= x * x
            total += sign * (power // n)
            n, sign = n + 2, -sign
        return total

    return context.divide(4 * (4 * arctan_of_one_over(5) - arctan_of_one_over(239)), scale)


@functools.cache
def _first_words() -> NDArray[np.uint64]:
    return np.array([edge >> 64 for edge in _edges()], dtype=np.uint64)
