"""Relevance of whole models: conservation of every one, closed forms of the linear ones, levels that agree."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from survviz.errors import InputError, UnknownNameError
from survviz.explain.baselines import ZERO, Reference
from survviz.explain.relevance import layerwise, mean_slopes, relevance
from survviz.explain.relevance_trace import Settings
from survviz.explain.targets import risk
from survviz.models import Model, create_model, list_models
from survviz.types import Inputs, Output
from tests.models.small import batch, every_model, small_model, without

LINEAR = ["cox", "cox, every modality", "logistic-hazard", "survviz-fusion"]


def case(model: Model, n_patches: int = 5, seed: int = 0) -> Inputs:
    """One case, in the model's own precision."""
    inputs, dtype = batch(model, (n_patches,), seed), next(model.parameters()).dtype
    return replace(
        inputs,
        patches=inputs.patches.to(dtype),
        tokens={name: values.to(dtype) for name, values in inputs.tokens.items()},
        vectors={name: values.to(dtype) for name, values in inputs.vectors.items()},
    )


def at(baseline: Reference, inputs: Inputs) -> Inputs:
    """The case at the baseline."""
    assert baseline.patches is not None
    return replace(
        inputs,
        patches=baseline.patches.expand_as(inputs.patches),
        tokens={name: values.unsqueeze(0) for name, values in baseline.tokens.items()},
        vectors={name: values.unsqueeze(0) for name, values in baseline.vectors.items()},
    )


def reference(inputs: Inputs) -> Reference:
    """A point away from both zero and the case."""
    random = torch.Generator().manual_seed(5)

    def near(values: torch.Tensor) -> torch.Tensor:
        return 0.3 * torch.randn(values.shape[1:], generator=random, dtype=values.dtype)

    return Reference(
        near(inputs.patches[:, 0]),
        {name: near(values) for name, values in inputs.tokens.items()},
        {name: near(values) for name, values in inputs.vectors.items()},
    )


@pytest.mark.parametrize("title", every_model())
def test_relevance_and_rest_add_up_to_the_change_of_the_risk_in_every_model(title: str) -> None:
    """`rest` comes from the constants, so the sum is a test of every rule that the model meets."""
    model = small_model(title).double()
    inputs = case(model)
    baseline = reference(inputs)
    found = relevance(model, inputs, baseline=baseline)
    with torch.no_grad():
        change = float(model(inputs).risk) - float(model(at(baseline, inputs)).risk)
    assert found.change == pytest.approx(change, abs=1e-12)  # the rules change no number
    assert found.total == pytest.approx(change, abs=1e-9)


@pytest.mark.parametrize("title", list_models())
def test_single_precision_conserves_to_a_ten_thousandth(title: str) -> None:
    model = small_model(title)
    found = relevance(model, case(model))
    sizes = sum(np.abs(values).sum() for values in (found.patches, *found.tokens.values(), *found.vectors.values()))
    assert abs(found.total - found.change) < 1e-4 * (sizes + abs(found.rest)) + 1e-6


@pytest.mark.parametrize("title", LINEAR)
def test_linear_models_have_the_closed_form_and_no_rest(title: str) -> None:
    model = small_model(title)
    inputs = case(model)
    baseline = reference(inputs)
    found = relevance(model, inputs, baseline=baseline, target=lambda output: output.logits[:, 0])
    start = at(baseline, inputs)
    weights, n_seen = model.output_layer.weight.detach().double()[0], 0
    for read in model.config.reads:
        slope = weights[n_seen : n_seen + read.shape[-1]]
        n_seen += read.shape[-1]
        if read.form == "patches":
            expected = (inputs.patches - start.patches)[0].double() @ slope / 5
        else:
            expected = (inputs.vectors[read.name] - start.vectors[read.name])[0].double() * slope
        own = found.patches if read.form == "patches" else found.vectors[read.name]
        np.testing.assert_allclose(own, expected, rtol=0, atol=1e-6)
    assert found.rest == pytest.approx(0, abs=1e-6)


def test_a_pool_of_patches_has_the_relevance_worked_out_by_hand() -> None:
    """relu(x), mean, relu(2 h1 - h2 + 1), times 3: patches (2, 1), (0, -1), so h = (1, 0.5), z = 2.5, f = 7.5."""
    model = create_model("mlp-pathology", d_patch=2, d_embed=2, d_head=1, output="log-hazard").double().eval()
    given = {"project.0.weight": [[1, 0], [0, 1]], "head.0.weight": [[2, -1]], "head.0.bias": [1]}
    given = {**given, "head.2.weight": [[3]]}
    for name, weight in model.named_parameters():
        weight.data = torch.tensor(given.get(name, [0] * len(weight)), dtype=torch.float64)
    inputs = replace(case(model, 2), patches=torch.tensor([[[2.0, 1], [0, -1]]], dtype=torch.float64))
    found = relevance(model, inputs)
    assert found.patches == pytest.approx([4.5, 0])  # 3 (2 x 1 - 0.5) and nothing
    assert found.change == 4.5  # 7.5 less the 3 of an empty slide
    assert found.rest == pytest.approx(0, abs=1e-12)


def test_slopes_of_a_bending_target_add_up_to_its_change() -> None:
    ends = [Output(torch.tensor([row], dtype=torch.float64), "discrete-hazard", {}) for row in ([-6, 0, 4], [3, -5, 1])]
    slopes = mean_slopes(risk, *ends)
    change = float(ends[1].risk - ends[0].risk)
    assert float(slopes @ (ends[1].logits - ends[0].logits)[0]) == pytest.approx(change, rel=1e-10)
    same = mean_slopes(risk, ends[0], ends[0])
    logits = ends[0].logits.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(risk(replace(ends[0], logits=logits)).sum(), logits)
    np.testing.assert_allclose(same, gradient[0], atol=1e-14)


@pytest.mark.parametrize("title", ["survpgc", "bilayer", "bilinear", "porpoise", "late-fusion"])
def test_a_modality_that_is_absent_gets_nothing(title: str) -> None:
    model = small_model(title).double()
    for gone in model.modalities:
        found = relevance(model, without(case(model), gone))
        values = {"pathology": found.patches, **found.tokens, **found.vectors}
        names = {read.name or "pathology" for read in model.config.reads if read.modality == gone}
        assert all((values[name] == 0).all() for name in names)
        assert found.total == pytest.approx(found.change, abs=1e-9)


def test_a_case_with_nothing_has_no_relevance() -> None:
    model = small_model("survpgc")
    found = relevance(model, without(case(model), *model.modalities))
    assert found.change == 0
    assert found.total == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("title", ["survpgc", "abmil", "mcat"])
def test_permuted_patches_have_permuted_relevance(title: str) -> None:
    model, order = small_model(title).double(), torch.tensor([3, 0, 4, 1, 2])
    inputs = case(model)
    mixed = relevance(model, replace(inputs, patches=inputs.patches[:, order]))
    np.testing.assert_allclose(mixed.patches, relevance(model, inputs).patches[order.numpy()], atol=1e-12)


def test_genes_act_through_their_programmes() -> None:
    model = small_model("survpgc").double()
    found = relevance(model, case(model))
    assert len(found.programmes) == 3
    assert found.programmes.sum() == pytest.approx(found.vectors["rna"].sum(), abs=1e-12)
    assert found.vectors["rna"][7:].tolist() == [0] * 5  # genes of no programme


@pytest.mark.parametrize("rules", [Settings("epsilon"), Settings("alpha-beta")])
def test_other_rules_of_linear_layers_conserve_and_differ(rules: Settings) -> None:
    model = small_model("mlp-pathology").double()
    found = relevance(model, case(model), settings=rules)
    assert found.total == pytest.approx(found.change, abs=1e-9)
    assert np.abs(found.patches - relevance(model, case(model)).patches).max() > 1e-6


@pytest.mark.parametrize(("title", "last"), [("bilayer", ["fused"]), ("late-fusion", ["pathology", "clinical"])])
def test_the_last_embeddings_add_up_to_the_change_without_a_rest(title: str, last: list[str]) -> None:
    """Behind them is one linear layer (late fusion's shares, which are softmaxes, are the same at the baseline)."""
    model = small_model(title).double()
    found = layerwise(model, case(model), baseline=reference(case(model)))
    assert sum(found.embeddings[name].sum() for name in last) == pytest.approx(found.inputs.change, abs=1e-10)


def test_layers_of_the_bilayer_network_each_hold_the_relevance_of_what_feeds_them() -> None:
    """Between a modality's tokens and the case's clinical columns is one linear layer, so both hold the same."""
    model = small_model("bilayer").double()
    names = [f"make_tokens.{name}" for name in model.modalities]
    found = layerwise(model, case(model), [*names, "look_within.clinical", "look_across"])
    assert found.layers["make_tokens.clinical"].shape == (3, 16)
    by_field = np.array([found.inputs.vectors["clinical"][list(own)].sum() for own in ([0], [1, 2], [3, 4, 5])])
    np.testing.assert_allclose(found.layers["make_tokens.clinical"].sum(axis=1), by_field, atol=1e-12)
    programmes = found.layers["make_tokens.genomic"].sum()
    assert programmes == pytest.approx(found.inputs.vectors["rna"].sum(), abs=1e-12)
    np.testing.assert_allclose(found.layers["look_across"][0], found.embeddings["fused"], atol=1e-12)
    assert not any(module._forward_hooks for module in model.modules())


def test_an_unknown_layer_is_named() -> None:
    model = small_model("bilayer")
    with pytest.raises(UnknownNameError, match="look_within"):
        layerwise(model, case(model), ["look_withn"])


def test_several_cases_are_refused_and_weights_keep_no_gradient() -> None:
    model = small_model("abmil")
    with pytest.raises(InputError, match="one case"):
        relevance(model, batch(model, (3, 2)), baseline=ZERO)
    relevance(model, case(model))
    assert all(weight.grad is None and weight.requires_grad for weight in model.parameters())
