"""The stated hazard, its single modalities, and what is missing; drawn without rendering anything."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import pytest

from survviz.evaluation.concordance import concordance_index
from survviz.sample import hazard
from survviz.sample.cases import SampleCase, draw_case
from survviz.sample.cohort import choose_holdout

SEED = 4_117


@pytest.fixture(scope="module")
def cases() -> list[SampleCase]:
    return [draw_case(SEED, number) for number in range(1500)]


def concordance(cases: list[SampleCase], risk: list[float]) -> float:
    time, event = [c.outcome.time_months for c in cases], [c.outcome.event for c in cases]
    return concordance_index(risk, time, event)


def test_log_hazard_is_the_stated_sum(cases: list[SampleCase]) -> None:
    for case in cases[:50]:
        z = asdict(case.latent)
        by_hand = (
            1.00 * z["pleomorphism"]
            + 0.20 * z["tumour_area"]
            + 1.00 * z["hypoxia"]
            + 1.00 * z["proliferation"]
            + 0.40 * z["angiogenesis"]
            + 1.00 * z["age"]
            + 0.90 * (z["stage"] - 1.32)
            + 1.80 * z["pleomorphism"] / (1 + np.exp(-2.5 * z["hypoxia"]))
            + 0.30 * z["tumour_area"] * z["hypoxia"]
            - 2.40 * z["lymphocytes"] / (1 + np.exp(-2.5 * z["t_cell_inflammation"]))
        )
        assert case.log_hazard == pytest.approx(by_hand, abs=1e-12)


def test_lymphocytes_protect_only_when_inflamed(cases: list[SampleCase]) -> None:
    few, many = (replace(cases[0].latent, lymphocytes=value, t_cell_inflammation=3.0) for value in (-1.0, 1.0))
    gain = hazard.log_hazard(hazard.terms(many)) - hazard.log_hazard(hazard.terms(few))
    few, many = (replace(latent, t_cell_inflammation=-3.0) for latent in (few, many))
    cold = hazard.log_hazard(hazard.terms(many)) - hazard.log_hazard(hazard.terms(few))
    assert gain < -1.8
    assert abs(cold) < 0.01


def test_a_little_over_half_of_the_cases_die(cases: list[SampleCase]) -> None:
    assert 0.49 < np.mean([case.outcome.event for case in cases]) < 0.60


def test_oracle_orders_most_pairs(cases: list[SampleCase]) -> None:
    assert 0.87 < concordance(cases, [case.log_hazard for case in cases]) < 0.92


@pytest.mark.parametrize("modality", ["pathology", "genomic", "clinical"])
def test_each_modality_alone_knows_far_less_than_all(cases: list[SampleCase], modality: str) -> None:
    alone = concordance(cases, [hazard.single_modality(case.latent)[modality] for case in cases])
    assert 0.60 < alone < concordance(cases, [case.log_hazard for case in cases]) - 0.1


def test_interactions_add_to_the_sum_of_the_modalities(cases: list[SampleCase]) -> None:
    additive = concordance(cases, [sum(hazard.single_modality(case.latent).values()) for case in cases])
    assert concordance(cases, [case.log_hazard for case in cases]) - additive > 0.015


def test_survival_follows_the_stated_weibull() -> None:
    rng = np.random.default_rng(3)
    times = [hazard.draw_outcome(rng, 0.4) for _ in range(20_000)]
    # Staggered entry begins at 20 months, so that S(15) needs no correction but for loss.
    alive = np.mean([outcome.time_months > 15 or not outcome.event for outcome in times])
    assert alive == pytest.approx(np.exp(-((15 / 60) ** 1.3) * np.exp(0.4)), abs=0.01)


def test_a_realistic_part_is_missing(cases: list[SampleCase]) -> None:
    assert 0.05 < np.mean([not case.has_rna for case in cases]) < 0.11
    assert 0.01 < np.mean([not case.slides for case in cases]) < 0.05
    assert 0.09 < np.mean([len(case.slides) == 2 for case in cases]) < 0.15
    assert 0.11 < np.mean([case.clinical["smoking"] == "" for case in cases]) < 0.19
    assert all(case.clinical["sex"] for case in cases)


def test_a_case_does_not_depend_on_how_many_there_are(cases: list[SampleCase]) -> None:
    assert draw_case(SEED, 1234) == cases[1234]
    assert draw_case(SEED + 1, 1234) != cases[1234]


def test_amounts_of_other_tissue_say_nothing_about_risk(cases: list[SampleCase]) -> None:
    plans = [(case.slides[0], case.log_hazard) for case in cases if case.slides]
    for name in ("necrosis", "fat", "normal", "vessels", "gland_atypia", "inflammation"):
        r = np.corrcoef([getattr(plan, name) for plan, _ in plans], [eta for _, eta in plans])[0, 1]
        assert abs(r) < 0.09, name


def test_held_out_cases_are_whole_and_span_the_risk(cases: list[SampleCase]) -> None:
    chosen = choose_holdout(cases[:200], 6)
    held = {case.case_id: case for case in cases[:200] if case.case_id in chosen}
    assert len(held) == 6
    assert chosen[0] == cases[0].case_id
    assert all(len(c.slides) == 1 and c.has_rna and c.has_mirna and all(c.clinical.values()) for c in held.values())
    rank = np.argsort(np.argsort([case.log_hazard for case in cases[:200]]))
    ranks = [rank[number] for number, case in enumerate(cases[:200]) if case.case_id in chosen]
    assert max(ranks) > 170
    assert min(ranks) < 30


def test_effect_of_a_quantity_is_what_its_mean_would_change() -> None:
    latent = hazard.Latent(0.0, 0.0, 2.0, 1.5, 1.0, -0.5, 0.3, 2.0, 3)
    found = hazard.effects(latent)
    assert found["age"] == pytest.approx(2.0 * hazard.COEFFICIENTS["age"])
    assert found["stage"] == pytest.approx((3 - hazard.STAGE_MEAN) * hazard.COEFFICIENTS["stage"])
    # Without pleomorphism, hypoxia opens nothing else.
    assert found["hypoxia"] == pytest.approx(1.5 * hazard.COEFFICIENTS["hypoxia"])
    opened = 1 / (1 + np.exp(-2.5)) - 1 / 2
    assert found["t_cell_inflammation"] == pytest.approx(2.0 * opened * hazard.COEFFICIENTS["lymphocytes_if_inflamed"])
    assert found["pleomorphism"] == 0
