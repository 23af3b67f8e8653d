"""Audits of real training runs on the bundled cohort: a twentieth of the noise is caught, the right noise is not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.privacy_audits.canaries import one_run
from benchmarks.privacy_audits.runs import SETTINGS, flipped, joined, likelihoods
from benchmarks.privacy_audits.shadows import Shadows, attribute_rows, membership_rows
from survviz.data.cohort import load_cohort
from survviz.training.private_config import PrivateConfig
from survviz.training.private_run import PrivateTrainer

COHORT = Path(__file__).parents[2] / "sample_data"


@pytest.fixture(scope="module")
def trainer() -> PrivateTrainer:
    cohort = load_cohort(COHORT)
    small = SETTINGS | {"model_settings": {"d_embed": 4, "d_hidden": 4, "heads": 1, "dropout": 0.0}}
    return PrivateTrainer(cohort, PrivateConfig(**small, patients=60, batch=12, steps=24), cohort.case_ids)


def test_a_real_run_is_not_refuted_and_a_twentieth_of_its_noise_is(trainer: PrivateTrainer) -> None:
    ids = trainer.examples.case_ids
    reference = trainer.new_model(0)
    right, broken = (one_run(trainer, ids, reference, 2.0, broken=wrong, seed=0) for wrong in (False, True))
    assert not right["gradients"]["refuted"]
    assert broken["gradients"]["refuted"]
    assert broken["gradients"]["bound"] > 2
    assert right["flipped_outcomes_memorised"]["bound"] > 1  # few canaries


def test_flipped_outcomes_are_the_least_likely_ones(trainer: PrivateTrainer) -> None:
    examples = trainer.examples
    opposite = flipped(examples, len(trainer.preprocess.bins))
    assert (opposite.event == ~examples.event).all()
    both = joined(examples, opposite)
    assert len(both) == 2 * len(examples)
    told = likelihoods(trainer.new_model(0), both)
    assert told == pytest.approx(np.concatenate([likelihoods(trainer.new_model(0), e) for e in (examples, opposite)]))
    assert torch.equal(both.inputs.vectors["clinical"][: len(examples)], examples.inputs.vectors["clinical"])


def test_shadows_find_who_was_memorised_and_nobody_else() -> None:
    random = np.random.default_rng(0)
    member = random.random((24, 200)) < 0.5
    own = random.normal(size=(24, 200)) + random.normal(size=200)
    shadows = Shadows(member, own, {"Sex": random.normal(size=(24, 200))})
    found = membership_rows(shadows, {"some": np.arange(200) < 100})
    assert abs(found["all"]["auc"] - 0.5) < 0.03
    assert found["control"]["auc"] > 0.95
    assert found["some"]["members"] + found["some"]["others"] == 2400
    sexes = np.where(random.random(200) < 0.5, "female", "male")
    guessed = attribute_rows(shadows, {"Sex": sexes})["Sex"]
    assert guessed["interval"][0] < 0 < guessed["interval"][1]
    assert guessed["control"]["gain"] > 0.2
