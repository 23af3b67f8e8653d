"""Noise on many records at once is the noise of one record, and Gaussian noise on blocks is as large as it must be."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from scipy import stats

from survviz.errors import PrivacyError
from survviz.privacy.bernoulli import Enclosure, Probability, bernoulli_many
from survviz.privacy.draw import Mechanism
from survviz.privacy.gaussian import analytic_delta, analytic_sigma
from survviz.privacy.many_records import discrete_laplace, draw_gaussian, draw_records, gaussian_sigmas
from survviz.privacy.noise import truth_probability
from tests.privacy.enumeration import laplace_table, response_table

STEPS = 16


def exactly(numerator: int, denominator: int) -> Probability:
    """A probability that is known to any digits."""
    return lambda digits: Enclosure(Fraction(numerator, denominator), Fraction(numerator, denominator))


def given_words(*words: int):
    """A source of these 64-bit words: first those of the coins, then those that are asked for afterwards."""
    stream = iter(b"".join(word.to_bytes(8, "little") for word in words))
    return lambda count: bytes(itertools.islice(stream, count))


def test_coins_are_decided_by_their_first_bits_or_by_the_next() -> None:
    third = 2**64 // 3  # 0.0101...: both words of a third begin alike
    coins = bernoulli_many(exactly(1, 3), 4, given_words(third - 1, third + 1, third, third, third + 1, third - 1))
    assert coins.tolist() == [True, False, False, True]


def test_coins_at_the_ends_need_more_bits() -> None:
    most = 2**64 - 1
    rare, common = exactly(1, 2**70), exactly(2**70 - 1, 2**70)
    for following, falls in ((0, True), (most, False)):
        assert bernoulli_many(rare, 2, given_words(0, most, following)).tolist() == [falls, False]
        assert bernoulli_many(common, 2, given_words(0, most, following)).tolist() == [True, falls]


def test_coins_whose_enclosure_passes_0_or_1_are_drawn_all_the_same() -> None:
    almost = truth_probability(Fraction(200), 3)  # its first 40 digits do not tell it from 1
    assert almost(40).high > 1
    assert bernoulli_many(almost, 100).all()
    assert not bernoulli_many(truth_probability(Fraction(1, 2**90), 3), 100).any()


def test_every_record_gets_the_noise_of_its_own_mechanisms() -> None:
    n = 20_000
    mechanisms = [Mechanism(Fraction(5)), Mechanism(Fraction(1), 4)]
    codes = np.column_stack([np.full(n, 7), np.full(n, 2)])
    drawn = draw_records(codes, mechanisms, STEPS)
    reach = 9
    noise = drawn[:, 0] - 7
    expected = laplace_table(mechanisms[0].scale(STEPS), reach) * n
    seen = np.array([(noise == k).sum() for k in range(-reach, reach + 1)])
    seen, expected = np.append(seen, n - seen.sum()), np.append(expected, n - expected.sum())
    assert stats.chisquare(seen, expected * n / expected.sum()).pvalue > 1e-6
    answers = np.bincount(drawn[:, 1], minlength=4)
    assert stats.chisquare(answers, response_table(1.0, 4)[2] * n).pvalue > 1e-6
    assert abs(np.corrcoef(noise[:-1], noise[1:])[0, 1]) < 0.05


@pytest.mark.parametrize("scale", [0.3, 1.0, 6.7])
def test_laplace_noise_has_the_listed_probabilities(scale: float) -> None:
    n, reach = 40_000, max(2, round(4 * scale))
    noise = discrete_laplace(scale, n)
    expected = laplace_table(scale, reach) * n
    seen = np.array([(noise == k).sum() for k in range(-reach, reach + 1)])
    tails = [(noise < -reach).sum(), (noise > reach).sum()]
    rest = (n - expected.sum()) / 2
    assert stats.chisquare([*seen, *tails], [*expected, rest, rest]).pvalue > 1e-6


def test_large_laplace_noise_has_the_right_quantiles() -> None:
    scale = 250_000.3
    noise = discrete_laplace(scale, 50_000) / scale
    assert stats.kstest(noise, "laplace").pvalue > 1e-6
    assert (noise % 1 != 0).any()


def test_digits_of_a_geometric_number_are_independent_coins() -> None:
    """Listed: the product of the coins of eight digits is the geometric distribution below 2^8, to rounding."""
    rate = 1 / 6.7
    coins = [1 / (1 + math.exp(2**place * rate)) for place in range(8)]
    listed = [math.prod(p if number >> place & 1 else 1 - p for place, p in enumerate(coins)) for number in range(2**8)]
    geometric = [math.exp(-number * rate) for number in range(2**8)]
    assert listed == pytest.approx([value / sum(geometric) for value in geometric], rel=1e-12)


def test_codes_outside_of_their_range_are_refused() -> None:
    for codes in ([[0, 4]], [[17, 0]], [[-1, 0]]):
        with pytest.raises(PrivacyError, match="encode records first"):
            draw_records(np.array(codes), [Mechanism(Fraction(1)), Mechanism(Fraction(1), 4)], STEPS)
    with pytest.raises(PrivacyError, match="2 mechanisms"):
        draw_records(np.zeros((3, 1), dtype=int), [Mechanism(Fraction(1))] * 2, STEPS)


def test_blocks_share_one_gaussian_budget() -> None:
    squared, weights = (1.0, 2.0, 1.0), (0.5, 0.3, 0.2)
    assert gaussian_sigmas([1.0], 2.0, 1e-5)[0] == pytest.approx(analytic_sigma(2.0, 1e-5))
    for given in (None, weights):
        sigmas = gaussian_sigmas(squared, 2.0, 1e-5, weights=given)
        moved = math.sqrt(sum(square / sigma**2 for square, sigma in zip(squared, sigmas, strict=True)))
        assert analytic_delta(1 / moved, 2.0) == pytest.approx(1e-5, rel=1e-6)
        assert analytic_delta(1 / moved, 2.0) <= 1e-5
    dealt = gaussian_sigmas(squared, 2.0, 1e-5, weights=weights)
    assert dealt**2 * weights == pytest.approx(np.full(3, (dealt**2 * weights)[0]))  # variances as 1 / relevance


def test_gaussian_noise_has_the_deviation_asked_for_and_keeps_whole_steps() -> None:
    sigmas = np.array([0.5, 3.0])
    drawn = draw_gaussian(np.full((20_000, 2), [1.0, 0.0]), sigmas)
    assert drawn.mean(axis=0) == pytest.approx([1.0, 0.0], abs=0.1)
    assert drawn.std(axis=0) == pytest.approx(sigmas, rel=0.03)
    steps = np.floor(4096 / sigmas)
    assert drawn * steps == pytest.approx(np.round(drawn * steps))
    with pytest.raises(PrivacyError, match="scaled to"):
        draw_gaussian(np.array([[1.2, 0.0]]), sigmas)


def test_a_block_without_relevance_is_refused() -> None:
    with pytest.raises(PrivacyError, match="infinite"):
        gaussian_sigmas([1.0, 1.0], 1.0, 1e-5, weights=[1.0, 0.0])
