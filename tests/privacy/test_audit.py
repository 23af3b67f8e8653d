"""Audits let the right mechanism pass and catch the broken one."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from survviz.errors import PrivacyError
from survviz.privacy.accountant import Training
from survviz.privacy.audit import (
    BROKEN,
    audit_release,
    clopper_pearson,
    dirac_scores,
    one_run_audit,
    one_run_bound,
    two_world_bound,
)
from survviz.privacy.membership import (
    attribute_inference,
    confidence,
    likelihood_ratio,
    membership,
    memorising,
    own_log_likelihood,
)
from survviz.privacy.release import ReleasePlan
from survviz.privacy.spec import best_guess, most_detections

CLAIMS = {1.0: 4.978, 2.0: 2.755, 4.0: 1.624}  # epsilon at delta 1e-5: noise multiplier, 510 steps at 512 of 8,880


@pytest.mark.parametrize(("guesses", "ceiling"), [(50, 2.78), (100, 3.49), (500, 5.11), (1000, 5.81), (2000, 6.50)])
def test_ceiling_of_a_one_run_audit_has_the_published_values(guesses: int, ceiling: float) -> None:
    assert one_run_bound(guesses, guesses, guesses) == pytest.approx(ceiling, abs=0.006)


def test_bound_holds_by_its_binomial() -> None:
    bound = one_run_bound(200, 100, 80)
    success = 1 / (1 + math.exp(-bound))
    assert stats.binom.sf(79, 100, success) == pytest.approx(0.05, abs=1e-6)
    assert one_run_bound(200, 100, 80, delta=1e-3) < bound
    assert one_run_bound(200, 100, 50) == 0.0


@pytest.mark.parametrize("claimed", CLAIMS)
def test_gradients_with_the_right_noise_pass_and_a_twentieth_of_it_is_caught(claimed: float) -> None:
    training = Training(CLAIMS[claimed], 512 / 8880, 510)
    seen = 0.0
    for seed in range(5):
        included = np.random.default_rng([1, seed]).random(1000) < 0.5
        right, control = (
            one_run_audit(dirac_scores(training, included, seed=seed, broken=by), included, claimed=claimed, delta=1e-5)
            for by in (1.0, BROKEN)
        )
        assert not right.refuted
        seen += right.bound / 5
        assert control.refuted
        assert control.words.startswith("REFUTED")
    assert seen > 0.1 * claimed  # an audit that sees nothing would pass too


def test_release_passes_and_a_twentieth_of_its_noise_is_caught(plan: ReleasePlan) -> None:
    """At a confidence of one in a million, for the noise is real and differs in every run."""
    assert not audit_release(plan, 1.0, canaries=200, confidence=1 - 1e-6).refuted
    control = audit_release(plan, 1.0, canaries=200, confidence=1 - 1e-6, broken=BROKEN)
    assert control.refuted


def test_audit_says_what_it_cannot_refute(plan: ReleasePlan) -> None:
    included = np.random.default_rng(0).random(40) < 0.5
    audit = one_run_audit(included.astype(float), included, claimed=8.0)
    assert not audit.refuted
    assert "could refute no claim above" in audit.words


def test_noise_alone_gives_no_bound() -> None:
    random = np.random.default_rng(3)
    bounds = [one_run_audit(random.random(300), random.random(300) < 0.5, claimed=1.0).bound for _ in range(40)]
    assert sum(bound > 0 for bound in bounds) <= 6  # 5 % are allowed


def test_clopper_pearson_has_textbook_values() -> None:
    assert clopper_pearson(0, 10) == (0.0, pytest.approx(1 - 0.025**0.1))
    assert clopper_pearson(10, 10) == (pytest.approx(0.025**0.1), 1.0)
    assert clopper_pearson(8, 20) == (pytest.approx(0.1912, abs=1e-4), pytest.approx(0.6395, abs=1e-4))


def test_two_world_bound_of_a_perfect_test_and_of_a_coin() -> None:
    assert two_world_bound(1000, 1000, 0, 1000) == pytest.approx(math.log((1 - 0.003682) / 0.003682), abs=1e-3)
    assert two_world_bound(500, 1000, 500, 1000) == 0.0


def test_own_likelihood_by_hand() -> None:
    hazard = np.array([[0.1, 0.2, 0.5]] * 3)
    log = own_log_likelihood(hazard, np.array([1, 1, 0]), np.array([True, False, True]))
    assert np.exp(log) == pytest.approx([0.9 * 0.2, 0.9, 0.1])
    assert confidence(log)[0] == pytest.approx(math.log(0.18 / 0.82))


def shadow_world(effect: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Confidences of 400 patients under one audited and 16 shadow models that raise members' confidence by `effect`."""
    random = np.random.default_rng(seed)
    ease = random.normal(0, 2, 400)
    member = random.random((17, 400)) < 0.5
    scores = memorising(ease + random.normal(0, 1, (17, 400)), member, gain=effect)
    return scores[0], scores[1:], member[0], member[1:]


def test_likelihood_ratio_finds_members_of_a_memorising_model_and_none_otherwise() -> None:
    target, shadows, truth, member = shadow_world(4.0)
    caught = membership(likelihood_ratio(target, shadows, member), truth)
    plain = membership(target, truth)
    assert caught.auc > 0.99 > plain.auc
    assert caught.detections[0.01][0] > 0.8
    assert caught.refutes(1.0)
    target, shadows, truth, member = shadow_world(0.0)
    nothing = membership(likelihood_ratio(target, shadows, member), truth)
    assert nothing.auc_interval[0] < 0.5 < nothing.auc_interval[1]
    assert not nothing.refutes(0.1)


def test_likelihood_ratio_is_the_normal_one() -> None:
    target, shadows, truth, member = shadow_world(1.0)
    del truth
    first = 5
    within, out = shadows[member[:, first], first], shadows[~member[:, first], first]

    def log_density(seen: np.ndarray, side: np.ndarray) -> float:
        """Normal with the patient's mean and the variance of all patients: 16 models are too few for their own."""
        columns = [shadows[seen[:, patient], patient] for patient in range(400)]
        squares = sum(((column - column.mean()) ** 2).sum() for column in columns)
        deviation = (squares / sum(len(column) - 1 for column in columns)) ** 0.5
        return float(stats.norm.logpdf(target[first], side.mean(), deviation))

    expected = log_density(member, within) - log_density(~member, out)
    assert likelihood_ratio(target, shadows, member)[first] == pytest.approx(expected)


def test_attribute_is_found_only_where_the_record_tells_more_than_the_population() -> None:
    random = np.random.default_rng(0)
    truth = random.random(400) < 0.5
    population = truth + random.normal(0, 1.5, 400)  # what may be known of everybody is no loss
    leaking = attribute_inference(truth, population + 2.0 * truth, population)
    assert leaking.found
    assert leaking.gain == pytest.approx(leaking.with_record - leaking.without_record)
    assert not attribute_inference(truth, population + random.normal(0, 0.3, 400), population).found


def test_bounds_on_an_attacker() -> None:
    shown = [round(100 * best_guess(epsilon)) for epsilon in (0.5, 1, 2, 4)]
    assert shown == [62, 73, 88, 98]
    assert best_guess(8.0) == pytest.approx(0.9997, abs=5e-5)
    assert most_detections(0.01, 1.0) == pytest.approx(0.01 * math.e)
    assert most_detections(0.9, 1.0) == pytest.approx(1 - 0.1 / math.e)


def test_few_or_missing_scores_are_refused() -> None:
    with pytest.raises(PrivacyError, match="at least 20 canaries"):
        one_run_audit(np.zeros(5), np.zeros(5, bool), claimed=1.0)
    with pytest.raises(PrivacyError, match="20 members"):
        membership(np.full(100, np.nan), np.arange(100) < 50)
    with pytest.raises(PrivacyError, match="at least two shadow models"):
        likelihood_ratio(np.zeros(3), np.zeros((2, 3)), np.ones((2, 3), bool))
