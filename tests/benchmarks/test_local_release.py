"""Local releases: coordinates are public, absence is hidden, noise is that of a plan, and scores are C-indices."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.local_release.noise import Way, plan_for, private_relevance
from benchmarks.local_release.reading import PERCENTILE, WIDE, WITHIN, Scorer, clean, fitted, released
from benchmarks.local_release.records import STAGES, TIERS, Block, Patients, category, number
from survviz.data.public_preprocess import read_constants
from survviz.errors import PrivacyError
from survviz.evaluation.resampling import draw_counts

TYPES = ("ACC", "BLCA", "BRCA")


@pytest.fixture(scope="module")
def patients() -> Patients:
    """Two hundred, whose age and stage matter."""
    random = np.random.default_rng(0)
    n = 200
    age, place = random.uniform(20, 90, n), random.integers(0, 4, n)
    time = random.exponential(np.exp(3 - 0.05 * age - 0.4 * place))
    blocks = {
        "age": number("age", age, 20, 90),
        "stage": category("stage", [STAGES[i] for i in place], STAGES),
        "sex": category("sex", ["female"] * n, ("female", "male")),
        "cancer type": category("cancer type", [TYPES[i % 3] for i in range(n)], TYPES),
    }
    kinds = np.array([TYPES[i % 3] for i in range(n)])
    wide = tuple(Block(f"x{i}", random.random((n, 1)), False) for i in range(12))
    return Patients(time, np.ones(n, dtype=bool), kinds, np.arange(n) < 120, blocks, wide)


def test_tiers_name_every_cancer_type_once() -> None:
    named = [kind for kinds in TIERS.values() for kind in kinds]
    assert sorted(named) == sorted(read_constants().categories["Cancer type"])


def test_a_missing_value_lies_where_a_known_one_may_lie() -> None:
    assert number("age", np.array([20.0, np.nan, 120.0]), 20, 90).columns[:, 0].tolist() == [0, 0.5, 1]
    assert category("stage", ["II", None, "X"], STAGES).columns.argmax(axis=1).tolist() == [1, 4, 4]


def test_little_noise_leaves_the_record_and_much_noise_does_not(patients: Patients) -> None:
    blocks = [patients.blocks[name] for name in ("age", "stage")]
    for noise in ("Laplace", "Gaussian"):
        assert Way(noise).noised(blocks, 900.0) == pytest.approx(clean(blocks), abs=0.35)
    wrong = Way("Laplace").noised(blocks, 0.01)[:, 1:].argmax(axis=1) != blocks[1].columns.argmax(axis=1)
    assert wrong.mean() > 0.6


def test_what_is_declared_public_gets_no_noise(patients: Patients) -> None:
    blocks = released(patients, WITHIN)
    drawn = Way("Laplace").noised(blocks, 0.1)
    assert (drawn[:, 1:] == patients.blocks["cancer type"].columns).all()
    assert (drawn[:, 0] != blocks[0].columns[:, 0]).mean() > 0.5


def test_the_recipe_runs_but_never_as_a_plan(patients: Patients) -> None:
    blocks = [patients.blocks[name] for name in ("age", "stage")]
    private = private_relevance(blocks, clean(blocks), np.ones(6))
    assert Way("published recipe", private).noised(blocks, 1.0).shape == (200, 6)
    with pytest.raises(PrivacyError, match="published recipe"):
        plan_for([Block(f"{b.name} 0", b.columns[:, :1], False) for b in blocks], 1.0, private)


def test_a_percentile_is_uniform_over_the_training_patients(patients: Patients) -> None:
    (block,) = released(patients, PERCENTILE)
    places = np.sort(block.columns[patients.train, 0])
    assert places == pytest.approx(np.arange(120) / 120, abs=0.02)


def test_scores_are_bands_around_the_c_index(patients: Patients) -> None:
    rows = ~patients.train
    scorer = Scorer(patients.time[rows], patients.event[rows], patients.cancer_type[rows], draw_counts(80, 50, 0))
    perfect = scorer.summary([-patients.time[rows]])
    assert perfect["pooled"] == {"mean": 1.0, "sd": 0.0, "low": 1.0, "high": 1.0}
    columns = clean([patients.blocks[name] for name in ("age", "stage")])
    weights = fitted(columns[patients.train], patients.time[patients.train], patients.event[patients.train])
    found = scorer.summary([columns[rows] @ weights])["pooled"]
    assert 0.6 < found["low"] < found["mean"] < found["high"] < 1
    assert weights[0] > 0.5  # older is worse


def test_wide_releases_are_allowed_here_alone(patients: Patients) -> None:
    assert len(plan_for(released(patients, WIDE), 1.0, None).coordinates) == 12
