"""What the receiver of a release can make of it, on a bundled case: nothing but what was released comes in."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from survviz.data.cohort import Cohort
from survviz.errors import InputError, PrivacyError
from survviz.pipeline import Predictor
from survviz.pipeline.explanation.what_if import programme_levels
from survviz.pipeline.private.case import (
    NOT_RECORDED,
    PROGRAMME,
    death_risk,
    maps_beside,
    own_relevance,
    public_relevance,
    received,
    record_of,
    release_fields,
    released_case,
    risk_coordinate,
    risk_horizon,
    without_release,
)
from survviz.privacy.allocation import proportional, two_thirds, uniform
from survviz.privacy.lattice import Category, Numeric
from survviz.privacy.release import ReleasePlan, Releaser, View, risk_plan
from survviz.types import Case

NAMES = ("Age", "Stage", f"{PROGRAMME}Hypoxia")


@pytest.fixture(scope="module")
def case(cohort: Cohort, held_out: str) -> Case:
    return cohort.case(held_out)


@pytest.fixture(scope="module")
def plan(predictor: Predictor) -> ReleasePlan:
    fields = release_fields(predictor)
    return ReleasePlan(
        coordinates=tuple(fields[name] for name in NAMES), allocation=uniform(NAMES), levels=(1.0, 900.0)
    )


@pytest.fixture(scope="module")
def nearly_exact(predictor: Predictor, case: Case, plan: ReleasePlan) -> View:
    return Releaser.draw(plan, record_of(predictor, case, plan.coordinates)).at(900.0)


def test_bounds_and_lists_come_from_constants_and_the_checkpoint(predictor: Predictor) -> None:
    fields = release_fields(predictor)
    age, stage, hypoxia = (fields[name] for name in NAMES)
    assert isinstance(age, Numeric)
    assert (age.lower, age.upper) == (20, 90)
    assert isinstance(stage, Category)
    assert stage.values == ("I", "II", "III", "IV", NOT_RECORDED)
    assert isinstance(hypoxia, Numeric)
    assert (hypoxia.lower, hypoxia.upper) == (-2.5, 2.5)


def test_every_case_has_a_record_so_a_gap_is_covered_like_any_value(predictor: Predictor) -> None:
    fields = list(release_fields(predictor).values())
    gaps = record_of(predictor, Case("x", clinical={"Stage": "unheard of"}), fields)
    assert gaps["Age"] == 55
    assert gaps["Stage"] == NOT_RECORDED
    assert gaps[f"{PROGRAMME}Hypoxia"] == 0
    plan = ReleasePlan(coordinates=tuple(fields[:4]), allocation=uniform([one.name for one in fields[:4]]))
    assert Releaser.draw(plan, gaps).at(1.0)


def test_a_record_says_again_what_it_was_made_from(predictor: Predictor, case: Case) -> None:
    fields = release_fields(predictor)
    record = record_of(predictor, case, [one for name, one in fields.items() if not name.startswith(PROGRAMME)])
    made = released_case(predictor, case.case_id, record)
    templates = predictor.checkpoint.preprocess(0).templates
    assert templates.sentences(made.clinical or {}) == templates.sentences(case.clinical or {})


def test_a_released_programme_has_its_level_again_and_all_other_genes_are_typical(predictor: Predictor) -> None:
    made = released_case(predictor, "x", {f"{PROGRAMME}Hypoxia": 1.5})
    levels = programme_levels(predictor, made)
    assert levels["Hypoxia"] == pytest.approx(1.5, abs=1e-3)
    assert min(abs(level) for level in levels.values()) < 1e-3


def test_nothing_that_was_not_released_is_in_the_case(predictor: Predictor) -> None:
    made = released_case(predictor, "x", {"Age": 60.0})
    assert made == Case("x", clinical={"Age": 60.0})
    assert predictor.present(made) == ("clinical",)


def test_the_band_closes_around_the_true_record_as_noise_vanishes(
    predictor: Predictor, case: Case, plan: ReleasePlan, nearly_exact: View
) -> None:
    months = risk_horizon(predictor)
    truth = released_case(predictor, case.case_id, record_of(predictor, case, plan.coordinates))
    found = received(predictor, case.case_id, nearly_exact, months, count=40)
    expected = predictor.predict(truth, allow_unlike=True)
    middle, low, high = found.risk
    assert low <= middle <= high
    assert middle == pytest.approx(death_risk(expected, months), abs=0.01)
    np.testing.assert_allclose(found.survival[1], expected.survival, atol=0.01)
    assert (found.survival[0] <= found.survival[2]).all()


def test_the_same_release_gives_the_same_bands(predictor: Predictor, nearly_exact: View) -> None:
    one, other = (received(predictor, "x", nearly_exact, 60.0, count=10) for _ in range(2))
    np.testing.assert_array_equal(one.risks, other.risks)


def test_risk_alone_has_quantiles_but_no_curve(predictor: Predictor) -> None:
    one = risk_coordinate(60.0)
    assert (one.lower, one.upper) == (0, 1)
    plan = risk_plan(one.name, one.lower, one.upper, levels=(0.001, 900.0))
    sharp = received(predictor, "x", View(plan, 900.0, (256,)), 60.0)
    assert sharp.risk == pytest.approx((0.25, 0.25, 0.25), abs=0.02)
    assert sharp.times.size == 0
    blunt = received(predictor, "x", View(plan, 0.001, (256,)), 60.0, count=4000)
    assert blunt.risk == pytest.approx((0.5, 0.05, 0.95), abs=0.03)
    blind = without_release(predictor, "x", plan.coordinates, 60.0, count=4000)
    assert blind.risk == pytest.approx((0.5, 0.05, 0.95), abs=0.03)


def test_records_in_which_nothing_is_known_are_refused_in_words(predictor: Predictor) -> None:
    stage = release_fields(predictor)["Stage"]
    plan = ReleasePlan(coordinates=(stage,), allocation=uniform(["Stage"]), levels=(900.0,))
    with pytest.raises(InputError, match="nothing to read"):
        received(predictor, "x", View(plan, 900.0, (4,)), 60.0, count=5)


def test_public_relevance_fits_a_plan_and_that_of_the_own_record_does_not(
    predictor: Predictor, case: Case, plan: ReleasePlan
) -> None:
    public = public_relevance(predictor, plan.coordinates)
    widths = {one.name: one.width if isinstance(one, Numeric) else 1.0 for one in plan.coordinates}
    assert plan.model_copy(update={"allocation": two_thirds(public, widths)}).spec(1.0).epsilon == 1
    own = own_relevance(predictor, case, plan.coordinates)
    assert own.source == "private"
    with pytest.raises(PrivacyError, match="no finite epsilon"):
        ReleasePlan(coordinates=plan.coordinates, allocation=proportional(own, NAMES))


def test_the_noised_map_knows_slides_and_release_only(predictor: Predictor, case: Case) -> None:
    released = {"Age": 40.0, "Stage": "I"}
    other = replace(case, clinical={"Age": 80.0, "Stage": "IV"}, rna=None)
    here, there = (maps_beside(predictor, one, released, query="clinical", key="pathology") for one in (case, other))
    np.testing.assert_array_equal(here.noised[0].values, there.noised[0].values)
    assert not np.array_equal(here.own[0].values, there.own[0].values)


def test_without_noise_both_maps_agree(predictor: Predictor, case: Case) -> None:
    record = record_of(predictor, case, list(release_fields(predictor).values())[:6])
    found = maps_beside(predictor, case, record, query="clinical", key="pathology")
    assert found.correlation == pytest.approx(1, abs=0.02)
    assert found.top.shared >= 0.9 * found.top.n_top
