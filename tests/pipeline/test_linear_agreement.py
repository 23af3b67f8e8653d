"""Four ways to ask, one answer: of a linear model a modality adds its weights times its values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import chain, combinations

import numpy as np
import pytest
import torch

from survviz.explain.baselines import ZERO
from survviz.explain.gradients import InputContributions, contributions
from survviz.explain.relevance import relevance
from survviz.explain.shapley import shapley
from survviz.explain.targets import Target, bin_logit, risk
from survviz.models import Model
from survviz.pipeline.explanation.modality_subsets import with_modalities
from survviz.types import Inputs
from tests.models.small import batch, one, small_model

MODALITY = {"clinical": "clinical", "rna": "genomic", "mirna": "mirna", "cnv": "cnv"}
EVERY = ("pathology", *MODALITY.values())


def of_inputs(found: InputContributions) -> dict[str, float]:
    values = {MODALITY[name]: float(numbers.sum()) for name, numbers in found.vectors.items()}
    return values | {"pathology": float(found.patches.sum())}


def closed_form(model: Model, inputs: Inputs, target: Target) -> dict[str, float]:
    """Slope times value; the slopes of a linear model are its weights."""
    leaves = {name: values.clone().requires_grad_() for name, values in inputs.vectors.items()}
    patches = inputs.patches.clone().requires_grad_()
    answer = target(model(replace(inputs, patches=patches, vectors=leaves))).sum()
    *slopes, of_patches = torch.autograd.grad(answer, [*leaves.values(), patches])
    values = zip(inputs.vectors.items(), slopes, strict=True)
    found = {MODALITY[name]: float((slope * numbers).sum()) for (name, numbers), slope in values}
    return found | {"pathology": float((of_patches * inputs.patches).sum())}


def by_subsets(model: Model, inputs: Inputs, target: Target) -> Mapping[str, float]:
    subsets = chain.from_iterable(combinations(model.modalities, n) for n in range(len(model.modalities) + 1))
    with torch.no_grad():
        worth = {
            frozenset(kept): np.array(float(target(model(with_modalities(inputs, frozenset(kept))))))
            for kept in subsets
        }
    return {name: float(value) for name, value in shapley(worth).items()}


@pytest.mark.parametrize("title", ["cox", "logistic-hazard"])
def test_gradients_relevance_shapley_and_closed_form_agree(title: str) -> None:
    model = small_model(title, modalities=EVERY)
    inputs = one(batch(model, (9,), seed=4), 0)
    target = bin_logit(1) if title == "logistic-hazard" else risk
    expected = closed_form(model, inputs, target)
    found = (
        of_inputs(contributions(model, inputs, target=target, baseline=ZERO)),
        of_inputs(relevance(model, inputs, target=target, baseline=ZERO)),
        by_subsets(model, inputs, target),
    )
    assert set(expected) == set(EVERY)
    assert min(abs(value) for value in expected.values()) > 1e-4
    for method in found:
        assert method == pytest.approx(expected, rel=0, abs=1e-6)
