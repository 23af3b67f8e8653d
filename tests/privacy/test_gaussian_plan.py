"""Discrete Gaussian noise on the numbers of a record: what is released, and what a plan refuses."""

from __future__ import annotations

import math

import numpy as np
import pytest

from survviz.errors import PrivacyError
from survviz.privacy import gaussian
from survviz.privacy.gaussian import analytic_sigma, gaussian_plan
from survviz.privacy.lattice import Numeric
from survviz.privacy.relevance import Relevance

AGE = Numeric(name="age", lower=20, upper=100)
RISK = Numeric(name="risk", lower=-4, upper=4)
RECORD = {"age": 61.0, "risk": -1.0}


def public(**values: float) -> Relevance:
    return Relevance(values=values, source="public", where="a paper")


def test_without_noise_a_release_is_the_record_on_its_lattice(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []

    def no_noise(scale: float):
        asked.append(scale)
        return lambda code: code

    monkeypatch.setattr(gaussian, "gaussian_mechanism", no_noise)
    plan = gaussian_plan([AGE, RISK], 2.0, 1e-5, steps=64, relevance=public(age=1.0, risk=1.0))
    found = plan.draw(RECORD)
    assert found == {"age": 61.25, "risk": -1.0}  # steps of 1.25 and .125
    assert tuple(asked) == plan.scales


def test_drawn_noise_has_the_spread_that_the_plan_says() -> None:
    plan = gaussian_plan([AGE, RISK], 4.0, 1e-5)
    drawn = [plan.draw(RECORD) for _ in range(400)]
    for name, value in RECORD.items():
        noise = np.array([one[name] for one in drawn]) - value
        scale = plan.noise_scale[name]
        assert abs(noise.mean()) < 5 * scale / math.sqrt(len(drawn))
        assert noise.std() == pytest.approx(scale, rel=0.2)
    with pytest.raises(PrivacyError, match="lacks risk"):
        plan.draw({"age": 61.0})


def test_a_plan_says_how_its_noise_is_dealt() -> None:
    assert gaussian_plan([AGE], 2.0, 1e-5).spec.mechanism == "discrete Gaussian noise on 1 numbers, equal for all"
    dealt = gaussian_plan([AGE, RISK], 2.0, 1e-5, relevance=public(age=4.0, risk=1.0)).spec.mechanism
    assert dealt.endswith("variances by public relevance (a paper)")


def test_as_many_numbers_as_allowed_and_no_more() -> None:
    many = [AGE.model_copy(update={"name": f"n{i}"}) for i in range(3)]
    assert len(gaussian_plan(many, 2.0, 1e-5, most_dimensions=3).scales) == 3
    for wrong in (many, []):
        with pytest.raises(PrivacyError, match=f"{len(wrong)} coordinates were given; 1 to 2 are allowed"):
            gaussian_plan(wrong, 2.0, 1e-5, most_dimensions=2)


def test_a_number_without_relevance_is_refused() -> None:
    with pytest.raises(PrivacyError, match="would get infinite noise"):
        gaussian_plan([AGE, RISK], 2.0, 1e-5, relevance=public(age=1.0))


@pytest.mark.parametrize(("epsilon", "delta"), [(0.0, 1e-5), (-1.0, 1e-5), (1.0, 0.0), (1.0, 1.0), (1.0, 1.5)])
def test_a_budget_that_is_none_is_refused(epsilon: float, delta: float) -> None:
    with pytest.raises(PrivacyError, match=r"epsilon above 0 and delta in \(0, 1\)"):
        analytic_sigma(epsilon, delta)
