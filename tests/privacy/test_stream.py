"""One key draws the same bytes for the same step, and batches in which everybody is by chance of their own."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from scipy import stats

from survviz.errors import PrivacyError
from survviz.privacy.stream import SecretStream, commitment, new_key, poisson_batch

KEY = bytes(range(32))


def test_bytes_are_shake_256_of_key_purpose_and_step() -> None:
    stream = SecretStream(KEY, "noise", 7)
    assert stream(5) == hashlib.shake_256(KEY + b"noise|7|0").digest(5)
    assert stream(3) == hashlib.shake_256(KEY + b"noise|7|1").digest(3)


def test_another_step_purpose_or_key_draws_other_bytes() -> None:
    drawn = {
        SecretStream(key, purpose, step)(32)
        for key in (KEY, bytes(32))
        for purpose in ("noise", "batch")
        for step in (0, 1)
    }
    assert len(drawn) == 8


def test_keys_are_fresh_and_their_commitment_hides_them() -> None:
    first, second = new_key(), new_key()
    assert first != second
    assert commitment(first) != commitment(second)
    assert first.hex() not in commitment(first)


def test_a_short_key_is_refused() -> None:
    with pytest.raises(PrivacyError, match="expected 32"):
        SecretStream(b"short", "noise", 0)


def test_everybody_is_drawn_at_the_rate_and_independently() -> None:
    rate, n = 0.25, 400
    drawn = np.stack([poisson_batch(n, rate, SecretStream(KEY, "batch", step)) for step in range(200)])
    assert stats.binomtest(int(drawn.sum()), drawn.size, rate).pvalue > 1e-3
    sizes = drawn.sum(axis=1)
    assert stats.chisquare(np.histogram(stats.binom.cdf(sizes, n, rate), bins=4, range=(0, 1))[0]).pvalue > 1e-3


def test_a_rate_of_one_takes_everybody_and_no_other_rate_is_allowed() -> None:
    assert poisson_batch(50, 1.0, SecretStream(KEY, "batch", 0)).all()
    for rate in (0.0, 1.5):
        with pytest.raises(PrivacyError, match="above 0 and at most 1"):
            poisson_batch(3, rate, SecretStream(KEY, "batch", 0))
