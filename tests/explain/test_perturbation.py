"""Leaving patches out: closed form, masks against real removal for every model, groups."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from survviz.errors import CancelledError, InputError
from survviz.explain.perturbation import Groups, group_patches, risk_without
from survviz.models import Model
from survviz.models.inputs import random_inputs
from survviz.types import Bag, Inputs
from tests.explain.test_contributions import WITH_PATHOLOGY, weights


def each(n: int) -> Groups:
    return Groups(np.arange(n), 1)


def test_linear_model_has_the_closed_form(linear: Model, five: Inputs) -> None:
    """Without patch i the mean is (N m - x_i) / (N - 1), so the risk falls by w . (x_i - m) / (N - 1)."""
    patches = five.patches[0].double().numpy()
    expected = (patches - patches.mean(axis=0)) @ weights(linear) / 4
    np.testing.assert_allclose(risk_without(linear, five, each(5)), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", WITH_PATHOLOGY)
def test_every_model_treats_a_masked_patch_as_one_that_was_never_there(
    name: str, model_for_sample: Callable[[str], Model], sample_inputs: Inputs
) -> None:
    model = model_for_sample(name)
    n = sample_inputs.patches.shape[1]
    members = np.minimum(np.arange(n), 3)  # three single patches, then all others
    found = risk_without(model, sample_inputs, Groups(members, 1))
    with torch.no_grad():
        whole = float(model(sample_inputs).risk)
        for group in range(4):
            kept = torch.from_numpy(np.flatnonzero(members != group))
            less = replace(
                sample_inputs, patches=sample_inputs.patches[:, kept], patch_mask=sample_inputs.patch_mask[:, kept]
            )
            per_patch = (whole - float(model(less).risk)) / (members == group).sum()
            np.testing.assert_allclose(found[members == group], per_patch, rtol=0, atol=2e-6)


def test_without_its_only_patch_a_case_has_no_pathology(
    model_for_sample: Callable[[str], Model], sample_inputs: Inputs
) -> None:
    model = model_for_sample("survpgc")
    one = replace(sample_inputs, patches=sample_inputs.patches[:, :1], patch_mask=sample_inputs.patch_mask[:, :1])
    none = replace(one, present={**one.present, "pathology": torch.tensor([False])})
    with torch.no_grad():
        expected = float(model(one).risk) - float(model(none).risk)
    np.testing.assert_allclose(risk_without(model, one, each(1)), [expected], atol=1e-6)


def test_a_square_shares_its_difference_equally(linear: Model, five: Inputs) -> None:
    found = risk_without(linear, five, Groups(np.array([0, 0, 1, 2, 2]), 2))
    assert found[0] == found[1]
    assert found[3] == found[4]
    patches = five.patches[0].double().numpy()
    pair = (patches.mean(axis=0) - patches[2:].mean(axis=0)) @ weights(linear) / 2
    assert found[0] == pytest.approx(pair, abs=1e-6)


def test_few_patches_are_left_out_one_by_one(grid: Callable[..., Bag]) -> None:
    found = group_patches([grid("a", 20, 20), grid("b", 3, 1)])
    assert found.side == 1
    assert len(found) == 403


def test_above_the_budget_squares_of_neighbours_leave_together(grid: Callable[..., Bag]) -> None:
    found = group_patches([grid("a", 8, 8), grid("b", 2, 2)], rows=68 * 20)
    assert found.side == 2
    assert len(found) == 17
    square = found.members[:64].reshape(8, 8)
    assert len(np.unique(square[:2, :2])) == 1
    assert square[0, 1] != square[0, 2]
    assert set(found.members[64:]).isdisjoint(found.members[:64])


@given(columns=st.integers(1, 30), rows=st.integers(1, 30), budget=st.integers(1, 5000))
def test_groups_keep_within_the_budget_and_lose_no_patch(
    grid: Callable[..., Bag], columns: int, rows: int, budget: int
) -> None:
    bag = grid("a", columns, rows)
    found = group_patches([bag], rows=budget)
    assert len(found.members) == len(bag)
    assert sorted(set(found.members.tolist())) == list(range(len(found)))
    assert len(found) <= max(1, budget // len(bag))


def test_progress_ends_at_one_and_may_cancel(linear: Model, five: Inputs) -> None:
    seen: list[float] = []
    risk_without(linear, five, each(5), progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1

    def cancel(share: float) -> None:
        raise CancelledError("stop")

    with pytest.raises(CancelledError):
        risk_without(linear, five, each(5), progress=cancel)


def test_groups_of_another_case_are_refused(linear: Model, five: Inputs) -> None:
    with pytest.raises(InputError, match="4 patches"):
        risk_without(linear, five, each(4))
    with pytest.raises(InputError, match="one case"):
        risk_without(linear, random_inputs(linear.config.reads, (3, 2)), each(3))
