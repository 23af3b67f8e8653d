"""What a trained model promises, and what several models on the same patients do together."""

from __future__ import annotations

import math

import pytest

from survviz.errors import PrivacyError
from survviz.privacy.accountant import Training
from survviz.privacy.guarantee import TrainingGuarantee, together

PUBLIC = {"delta": 1e-5, "batch": 512, "patients": 8880, "steps": 30, "clip": 1.0}


@pytest.fixture(scope="module")
def guarantee() -> TrainingGuarantee:
    return TrainingGuarantee.of(1.5, **PUBLIC)


def test_it_is_the_accountants(guarantee: TrainingGuarantee) -> None:
    run = Training(1.5, 512 / 8880, 30)
    assert guarantee.training == run
    assert guarantee.spec.epsilon == pytest.approx(run.epsilon(1e-5), abs=1e-6)


def test_it_survives_json_and_names_its_constants(guarantee: TrainingGuarantee) -> None:
    assert TrainingGuarantee.model_validate_json(guarantee.model_dump_json()) == guarantee
    for part in ("8,880 patients", "batches of 512", "30 steps", "noise multiplier 1.5", "add", "It does not protect"):
        assert part in guarantee.words


def test_without_noise_nothing_is_promised() -> None:
    found = TrainingGuarantee.of(0.0, **PUBLIC)
    assert found.spec.bound == "no finite epsilon"
    assert found.training is None
    assert together([found], 1e-5) == math.inf


def test_delta_must_be_below_one_patient() -> None:
    with pytest.raises(PrivacyError, match="publish one of them whole"):
        TrainingGuarantee.of(1.5, **{**PUBLIC, "delta": 1e-3})


def test_several_runs_cost_more_than_one_and_less_than_their_sum(guarantee: TrainingGuarantee) -> None:
    one, two = together([guarantee], 1e-5), together([guarantee] * 2, 1e-5)
    assert one == pytest.approx(guarantee.spec.epsilon, rel=1e-3)
    assert two == pytest.approx(Training(1.5, 512 / 8880, 60).epsilon(1e-5), rel=1e-3)
    assert one < two < 2 * one
    assert together([guarantee, TrainingGuarantee.of(0.0, **PUBLIC)], 1e-5) == math.inf
