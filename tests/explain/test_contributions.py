"""Integrated gradients over patches: closed forms, completeness of every model, invariances."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from survviz.errors import CancelledError, InputError
from survviz.explain.gradients import patch_contributions
from survviz.models import Model, list_models, model_config
from survviz.models.inputs import PatchInput, random_inputs
from survviz.types import Inputs

WITH_PATHOLOGY = [
    name
    for name in list_models()
    if issubclass(model_config(name), PatchInput)
    and "pathology" in model_config(name).model_fields["modalities"].get_default()
]


def weights(model: Model) -> np.ndarray:
    return model.output_layer.weight.detach().double().numpy()[0]


def test_linear_model_has_the_closed_form(linear: Model, five: Inputs) -> None:
    """The risk is w . mean(x), so a patch adds w . x_i / N."""
    found = patch_contributions(linear, five)
    expected = five.patches[0].double().numpy() @ weights(linear) / 5
    np.testing.assert_allclose(found.values, expected, rtol=0, atol=1e-7)
    assert found.n_gradients == 12


def test_another_baseline_and_target_are_arguments(linear: Model, five: Inputs) -> None:
    start = torch.linspace(-1, 1, 7)
    found = patch_contributions(linear, five, baseline=start, target=lambda output: 3 * output.logits[:, 0])
    expected = 3 * (five.patches[0] - start).double().numpy() @ weights(linear) / 5
    np.testing.assert_allclose(found.values, expected, rtol=0, atol=1e-6)


def test_a_case_that_is_its_own_baseline_has_no_contributions(linear: Model, five: Inputs) -> None:
    found = patch_contributions(linear, five, baseline=five.patches[0])
    assert (found.values == 0).all()
    assert found.change == 0


@pytest.mark.parametrize("name", WITH_PATHOLOGY)
def test_contributions_of_every_model_add_up_to_the_change_of_the_risk(
    name: str, model_for_sample: Callable[[str], Model], sample_inputs: Inputs
) -> None:
    model = model_for_sample(name)
    found = patch_contributions(model, sample_inputs)
    with torch.no_grad():
        mean = replace(sample_inputs, patches=torch.zeros_like(sample_inputs.patches))
        change = float(model(sample_inputs).risk) - float(model(mean).risk)
    assert found.change == pytest.approx(change, abs=1e-6)
    assert found.total == pytest.approx(change, rel=0.01)
    assert found.gap < 0.01


def test_every_model_that_reads_slides_is_among_them() -> None:
    assert {"abmil", "mlp-pathology", "late-fusion", "motcat", "transmil", "survpgc"} <= set(WITH_PATHOLOGY)


@pytest.mark.parametrize("name", ["survpgc", "abmil", "mcat", "late-fusion", "motcat"])
def test_permuted_patches_have_permuted_contributions(
    name: str, model_for_sample: Callable[[str], Model], sample_inputs: Inputs
) -> None:
    model, order = model_for_sample(name), torch.randperm(sample_inputs.patches.shape[1])
    straight = patch_contributions(model, sample_inputs)
    mixed = patch_contributions(model, replace(sample_inputs, patches=sample_inputs.patches[:, order]))
    np.testing.assert_allclose(mixed.values, straight.values[order.numpy()], atol=0.01 * np.abs(straight.values).max())


def test_one_patch_gets_the_whole_change(linear: Model) -> None:
    found = patch_contributions(linear, random_inputs(linear.config.reads, (1,)))
    assert found.values == pytest.approx([found.change], rel=1e-5)


def test_points_of_the_way_share_batches_without_a_difference(
    model_for_sample: Callable[[str], Model], sample_inputs: Inputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = model_for_sample("survpgc")
    together = patch_contributions(model, sample_inputs)
    monkeypatch.setattr("survviz.explain.ways.NUMBERS_AT_ONCE", 1)
    single = patch_contributions(model, sample_inputs)
    np.testing.assert_allclose(single.values, together.values, atol=0.005 * np.abs(together.values).max())


def test_weights_keep_no_gradient(model_for_sample: Callable[[str], Model], sample_inputs: Inputs) -> None:
    model = model_for_sample("abmil")
    patch_contributions(model, sample_inputs)
    assert all(weight.grad is None for weight in model.parameters())


def test_progress_ends_at_one_and_may_cancel(model_for_sample: Callable[[str], Model], sample_inputs: Inputs) -> None:
    seen: list[float] = []
    patch_contributions(model_for_sample("abmil"), sample_inputs, progress=seen.append)
    assert seen[-1] == 1
    assert all(0 <= share <= 1 for share in seen)

    def cancel(share: float) -> None:
        raise CancelledError("stop")

    with pytest.raises(CancelledError):
        patch_contributions(model_for_sample("abmil"), sample_inputs, progress=cancel)


def test_several_cases_are_refused(linear: Model) -> None:
    with pytest.raises(InputError, match="one case"):
        patch_contributions(linear, random_inputs(linear.config.reads, (3, 2)))
