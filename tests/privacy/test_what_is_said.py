"""Every number that is told of a guarantee or an account, by its definition; mutants had shown what was missing."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from survviz.errors import PrivacyError
from survviz.privacy.allocation import proportional
from survviz.privacy.ledger import Ledger
from survviz.privacy.noise import laplace_log_probability
from survviz.privacy.relevance import Relevance
from survviz.privacy.spec import NEARLY_VACUOUS, best_guess, most_detections, odds_in_words
from tests.privacy.test_ledger import spec


@pytest.mark.parametrize(("epsilon", "delta"), [(0.0, 0.0), (1.0, 0.0), (1.0, 0.01), (3.0, 0.2), (0.0, 1.0)])
def test_the_best_guess_is_half_of_one_and_the_total_variation(epsilon: float, delta: float) -> None:
    variation = (math.exp(epsilon) - 1 + 2 * delta) / (math.exp(epsilon) + 1)
    assert best_guess(epsilon, delta) == pytest.approx((1 + variation) / 2)


@pytest.mark.parametrize(("epsilon", "delta"), [(-0.1, 0.0), (1.0, -0.1), (1.0, 1.1)])
def test_a_bound_that_is_none_is_refused(epsilon: float, delta: float) -> None:
    with pytest.raises(PrivacyError, match="epsilon is at least 0"):
        best_guess(epsilon, delta)


@pytest.mark.parametrize("epsilon", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("delta", [0.0, 1e-3, 0.1])
@pytest.mark.parametrize("false_alarms", [0.0, 0.01, 0.3, 0.9, 1.0])
def test_detections_are_bound_from_both_sides(false_alarms: float, epsilon: float, delta: float) -> None:
    """TPR <= e^eps FPR + delta, and 1 - FPR <= e^eps (1 - TPR) + delta (Kairouz, Oh, Viswanath 2015)."""
    most = most_detections(false_alarms, epsilon, delta)
    grow = math.exp(epsilon)
    assert most <= 1
    slack = [grow * false_alarms + delta - most, grow * (1 - most) + delta - (1 - false_alarms), 1 - most]
    assert min(slack) == pytest.approx(0, abs=1e-12), "one of the bounds is reached, none is passed"


def test_words_speak_of_delta_and_call_an_empty_bound_empty() -> None:
    assert "73 times" in odds_in_words(1.0)
    assert "76 times" in odds_in_words(1.0, 0.1)
    assert "almost nothing" not in odds_in_words(1.0)
    assert "almost nothing" in odds_in_words(NEARLY_VACUOUS)


def test_a_row_of_the_ledger_says_what_was_paid(tmp_path: Path) -> None:
    ledger = Ledger("session", cap_delta=1e-5, folder=tmp_path / "l")
    ledger.spend("patient", spec(1.5), session="s", act="view", chain="c", commitment="hash")
    balance = ledger.spend("patient", spec(2.0, 2e-7), session="t", act="release")
    first, second = ledger.entries("patient")
    assert (first.session, first.act, first.chain, first.commitment) == ("s", "view", "c", "hash")
    assert (first.level, first.epsilon, first.delta) == (1.5, 1.5, 0)
    assert (second.session, second.act, second.epsilon, second.delta) == ("t", "release", 2.0, 2e-7)
    assert second.number == first.number + 1
    assert balance.ledger == "session"
    assert (balance.cap_epsilon, balance.cap_delta, balance.spent_delta) == (8.0, 1e-5, 2e-7)


def test_a_share_is_mixed_with_an_equal_one() -> None:
    relevance = Relevance(values={"a": 3.0, "b": 1.0}, source="public", where="a published signature")
    found = proportional(relevance, ["a", "b"], mix=0.5)
    assert float(found.share("a")) == pytest.approx(0.5 * 0.75 + 0.5 * 0.5, abs=1e-5)
    assert found.mix == 0.5
    for mix in (0.0, 1.5):
        with pytest.raises(PrivacyError):
            proportional(relevance, ["a", "b"], mix=mix)


@pytest.mark.parametrize(("epsilon", "delta"), [(0.0, 1e-5), (1e6, 1e-5), (8.0, -1e-9), (8.0, 1.0), (1e7, 2.0)])
def test_a_cap_that_caps_nothing_is_refused(tmp_path: Path, epsilon: float, delta: float) -> None:
    with pytest.raises(PrivacyError, match="caps nothing"):
        Ledger("session", cap_epsilon=epsilon, cap_delta=delta, folder=tmp_path / "l")


def test_a_cap_without_delta_is_a_cap(tmp_path: Path) -> None:
    ledger = Ledger("session", cap_epsilon=1.0, cap_delta=0.0, folder=tmp_path / "l")
    assert ledger.spend("patient", spec(1.0), session="s", act="release").left == 0.0
    with pytest.raises(PrivacyError, match=r"would add delta 1e-07 to the 0 already spent"):
        Ledger("session", cap_delta=0.0, folder=tmp_path / "m").spend(
            "patient", spec(0.1, 1e-7), session="s", act="release"
        )


@pytest.mark.parametrize("scale", [0.3, 1.0, 7.5])
def test_discrete_laplace_noise_has_all_of_its_probability(scale: float) -> None:
    logs = [laplace_log_probability(noise, scale) for noise in range(-400, 401)]
    assert sum(map(math.exp, logs)) == pytest.approx(1)
    assert logs[400] - logs[401] == pytest.approx(1 / scale)
    assert logs[399] == logs[401]
