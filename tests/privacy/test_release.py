"""One secret draw, every slider position a coarser copy of it; refusals before anything is drawn."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from survviz.errors import PrivacyError
from survviz.privacy.allocation import proportional, uniform
from survviz.privacy.lattice import Category, Numeric
from survviz.privacy.ledger import Ledger
from survviz.privacy.release import ReleasePlan, Releaser, risk_plan
from survviz.privacy.relevance import Relevance
from survviz.privacy.session import PatientSession
from tests.privacy.enumeration import laplace_table, response_table


def test_every_position_has_its_own_distribution_and_the_chain_is_one_draw(plan: ReleasePlan) -> None:
    """Chi-square of both coordinates at the coarsest of four levels, through the whole chain."""
    small = plan.model_copy(update={"steps": 4})
    drawn = [Releaser.draw(small, {"age": 20.0, "stage": "I"}).at(0.5).codes for _ in range(300)]
    scale = small.mechanisms(0.5)[0].scale(4)
    table = laplace_table(scale, 2000)
    edges = [-40, -15, -5, -1, 1, 5, 15, 40]
    noise = np.arange(-2000, 2001)
    expected = [table[np.digitize(noise, edges) == bin_].sum() for bin_ in range(9)]
    seen = np.bincount(np.digitize([age for age, _ in drawn], edges), minlength=9)
    assert stats.chisquare(seen, np.array(expected) / sum(expected) * 300).pvalue > 1e-6
    stages = np.bincount([stage for _, stage in drawn], minlength=5)
    assert stats.chisquare(stages, response_table(0.25, 5)[0] * 300).pvalue > 1e-6


def test_neighbouring_levels_often_keep_the_same_number() -> None:
    plan = risk_plan("risk", 0.0, 1.0, levels=(3.9, 4.0))
    same = sum(len({releaser.at(level).codes for level in plan.levels}) == 1 for releaser in draws(plan, 100))
    assert same > 70  # (3.9 / 4)^2 = 0.95 of them, were the lattice infinitely fine


def draws(plan: ReleasePlan, count: int) -> list[Releaser]:
    return [Releaser.draw(plan, {"risk": 0.5}) for _ in range(count)]


def test_chain_costs_the_highest_position_visited(plan: ReleasePlan, record: dict[str, object]) -> None:
    releaser = Releaser.draw(plan, record)
    first = [releaser.at(level) for level in (1.0, 2.0, 0.5)]
    assert releaser.visited == 2.0
    assert [releaser.at(level) for level in (1.0, 2.0, 0.5)] == first
    with pytest.raises(PrivacyError, match=r"no position 3; its public positions are 0\.5, 1, 2, 4"):
        releaser.at(3.0)
    assert releaser.visited == 2.0


def test_chain_outlives_a_reload(plan: ReleasePlan, record: dict[str, object]) -> None:
    releaser = Releaser.draw(plan, record)
    releaser.at(1.0)
    again = Releaser.from_secret(releaser.secret())
    assert again.visited == 1.0
    assert again.commitment == releaser.commitment
    assert [again.at(level) for level in plan.levels] == [releaser.at(level) for level in plan.levels]


def test_chain_holds_nothing_of_the_record_but_its_noised_coordinates(
    plan: ReleasePlan, record: dict[str, object]
) -> None:
    stored = Releaser.draw(plan, record).secret()
    assert "never released" not in stored
    assert set(json.loads(stored)) == {"plan", "codes", "nonce", "visited"}


def test_two_draws_have_different_commitments(plan: ReleasePlan, record: dict[str, object]) -> None:
    assert len({Releaser.draw(plan, record).commitment for _ in range(3)}) == 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"age": math.nan}, "not a number"),
        ({"age": None}, "not a number"),
        ({"age": True}, "not a number"),
        ({"stage": "V"}, "outside of its public list"),
        ({"stage": None}, "outside of its public list"),
    ],
)
def test_a_value_without_a_place_is_refused(
    plan: ReleasePlan, record: dict[str, object], change: dict, message: str
) -> None:
    with pytest.raises(PrivacyError, match=message):
        Releaser.draw(plan, record | change)


def test_a_missing_field_is_refused(plan: ReleasePlan) -> None:
    with pytest.raises(PrivacyError, match="lacks stage"):
        Releaser.draw(plan, {"age": 50.0})


def test_numbers_are_clipped_to_public_bounds_and_rounded_on_the_lattice() -> None:
    age = Numeric(name="age", lower=20, upper=90)
    assert [age.encode(value, 100) for value in (-math.inf, 19.9, 20, 55, 90, 1e300, math.inf)] == [
        0,
        0,
        0,
        50,
        100,
        100,
        100,
    ]
    assert age.decode(50, 100) == 55.0
    with pytest.raises(PrivacyError, match="not in order"):
        Numeric(name="age", lower=90, upper=20)
    with pytest.raises(PrivacyError, match="twice"):
        Category(name="sex", values=("f", "f"))


def test_wide_releases_are_refused_unless_asked_for() -> None:
    names = [f"gene {number}" for number in range(9)]
    coordinates = tuple(Numeric(name=name, lower=0, upper=1) for name in names)
    with pytest.raises(PrivacyError, match="9 coordinates were given, 8 are allowed"):
        ReleasePlan(coordinates=coordinates, allocation=uniform(names))
    assert ReleasePlan(coordinates=coordinates, allocation=uniform(names), most_dimensions=9).finest == 8.0


def test_shares_from_private_relevance_are_refused() -> None:
    private = Relevance(values={"age": 3.0, "size": 1.0}, source="private", where="gradients of this patient")
    coordinates = tuple(Numeric(name=name, lower=0, upper=1) for name in private.values)
    with pytest.raises(PrivacyError, match="no finite epsilon"):
        ReleasePlan(coordinates=coordinates, allocation=proportional(private, list(private.values)))


@pytest.mark.parametrize("levels", [(1.0, 1.0), (2.0, 1.0), (0.0, 1.0), (math.inf,), (math.nan,)])
def test_levels_rise_and_are_finite(levels: tuple[float, ...]) -> None:
    with pytest.raises(PrivacyError, match="rising order"):
        risk_plan("risk", 0.0, 1.0, levels=levels)


def test_noise_scale_is_the_width_over_the_share_of_epsilon(plan: ReleasePlan, record: dict[str, object]) -> None:
    scale = Releaser.draw(plan, record).at(2.0).noise_scale
    assert scale["age"] == pytest.approx(70 / 1.0, rel=1e-12)
    assert scale["stage"] == pytest.approx(4 / (math.e + 4), rel=1e-12)


def test_session_pays_the_maximum_and_redrawing_pays_again(
    tmp_path: Path, plan: ReleasePlan, record: dict[str, object]
) -> None:
    ledger = Ledger("session", cap_epsilon=6.0, folder=tmp_path / "l")
    session = PatientSession.start(ledger, "patient", "s", plan, record)
    assert session.balance.spent_epsilon == 0.0
    for level in (1.0, 4.0, 2.0):
        session.at(level)
    assert session.balance.spent_epsilon == 4.0
    before = session.at(2.0)
    resumed = PatientSession.resume(ledger, "patient", "s", session.secret())
    assert resumed.at(2.0) == before
    assert resumed.balance.spent_epsilon == 4.0
    session.redraw(record, 1.0)
    assert session.balance.spent_epsilon == 5.0
    with pytest.raises(PrivacyError, match="cap of 6"):
        session.at(4.0)
    with pytest.raises(PrivacyError, match="cap of 6"):
        session.redraw(record, 2.0)
    assert session.at(2.0).level == 2.0
    assert session.balance.left == 0.0
    assert [entry.act for entry in ledger.entries("patient")] == ["view", "view", "redraw", "view"]


def test_session_is_never_charged_to_the_training_ledger(
    tmp_path: Path, plan: ReleasePlan, record: dict[str, object]
) -> None:
    session = PatientSession.start(Ledger("training", folder=tmp_path / "l"), "patient", "s", plan, record)
    with pytest.raises(PrivacyError, match="never mix"):
        session.at(1.0)
