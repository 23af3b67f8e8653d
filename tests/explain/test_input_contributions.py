"""Integrated gradients over everything that a model reads: closed forms, completeness, captum, what is absent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from captum.attr import IntegratedGradients
from torch import Tensor

from survviz.errors import InputError
from survviz.explain import ways
from survviz.explain.baselines import ZERO, Reference
from survviz.explain.embeddings import embedding_contributions
from survviz.explain.gradients import InputContributions, contributions
from survviz.explain.integration import integrate
from survviz.explain.relevance import relevance
from survviz.explain.targets import bin_logit, risk
from survviz.models import Model, list_models
from survviz.types import Inputs, Output
from tests.models.small import PROGRAMMES, batch, every_model, one, small_model, without


def case_of(model: Model, seed: int = 1) -> Inputs:
    return one(batch(model, (9,), seed=seed), 0)


def away(model: Model, seed: int = 2) -> Reference:
    """A baseline that is not zero anywhere."""
    other = case_of(model, seed)
    patches = other.patches[0].mean(dim=0) if "pathology" in model.modalities else None
    return Reference(
        patches, {k: 0.5 * v[0] for k, v in other.tokens.items()}, {k: 0.5 * v[0] for k, v in other.vectors.items()}
    )


def risk_at(model: Model, inputs: Inputs, point: Reference) -> float:
    """Risk of the case with every value at the baseline."""
    patches = inputs.patches * 0 + (0 if point.patches is None else point.patches)
    moved = replace(
        inputs,
        patches=patches,
        tokens={k: (v * 0) + point.tokens.get(k, 0) for k, v in inputs.tokens.items()},
        vectors={k: (v * 0) + point.vectors.get(k, 0) for k, v in inputs.vectors.items()},
    )
    with torch.no_grad():
        return float(model(inputs).risk) - float(model(moved).risk)


def visible(model: Model, point: Reference) -> Inputs:
    """Of ten cases of noise the one that changes most: a share of a change that cancels out says nothing."""
    return max((case_of(model, seed) for seed in range(10)), key=lambda inputs: abs(risk_at(model, inputs, point)))


@pytest.mark.parametrize("title", every_model())
def test_every_model_adds_up_to_the_change_from_a_baseline(title: str) -> None:
    model = small_model(title)
    point = away(model)
    inputs = visible(model, point)
    found = contributions(model, inputs, baseline=point)
    assert found.change == pytest.approx(risk_at(model, inputs, point), abs=1e-6)
    assert found.gap < 0.01


@pytest.mark.parametrize("title", ["survpgc", "bilinear", "multisurv"])
def test_zero_is_a_baseline_too(title: str) -> None:
    model = small_model(title)
    inputs = visible(model, ZERO)
    found = contributions(model, inputs, baseline=ZERO)
    assert found.change == pytest.approx(risk_at(model, inputs, ZERO), abs=1e-6)
    assert found.gap < 0.01


def closed_form(model: Model, inputs: Inputs, point: Reference) -> InputContributions:
    """w (x - x') of each column; a patch has its share of the mean."""
    weight = model.output_layer.weight[0].detach().double().numpy()
    patches, vectors, first = np.zeros(inputs.patches.shape[1]), {}, 0
    for read in model.config.reads:
        own = weight[first : first + read.shape[-1]]
        first += read.shape[-1]
        if read.form == "patches":
            start = 0 if point.patches is None else point.patches
            patches = (inputs.patches[0] - start).double().numpy() @ own / len(patches)
        else:
            start = point.vectors.get(read.name, torch.zeros(1))
            vectors[read.name] = (inputs.vectors[read.name][0] - start).double().numpy() * own
    total = patches.sum() + sum(values.sum() for values in vectors.values())
    return InputContributions(patches, {}, vectors, total, 0)


@pytest.mark.parametrize("method", ["integrated gradients", "relevance"])
@pytest.mark.parametrize("name", ["cox", "logistic-hazard"])
def test_linear_models_have_the_closed_form(name: str, method: str) -> None:
    model = small_model(name, modalities=("pathology", "clinical", "genomic", "mirna", "cnv"))
    inputs, point = case_of(model), away(model)
    expected = closed_form(model, inputs, point)
    target = bin_logit(1) if name == "logistic-hazard" else risk
    run = contributions if method == "integrated gradients" else relevance
    found = run(model, inputs, baseline=point, target=target)
    assert found.change == pytest.approx(expected.change, abs=1e-6)
    np.testing.assert_allclose(found.patches, expected.patches, rtol=0, atol=1e-6)
    assert found.vectors.keys() == expected.vectors.keys()
    for key, values in expected.vectors.items():
        np.testing.assert_allclose(found.vectors[key], values, rtol=0, atol=1e-6)


def test_captum_agrees_on_tokens_and_genes() -> None:
    model = small_model("survpgc")
    inputs, point = case_of(model), away(model)
    found = contributions(model, inputs, baseline=point, tolerance=1e-4)

    def answer(patches: torch.Tensor, sentences: torch.Tensor, rna: torch.Tensor) -> torch.Tensor:
        moved = ways.repeated(inputs, patches)
        return model(replace(moved, tokens={"clinical": sentences}, vectors={"rna": rna})).risk

    ends = (inputs.patches, inputs.tokens["clinical"], inputs.vectors["rna"])
    assert point.patches is not None
    starts = (
        point.patches.expand_as(inputs.patches),
        point.tokens["clinical"].unsqueeze(0),
        point.vectors["rna"].unsqueeze(0),
    )
    oracle = IntegratedGradients(answer).attribute(ends, starts, n_steps=300, method="gausslegendre")
    scale = 0.005 * sum(float(one.abs().sum()) for one in oracle)
    np.testing.assert_allclose(found.patches, oracle[0][0].sum(dim=-1).numpy(), atol=scale)
    np.testing.assert_allclose(found.tokens["clinical"], oracle[1][0].sum(dim=-1).numpy(), atol=scale)
    np.testing.assert_allclose(found.vectors["rna"], oracle[2][0].numpy(), atol=scale)


@pytest.mark.parametrize("title", ["survpgc", "mcat", "motcat", "cmta", "survpath", "ca-mlif"])
def test_programmes_share_their_genes_without_counting_them_twice(title: str) -> None:
    model = small_model(title)
    way = ways.InputWay(model, case_of(model), risk, away(model))
    found = way.split(way.along([0.3, 0.8], [0.5, 0.5]))
    assert len(found["programmes"]) == len(PROGRAMMES)
    assert found["programmes"].sum() == pytest.approx(found["vectors"]["rna"].sum(), abs=1e-6)
    assert np.abs(found["programmes"]).max() > 0
    unread = [i for i in range(12) if not any(i in own for own in PROGRAMMES.values())]
    assert (found["vectors"]["rna"][unread] == 0).all()


@pytest.mark.parametrize("title", ["survpgc", "abmil", "transmil", "cheerla-gevaert", "ca-mlif", "cmta"])
def test_moving_the_first_layer_is_moving_the_patches(title: str) -> None:
    model = small_model(title)
    inputs, point = case_of(model).double(), away(model)
    fast, slow = (ways.InputWay(model.double(), inputs, risk, point) for _ in range(2))
    slow.projects = False
    np.testing.assert_allclose(fast.along([0.2, 0.9], [0.5, 0.5]), slow.along([0.2, 0.9], [0.5, 0.5]), atol=1e-12)
    np.testing.assert_allclose(fast.answers([0.2, 0.9]), slow.answers([0.2, 0.9]), atol=1e-12)


@pytest.mark.parametrize("title", ["survpgc", "late-fusion", "cox, every modality", "bilayer", "survviz-fusion"])
def test_what_is_absent_adds_nothing(title: str) -> None:
    model = small_model(title)
    gone = model.modalities[0]
    inputs = without(case_of(model), gone)
    if gone == "pathology":
        inputs = replace(inputs, patches=inputs.patches[:, :0], patch_mask=inputs.patch_mask[:, :0])
    found = contributions(model, inputs, baseline=away(model))
    group = {"pathology": [found.patches], "genomic": [found.vectors.get("rna", np.zeros(1))]}
    assert all((values == 0).all() for values in group.get(gone, [found.vectors.get(gone, np.zeros(1))]))
    assert found.gap < 0.01


@pytest.mark.parametrize(
    "title", ["survpgc", "bilayer", "bilayer, with a linear path", "bilinear", "ca-mlif", "survpc"]
)
def test_embeddings_add_up_by_name(title: str) -> None:
    model = small_model(title)
    inputs, point = case_of(model), away(model)
    found = embedding_contributions(model, inputs, baseline=point)
    assert tuple(found) == model.fused
    with torch.no_grad():
        output = model(inputs)
        again = model.from_embeddings({name: output.embeddings[name] for name in model.fused}, inputs.present)
    torch.testing.assert_close(again.logits, output.logits, rtol=0, atol=0)
    assert sum(found.values()) == pytest.approx(risk_at(model, inputs, point), rel=0.02, abs=1e-5)


def test_embeddings_in_another_order_have_the_same_answer() -> None:
    """The release of SurvPGC attributed a permuted head input; names cannot be permuted."""
    model = small_model("survpgc")
    inputs = case_of(model)
    with torch.no_grad():
        output = model(inputs)
        turned = dict(reversed(output.embeddings.items()))
        torch.testing.assert_close(model.from_embeddings(turned, inputs.present).logits, output.logits)


def test_a_change_that_nearly_cancels_is_integrated_in_float64() -> None:
    """Both ends of this target are nearly the same, and float32 cannot tell by how much the parts of the way miss."""
    model = small_model("multisurv")
    point = away(model)
    inputs = case_of(model)
    with torch.no_grad():
        end = float(model(inputs).risk)
    start = end - risk_at(model, inputs, point)

    def cancels(output: Output) -> Tensor:
        return (output.risk - start) * (output.risk - end + 1e-4)

    way = ways.InputWay(model, inputs, cancels, point)
    assert integrate(way, way.n_counted).missed > 0.01
    found = contributions(model, inputs, target=cancels, baseline=point)
    assert abs(found.change) < 1e-5
    assert found.gap < 0.01


def test_a_model_without_such_a_head_says_so() -> None:
    model = small_model("abmil")
    assert embedding_contributions(model, case_of(model), baseline=ZERO) == {}
    with pytest.raises(InputError, match="no head"):
        model.from_embeddings({}, {})


def test_a_baseline_of_another_width_is_refused() -> None:
    model = small_model("survpgc")
    with pytest.raises(InputError, match="same checkpoint"):
        contributions(model, case_of(model), baseline=Reference(torch.zeros(8)))


def test_several_or_padded_cases_are_refused() -> None:
    model = small_model("survpgc")
    with pytest.raises(InputError, match="one case"):
        contributions(model, batch(model, (3, 2)), baseline=ZERO)
    padded = batch(model, (3, 2))
    row = replace(
        padded,
        patches=padded.patches[1:],
        patch_mask=padded.patch_mask[1:],
        tokens={k: v[1:] for k, v in padded.tokens.items()},
        vectors={k: v[1:] for k, v in padded.vectors.items()},
        present={k: v[1:] for k, v in padded.present.items()},
    )
    with pytest.raises(InputError, match="padded"):
        contributions(model, row, baseline=ZERO)


@pytest.mark.slow
@pytest.mark.parametrize("name", list_models())
def test_every_model_adds_up_on_a_case_of_the_sample_cohort(
    name: str, model_for_sample: Callable[[str], Model], sample_inputs: Inputs
) -> None:
    model = model_for_sample(name)
    for point in (ZERO, Reference(None, {k: 0.3 * v[0] + 0.1 for k, v in sample_inputs.tokens.items()})):
        reads = {read.name for read in model.config.reads}
        own = Reference(None, {k: v for k, v in point.tokens.items() if k in reads})
        assert contributions(model, sample_inputs, baseline=own).gap < 0.01
