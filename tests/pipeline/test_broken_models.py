"""Models that are broken on purpose are exposed: never trained, or all of whose signal lies in clinic.

Every case has 40 patches, a third of them tumour; what the tumour looks like and the clinic each carry half of the risk
that the sound model learns. The model is SurvPGC on slides and clinic, small.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from survviz.data.cohort import Cohort
from survviz.explain.baselines import ZERO
from survviz.explain.faithfulness import faithfulness
from survviz.explain.gradients import contributions
from survviz.explain.sanity import change_under_randomisation
from survviz.models import Model
from survviz.models.inputs import random_inputs
from survviz.pipeline import Predictor
from survviz.pipeline.explanation.faithfulness import check_map, smallest_move
from survviz.pipeline.explanation.learnt import learnt_shares
from survviz.pipeline.explanation.map_test import MapTest
from survviz.pipeline.explanation.maps import MapRequest
from survviz.types import Inputs
from tests.models.small import one, small_model

N, TUMOUR = 40, 14
CASES = 8
STEPS = 300
REQUEST = MapRequest.of("contribution", "", "")


def planted(model: Model, n_cases: int, seed: int) -> tuple[Inputs, torch.Tensor, torch.Tensor]:
    """Cases, what their tumours say (B,), and what their clinic says (B,)."""
    inputs = random_inputs(model.config.reads, (N,) * n_cases, seed=seed)
    grade, stage = torch.randn(2, n_cases, generator=torch.Generator().manual_seed(seed))
    patches = inputs.patches.clone()
    patches[:, :TUMOUR, 0] += 4
    patches[:, :TUMOUR, 1] += 3 * grade[:, None]
    clinical = 0.3 * inputs.tokens["clinical"]
    clinical[:, 0, 0] += 2 * stage
    return replace(inputs, patches=patches, tokens={**inputs.tokens, "clinical": clinical}), grade, stage


def untrained(seed: int = 0) -> Model:
    return small_model("survpgc", seed, modalities=("pathology", "clinical"), output="log-hazard").requires_grad_(False)


def trained(pathology: float) -> Model:
    """A model that has learnt tumour times `pathology` plus clinic, from new cases at every step."""
    model = untrained().requires_grad_(True)
    optimizer = torch.optim.Adam(model.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, STEPS)
    for step in range(STEPS):
        inputs, grade, stage = planted(model, 96, 1000 + step)
        loss = (model(inputs).risk - pathology * grade - stage).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return model.requires_grad_(False)


@pytest.fixture(scope="module")
def sound() -> Model:
    return trained(1.0)


@pytest.fixture(scope="module")
def clinic_only() -> Model:
    return trained(0.0)


def chips_and_share(model: Model) -> tuple[list[MapTest], float]:
    """The test of each case's map of contributions, and the mean share of the slide in what moves the risk."""
    cases, _, _ = planted(model, CASES, seed=1)
    risks = model(cases).risk.numpy()
    found, shares = [], []
    for row in range(CASES):
        case = one(cases, row)
        adds = contributions(model, case, baseline=ZERO)
        slide, clinic = abs(adds.patches.sum()), abs(adds.tokens["clinical"].sum())
        shares.append(slide / (slide + clinic))
        tested = faithfulness([(model, case)], adds.patches, signed=True, n_chance=19)
        change = change_under_randomisation(
            lambda other, case=case: contributions(other, case, baseline=ZERO, tolerance=0.2).patches,
            model,
            seeds=range(6),
        )
        found.append(MapTest(REQUEST, tested, change, smallest_move(model, risks), 1))
    return found, float(np.mean(shares))


def test_a_sound_models_maps_are_better_than_chance(sound: Model) -> None:
    found, share = chips_and_share(sound)
    assert sum(one.verdict == "better" for one in found) >= CASES / 2
    assert share > 0.5


def test_the_chip_exposes_a_map_of_random_weights(sound: Model) -> None:
    """The map of a model that was never trained, beside the risk of a sound one."""
    cases, _, _ = planted(sound, CASES, seed=1)
    p = []
    for row in range(CASES):
        case = one(cases, row)
        other = contributions(untrained(row), case, baseline=ZERO).patches
        p.append(faithfulness([(sound, case)], other, signed=True, n_chance=19).p())
    assert np.mean(np.array(p) <= 0.05) <= 0.25


def test_the_chip_exposes_a_checkpoint_that_was_never_trained(
    predictor: Predictor, cohort: Cohort, member: str
) -> None:
    """Its attention may well beat chance, for it is what the model does; but the estimate hardly rests on it."""
    case = cohort.case(member)
    fresh = Predictor(predictor.checkpoint, device="cpu")
    torch.manual_seed(0)
    fresh._models = tuple(type(model)(model.config).eval() for model in fresh._models)
    for direction in predictor.directions_of(case):
        found = check_map(fresh, case, MapRequest("attention", *direction), n_chance=9)
        assert found.verdict != "better"


@pytest.mark.parametrize("weights", range(4))
def test_the_shares_expose_random_weights(predictor: Predictor, cohort: Cohort, weights: int) -> None:
    """They look like any others, and are no larger than those of shuffled weights; a trained model's are."""
    cases = [cohort.case(name) for name in cohort.case_ids[:3]]
    fresh = Predictor(predictor.checkpoint, device="cpu")
    torch.manual_seed(weights)
    fresh._models = tuple(type(model)(model.config).eval() for model in fresh._models)
    found = learnt_shares(fresh, cases, method="shapley")
    assert max(found.shares.values()) < 1.0
    assert not found.learnt
    assert "Not distinguishable from chance" in found.words


def test_the_shares_of_a_trained_checkpoint_were_learnt(predictor: Predictor, cohort: Cohort) -> None:
    found = learnt_shares(predictor, [cohort.case(name) for name in cohort.case_ids[:3]], method="shapley")
    assert found.learnt
    assert found.fold > 2


def test_chip_and_shares_expose_signal_in_clinic_only(clinic_only: Model) -> None:
    found, share = chips_and_share(clinic_only)
    assert not any(one.verdict == "better" for one in found)
    assert share < 0.3
