"""Deletion and insertion against chance: closed form, calibration without an effect, what smoothness does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from survviz.errors import CancelledError, InputError
from survviz.explain.faithfulness import FEWEST_ORDERS, MOST_ORDERS, Faithfulness, faithfulness, n_orders
from survviz.models import Model
from survviz.models.inputs import random_inputs
from survviz.types import Inputs
from tests.explain.test_contributions import WITH_PATHOLOGY, weights

N = 200
STEPS = (0.05, 0.1, 0.2)


def case_of(linear: Model, n: int = N, seed: int = 0) -> Inputs:
    return random_inputs(linear.config.reads, (n,), seed=seed)


def short(inputs: Inputs) -> Inputs:
    """The last patch is padding."""
    mask = inputs.patch_mask.clone()
    mask[0, -1] = False
    return replace(inputs, patch_mask=mask)


def pushes(linear: Model, inputs: Inputs) -> NDArray[np.float64]:
    """By how much each patch moves a linear model's answer, times N."""
    return inputs.patches[0].double().numpy() @ weights(linear)


def test_curves_of_a_linear_model_have_the_closed_form(linear: Model) -> None:
    """The risk is a mean over patches, so that of a set is the mean of its pushes."""
    inputs = case_of(linear)
    push = pushes(linear, inputs)
    found = faithfulness([(linear, inputs)], push, signed=True, steps=STEPS, n_chance=3)
    best = np.sort(push)[::-1]
    bias = found.whole - push.mean()
    counts = [10, 20, 40]
    np.testing.assert_allclose(found.shares, np.array(counts) / N)
    np.testing.assert_allclose(found.shown.deletion[0], [best[k:].mean() + bias for k in counts], atol=1e-6)
    np.testing.assert_allclose(found.shown.insertion[0], [best[:k].mean() + bias for k in counts], atol=1e-6)
    falls = np.array([0, *(push.mean() - best[k:].mean() for k in counts)])
    at = np.array([0, 0.05, 0.1, 0.2])
    area = sum((a + b) / 2 * (y - x) for (x, a), (y, b) in pairwise(zip(at, falls, strict=True))) / 0.2
    assert found.area(found.shown)[0] == pytest.approx(area, abs=1e-6)


def test_evenly_spread_sets_are_every_kth_patch(linear: Model) -> None:
    inputs = case_of(linear)
    push = pushes(linear, inputs)
    found = faithfulness([(linear, inputs)], push, signed=True, steps=(0.1,), n_chance=1)
    bias = found.whole - push.mean()
    assert found.even.insertion[0, 0] == pytest.approx(push[5::10].mean() + bias, abs=1e-6)


def test_what_moves_the_answer_beats_chance_and_its_opposite_does_not(linear: Model) -> None:
    inputs = case_of(linear)
    push = pushes(linear, inputs)
    up = faithfulness([(linear, inputs)], push, signed=True, n_chance=19)
    assert up.p("deletion") == up.p("insertion") == up.smallest_p == 1 / 20
    down = faithfulness([(linear, inputs)], -push, signed=True, n_chance=19)
    assert down.p("deletion") == down.p("insertion") == 1
    size = faithfulness([(linear, inputs)], -push, signed=False, n_chance=19)
    assert size.p("deletion") == 1 / 20, "of an unsigned map a fall counts as much as a rise"


def test_p_of_maps_of_noise_is_uniform(linear: Model) -> None:
    """Maps that know nothing: each rank among 19 orders of chance is as likely as another."""
    inputs = case_of(linear, 60)
    rng = np.random.default_rng(0)
    p = [
        faithfulness([(linear, inputs)], rng.random(60), signed=True, steps=(0.2,), n_chance=19, seed=seed).p()
        for seed in range(150)
    ]
    assert 0.45 < np.mean(p) < 0.6
    assert np.mean(np.array(p) <= 0.1) < 0.19


def test_maps_that_follow_the_tissue_but_not_the_model_beat_scattered_sets_alone(linear: Model) -> None:
    """Why the verdict asks for both kinds of chance. The tissue differs along one direction, as types of tissue do."""
    inputs = case_of(linear, 100)
    types = torch.linspace(-3, 3, 100)[:, None] * torch.linspace(1, 2, 7)
    inputs = replace(inputs, patches=inputs.patches + types)
    known: list[Faithfulness] = []
    for seed in range(60):
        direction = np.random.default_rng(seed).standard_normal(7)
        values = inputs.patches[0].numpy() @ direction
        known.append(faithfulness([(linear, inputs)], values, signed=False, steps=(0.2,), n_chance=19, seed=seed))
    scattered, blind = (np.array([one.p_against(chance) for one in known]) for chance in ("random", "blind"))
    assert np.mean(scattered <= 0.05) > 0.5
    assert np.mean([one.p() <= 0.05 for one in known]) < 0.12
    assert [one.p() for one in known] == np.maximum(scattered, blind).tolist()


def test_answers_of_several_members_are_averaged(linear: Model) -> None:
    inputs = case_of(linear)
    push = pushes(linear, inputs)
    other = replace(inputs, patches=2 * inputs.patches)
    one, two, both = (
        faithfulness(members, push, signed=True, n_chance=2)
        for members in ([(linear, inputs)], [(linear, other)], [(linear, inputs), (linear, other)])
    )
    np.testing.assert_allclose(both.random.deletion, (one.random.deletion + two.random.deletion) / 2, atol=1e-6)
    assert both.whole == pytest.approx((one.whole + two.whole) / 2)


@pytest.mark.parametrize("name", WITH_PATHOLOGY)
def test_every_model_answers_to_sets_as_to_the_case_without_them(
    name: str, model_for_sample: Callable[[str], Model], sample_inputs: Inputs
) -> None:
    model = model_for_sample(name)
    n = 40
    case = replace(sample_inputs, patches=sample_inputs.patches[:, :n], patch_mask=sample_inputs.patch_mask[:, :n])
    scores = np.random.default_rng(0).random(n)
    found = faithfulness([(model, case)], scores, signed=False, steps=(0.25,), n_chance=2)
    first = torch.from_numpy(np.sort(scores.argsort()[::-1][:10].copy()))
    rest = torch.from_numpy(np.sort(scores.argsort()[::-1][10:].copy()))
    with torch.no_grad():
        for kept, got in ((rest, found.shown.deletion), (first, found.shown.insertion)):
            less = replace(case, patches=case.patches[:, kept], patch_mask=case.patch_mask[:, kept])
            assert got[0, 0] == pytest.approx(float(model(less).risk), abs=2e-6)
        none = replace(case, present={**case.present, "pathology": torch.tensor([False])})
        assert found.nothing == pytest.approx(float(model(none).risk), abs=2e-6)


def test_a_model_that_does_not_read_its_patches_has_p_1(linear: Model) -> None:
    with torch.no_grad():
        linear.output_layer.weight.zero_()
    inputs = case_of(linear)
    found = faithfulness([(linear, inputs)], np.arange(float(N)), signed=True, n_chance=9)
    assert found.p("deletion") == found.p("insertion") == 1
    assert found.moves == 0


def test_orders_of_chance_follow_the_size_of_the_case() -> None:
    assert n_orders(300) == MOST_ORDERS
    assert FEWEST_ORDERS <= n_orders(10_000) < 30
    assert n_orders(10**6) == FEWEST_ORDERS


def test_same_seed_same_answer(linear: Model) -> None:
    inputs = case_of(linear)
    flat = np.zeros(N)
    flat[:5] = 1
    one, two = (faithfulness([(linear, inputs)], flat, signed=True, n_chance=3, seed=4) for _ in range(2))
    np.testing.assert_array_equal(one.shown.deletion, two.shown.deletion)
    np.testing.assert_array_equal(one.random.insertion, two.random.insertion)


def test_progress_ends_at_one_and_may_cancel(linear: Model) -> None:
    inputs = case_of(linear)
    seen: list[float] = []
    faithfulness([(linear, inputs)] * 2, np.arange(float(N)), signed=True, n_chance=2, progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1

    def cancel(share: float) -> None:
        raise CancelledError("stop")

    with pytest.raises(CancelledError):
        faithfulness([(linear, inputs)], np.arange(float(N)), signed=True, progress=cancel)


def test_what_cannot_be_tested_is_refused_in_words(linear: Model) -> None:
    inputs = case_of(linear)
    with pytest.raises(InputError, match="same number"):
        faithfulness([(linear, inputs)], np.ones(N), signed=False)
    with pytest.raises(InputError, match="10 or more"):
        faithfulness([(linear, case_of(linear, 4))], np.arange(4.0), signed=False)
    for case in (case_of(linear, N - 1), random_inputs(linear.config.reads, (N, 2)), short(inputs)):
        with pytest.raises(InputError, match="expected one case"):
            faithfulness([(linear, case)], np.arange(float(N)), signed=False)
