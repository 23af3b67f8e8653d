"""Noise is exact: likelihood ratios by enumeration, coarser copies by convolution, coins by all their bits."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from survviz.errors import PrivacyError
from survviz.privacy import noise
from survviz.privacy.bernoulli import Enclosure, bernoulli, exponential
from survviz.privacy.draw import Mechanism, draw_all
from survviz.privacy.noise import (
    SLACK,
    coarsen_laplace,
    coarsen_response,
    keep_probability,
    keep_response,
    laplace_log_probability,
    laplace_mechanism,
    laplace_scale,
    randomised_response,
    truth_probability,
)
from tests.privacy.enumeration import laplace_table, response_table


def worst_log_ratio(mechanisms: list[Mechanism], steps: int) -> float:
    """Largest log-likelihood ratio over all pairs of records and all outputs near the lattice."""
    reach = range(-2, steps + 3)
    worst = 0.0
    for mechanism in mechanisms:
        if mechanism.categories:
            table = np.log(response_table(float(mechanism.promised), mechanism.categories))
        else:
            scale = mechanism.scale(steps)
            table = np.array(
                [[laplace_log_probability(out - x, scale) for out in reach] for x in range(steps + 1)],
            )
        worst += float((table[:, None] - table[None]).max())  # coordinates are independent: their worst cases add up
    return worst


@pytest.mark.parametrize("epsilon", [0.1, 1.0, 8.0])
def test_worst_likelihood_ratio_is_e_to_the_epsilon(epsilon: float) -> None:
    shares = [Fraction(1, 2), Fraction(1, 8), Fraction(3, 8)]
    mechanisms = [Mechanism(Fraction(epsilon) * share, k) for share, k in zip(shares, (0, 0, 4), strict=True)]
    worst = worst_log_ratio(mechanisms, 12)
    assert worst == pytest.approx(epsilon, abs=1e-12)
    assert worst <= epsilon


def test_ratio_of_two_coordinates_enumerated_together() -> None:
    steps, epsilon = 3, 1.0
    scales = [laplace_scale(Fraction(epsilon) * share, steps) for share in (Fraction(1, 4), Fraction(3, 4))]
    points = list(itertools.product(range(steps + 1), repeat=2))

    def log_probability(out: tuple[int, ...], record: tuple[int, ...]) -> float:
        return sum(laplace_log_probability(o - x, scale) for o, x, scale in zip(out, record, scales, strict=True))

    outs = list(itertools.product(range(-1, steps + 2), repeat=2))
    worst = max(log_probability(o, a) - log_probability(o, b) for o in outs for a in points for b in points)
    assert worst == pytest.approx(epsilon, abs=1e-12)


@pytest.mark.parametrize(("fine", "coarse"), [(0.7, 0.9), (2.0, 4.0), (2.0, 40.0), (5.5, 5.6)])
def test_coarsened_laplace_is_the_coarse_laplace_by_convolution(fine: float, coarse: float) -> None:
    enclosure = keep_probability(fine, coarse)(60)
    keep = float((enclosure.low + enclosure.high) / 2)
    assert 0 < keep < 1
    assert enclosure.high - enclosure.low < Fraction(1, 10**50)
    reach = math.ceil(45 * coarse)
    step = (1 - keep) * laplace_table(coarse, reach)
    step[reach] += keep
    made = np.convolve(laplace_table(fine, reach), step)[reach : 3 * reach + 1]
    assert np.abs(made - laplace_table(coarse, reach)).max() < 1e-15


def test_two_coarsenings_are_one() -> None:
    direct = keep_probability(1.0, 4.0)(60)
    reach = 180

    def kernel(fine: float, coarse: float) -> np.ndarray:
        keep = float(keep_probability(fine, coarse)(60).low)
        table = (1 - keep) * laplace_table(coarse, reach)
        table[reach] += keep
        return table

    twice = np.convolve(kernel(1.0, 2.0), kernel(2.0, 4.0))[reach : 3 * reach + 1]
    assert np.abs(twice - kernel(1.0, 4.0)).max() < 1e-15
    assert twice[reach] > float(direct.low)  # what is kept, and what came back


@pytest.mark.parametrize("k", [2, 3, 33])
def test_coarsened_response_is_the_coarse_response_by_product(k: int) -> None:
    fine, coarse = Fraction(4), Fraction(3, 2)
    keep = float(keep_response(fine, coarse, k)(60).low)
    kernel = keep * np.eye(k) + (1 - keep) / k
    made = response_table(float(fine), k) @ kernel
    assert np.abs(made - response_table(float(coarse), k)).max() < 1e-15


def test_truth_probability_leaves_the_truth_e_to_the_epsilon_times_as_likely() -> None:
    truth = float(truth_probability(Fraction(2), 5)(60).low)
    false = (1 - truth) / 5
    assert (truth + false) / false == pytest.approx(math.exp(2), rel=1e-14)


@settings(max_examples=25, deadline=None)
@given(st.fractions(min_value=-30, max_value=30, max_denominator=10**6), st.integers(min_value=20, max_value=80))
def test_enclosure_holds_the_exponential(exponent: Fraction, digits: int) -> None:
    narrow, wide = exponential(exponent, 120), exponential(exponent, digits)
    assert wide.low <= narrow.low <= narrow.high <= wide.high
    assert (wide.high - wide.low) / wide.low < Fraction(10) ** (4 - digits)


def test_coin_is_exact_over_all_of_its_first_bits() -> None:
    """Each string of bits decides, or needs more; those decided as heads fill the interval below the probability."""
    third = Fraction(1, 3)
    width, asked = Fraction(1, 2**40), []

    def blurred(digits: int) -> Enclosure:
        return Enclosure(third - width / digits, third + width / digits)

    def heads(first: int) -> bool:
        parts = iter([first << 58, 0])  # the first six bits decide; else the rest is read

        def bits(count: int) -> int:
            asked.append(count)
            return next(parts)

        return bernoulli(blurred, bits)

    outcomes = [heads(first) for first in range(64)]
    assert outcomes == [first <= 21 for first in range(64)]  # 21/64 < 1/3 < 22/64
    assert len(asked) == 64


def test_coin_asks_for_more_bits_where_the_first_do_not_decide() -> None:
    half_irrational = exponential(Fraction(-1, 2), 200)
    start = int(half_irrational.low * 2**64)
    parts = iter([start, 0])
    assert bernoulli(lambda digits: exponential(Fraction(-1, 2), digits), lambda count: next(parts))
    parts = iter([start, 2**64 - 1])
    assert not bernoulli(lambda digits: exponential(Fraction(-1, 2), digits), lambda count: next(parts))


def agree(counts: list[int], expected: list[float]) -> bool:
    """Chi-square at one in a million: the sampler is random, the test must not fail by chance."""
    return stats.chisquare(counts, np.array(expected) / sum(expected) * sum(counts)).pvalue > 1e-6


def test_sampler_follows_its_distribution() -> None:
    scale, n = 1.5, 2000
    mechanism = laplace_mechanism(scale)
    drawn = np.clip([mechanism(0) for _ in range(n)], -6, 6)
    table = laplace_table(scale, 200)
    expected = [table[:195].sum(), *table[195:206], table[206:].sum()]
    assert agree([int((drawn == value).sum()) for value in range(-6, 7)], expected)


def test_coarsened_sample_follows_the_coarse_distribution() -> None:
    fine, coarse, n = 1.0, 2.5, 600
    mechanism = laplace_mechanism(fine)
    drawn = np.clip([coarsen_laplace(mechanism(0), fine, coarse) for _ in range(n)], -5, 5)
    table = laplace_table(coarse, 200)
    expected = [table[:196].sum(), *table[196:205], table[205:].sum()]
    assert agree([int((drawn == value).sum()) for value in range(-5, 6)], expected)


def test_response_samples_follow_their_tables() -> None:
    fine, coarse, n = Fraction(3), Fraction(1), 1000
    first = [randomised_response(0, 3, fine) for _ in range(n)]
    second = [coarsen_response(code, 3, fine, coarse) for code in first]
    assert agree(np.bincount(first, minlength=3).tolist(), response_table(3.0, 3)[0].tolist())
    assert agree(np.bincount(second, minlength=3).tolist(), response_table(1.0, 3)[0].tolist())


def test_opendp_counts_what_we_count() -> None:
    scale = laplace_scale(Fraction(2), 1024)
    assert laplace_mechanism(scale).map(1024) == pytest.approx(2 * float(SLACK), rel=1e-15)
    assert laplace_mechanism(scale).map(1024) < 2


def test_filter_refuses_shares_that_pass_the_promise() -> None:
    mechanisms = [Mechanism(Fraction(1)), Mechanism(Fraction(3, 2), 4)]
    assert len(draw_all([0, 3], mechanisms, 2.5, 16)) == 2
    with pytest.raises(PrivacyError, match=r"2\.5 was asked, 2\.4 promised"):
        draw_all([0, 3], mechanisms, 2.4, 16)


@pytest.mark.parametrize(("fine", "coarse"), [(4.0, 2.0), (2.0, 2.0), (0.0, 1.0)])
def test_noise_cannot_be_made_finer(fine: float, coarse: float) -> None:
    with pytest.raises(PrivacyError, match="cannot be coarsened"):
        keep_probability(fine, coarse)


@pytest.mark.parametrize(("fine", "coarse"), [(1, 2), (1, 1), (1, 0)])
def test_a_response_cannot_be_made_finer(fine: int, coarse: int) -> None:
    with pytest.raises(PrivacyError, match="cannot be coarsened"):
        keep_response(Fraction(fine), Fraction(coarse), 3)


@pytest.mark.parametrize("kept", [True, False])
def test_coarsening_keeps_a_value_or_adds_noise_around_it(kept: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_noise(scale: float):
        assert scale == 8.0
        return lambda value: value

    monkeypatch.setattr(noise, "bernoulli", lambda probability, bits: kept)
    monkeypatch.setattr(noise, "laplace_mechanism", no_noise)
    assert coarsen_laplace(17, 2.0, 8.0) == 17


@pytest.mark.parametrize("scale", [0.0, -1.0, math.inf, math.nan])
def test_a_scale_that_is_none_is_refused(scale: float) -> None:
    for mechanism in (laplace_mechanism, noise.gaussian_mechanism):
        with pytest.raises(PrivacyError, match="finite number above 0"):
            mechanism(scale)


@pytest.mark.parametrize(("epsilon", "k"), [(Fraction(0), 3), (Fraction(-1), 3), (Fraction(1), 1)])
def test_a_response_without_a_choice_is_refused(epsilon: Fraction, k: int) -> None:
    with pytest.raises(PrivacyError, match=f"{k} values were given; both must be larger"):
        truth_probability(epsilon, k)
