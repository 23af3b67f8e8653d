"""Noise for gradients: the right distribution to 120 bits, and gradients that rounding never makes longer."""

from __future__ import annotations

import itertools

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from survviz.errors import PrivacyError
from survviz.privacy import gaussian_vector
from survviz.privacy.gaussian_vector import BITS, REACH, SCALE, _edges, lattice_sum, on_lattice, rounded_gaussian


def test_table_is_the_normal_distribution_to_120_bits() -> None:
    edges = _edges()
    middle = len(edges) // 2
    with mpmath.workprec(220):
        for k in (0, 1, 77, SCALE, 5 * SCALE + 3, REACH * SCALE):
            exact = mpmath.ncdf((mpmath.mpf(k) + 0.5) / SCALE) * mpmath.mpf(2) ** BITS
            assert abs(edges[middle + k] - exact) < 2**8
            assert edges[middle - 1 - k] == 2**BITS - edges[middle + k]
    assert all(low < high for low, high in itertools.pairwise(edges[:: SCALE // 8]))


def given_words(*words: int):
    """A source of these 64-bit words: first those of the draws, then those that are asked for afterwards."""
    stream = iter(b"".join(word.to_bytes(8, "little") for word in words))
    return lambda count: bytes(itertools.islice(stream, count))


def test_a_draw_between_two_edges_needs_no_more_bits() -> None:
    quarter, half = 1 << 62, 1 << 63
    assert rounded_gaussian(3, given_words(half, quarter, 3 * quarter)).tolist() == [0, -2763, 2763]  # 0.67449 x 4096


def test_far_tails_are_told_apart_by_further_bits() -> None:
    most = 2**64 - 1
    assert rounded_gaussian(1, given_words(most, most)).tolist() == [REACH * SCALE + 1]
    assert rounded_gaussian(1, given_words(0, 0)).tolist() == [-REACH * SCALE - 1]
    assert rounded_gaussian(1, given_words(most, 0))[0] / SCALE == pytest.approx(stats.norm.isf(2.0**-64), abs=1e-3)


def test_a_draw_that_begins_like_an_edge_is_decided_by_the_next_bits() -> None:
    edges = _edges()
    place = len(edges) // 2 + 10  # the edge between 10 and 11
    first, rest = edges[place] >> 64, edges[place] & (2**64 - 1)
    for following, value in ((rest - 1, 10), (rest, 11), (0, 10), (2**64 - 1, 11)):
        assert rounded_gaussian(1, given_words(first, following)).tolist() == [value]


def test_noise_is_normal() -> None:
    drawn = rounded_gaussian(50_000) / SCALE
    assert stats.kstest(drawn, "norm").pvalue > 1e-6
    assert drawn.std() == pytest.approx(1.0, abs=0.02)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**9), st.sampled_from([1e-3, 1.0, 37.0]), st.sampled_from([0.5, 1.6, 8.0]))
def test_rounding_never_makes_a_gradient_longer_than_its_bound(seed: int, clip: float, noise_multiplier: float) -> None:
    random = np.random.default_rng(seed)
    gradients = (random.standard_normal((5, 40)) * 10 ** random.uniform(-6, 6, (5, 1))).astype(np.float32)
    gradients[0] = 0
    codes, (_, step) = on_lattice(gradients, clip, noise_multiplier), lattice_sum(gradients, clip, noise_multiplier)
    assert (codes == np.trunc(codes)).all()
    assert ((codes * step) ** 2).sum(axis=1).max() <= clip**2
    assert np.abs(codes * step).max() <= np.abs(gradients).max() * (1 + 1e-6)
    kept = np.linalg.norm(gradients.astype(float), axis=1) < clip
    assert (np.abs(codes * step - gradients)[kept] <= step * (1 + 1e-6) + 1e-6 * clip).all()
    assert step * SCALE == pytest.approx(noise_multiplier * clip)


def test_a_gradient_that_is_not_finite_is_refused() -> None:
    with pytest.raises(PrivacyError, match="not finite"):
        on_lattice(np.array([[np.inf, 0.0]]), 1.0, 1.0)


def test_a_sum_by_blocks_is_the_sum_of_all_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("survviz.privacy.gaussian_vector.NUMBERS_AT_ONCE", 100)
    gradients = np.random.default_rng(0).standard_normal((11, 40)).astype(np.float32)
    total, step = lattice_sum(gradients, 2.0, 1.6)
    assert total.tolist() == on_lattice(gradients, 2.0, 1.6).sum(axis=0).tolist()
    assert (step, lattice_sum(gradients[:0], 2.0, 1.6)[0].tolist()) == (1.6 * 2.0 / SCALE, [0] * 40)


def test_the_guide_leads_every_number_to_its_place_in_the_table() -> None:
    """Random numbers, every edge and its neighbours, and both ends of every pattern of first bits."""
    first, random = gaussian_vector._first_words(), np.random.default_rng(0)
    starts = np.arange(2**16, dtype=np.uint64) << np.uint64(48)
    one, drawn = np.uint64(1), random.integers(0, 2**64, size=100_000, dtype=np.uint64)
    numbers = np.concatenate([drawn, first, first - one, first + one, starts, starts - one])
    held = iter([numbers.astype("<u8").tobytes()])
    found = gaussian_vector.rounded_gaussian(len(numbers), lambda n: next(held, bytes(n)))
    decided = ~np.isin(numbers, first)  # the others wait for their next bits
    expected = np.searchsorted(first, numbers, side="right") - len(gaussian_vector._edges()) // 2
    np.testing.assert_array_equal(found[decided], expected[decided])
