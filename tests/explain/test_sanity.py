"""Maps of a model with shuffled weights against maps of the model."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import spearmanr

from survviz.errors import InputError
from survviz.explain.gradients import patch_contributions
from survviz.explain.sanity import change_under_randomisation, randomised, rank_correlation
from survviz.models import Model
from survviz.types import Inputs

PAIRS = arrays(np.float64, st.tuples(st.just(2), st.integers(2, 30)), elements=st.integers(-4, 4).map(float))


@given(PAIRS)
def test_rank_correlation_is_that_of_scipy_and_zero_of_a_constant(pair: np.ndarray) -> None:
    if min(len(np.unique(row)) for row in pair) < 2:
        assert rank_correlation(*pair) == 0
    else:
        assert rank_correlation(*pair) == pytest.approx(spearmanr(*pair)[0], abs=1e-12)


def test_every_tensor_keeps_its_numbers_and_loses_their_places(model_for_sample: Callable[[str], Model]) -> None:
    model = model_for_sample("survpgc")
    before = {name: weight.clone() for name, weight in model.named_parameters()}
    shuffled = dict(randomised(model, seed=3).named_parameters())
    for name, weight in model.named_parameters():
        assert torch.equal(weight, before[name])
        assert torch.equal(weight.flatten().sort().values, shuffled[name].flatten().sort().values)
        if len(weight.unique()) > 9:
            assert not torch.equal(weight, shuffled[name])


def test_the_seed_decides_the_order(linear: Model) -> None:
    first, again, other = (randomised(linear, seed).output_layer.weight for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_contributions_change_and_a_map_of_the_input_alone_is_refused(
    model_for_sample: Callable[[str], Model], sample_inputs: Inputs
) -> None:
    model = model_for_sample("abmil")
    learnt = change_under_randomisation(lambda m: patch_contributions(m, sample_inputs).values, model)
    given = change_under_randomisation(lambda m: sample_inputs.patches[0].norm(dim=1).numpy(), model)
    assert learnt.passed
    assert abs(learnt.correlations).max() < 1
    assert not given.passed
    np.testing.assert_allclose(given.correlations, 1)


def test_a_constant_map_of_shuffled_weights_keeps_nothing(linear: Model) -> None:
    found = change_under_randomisation(lambda m: np.arange(4.0) if m is linear else np.ones(4), linear, seeds=[0])
    assert found.correlations.tolist() == [0]


def test_a_constant_map_and_no_seed_are_refused(linear: Model) -> None:
    with pytest.raises(InputError, match="1 different"):
        change_under_randomisation(lambda m: np.ones(4), linear)
    with pytest.raises(InputError, match="0 shufflings"):
        change_under_randomisation(lambda m: np.arange(4.0), linear, seeds=())
