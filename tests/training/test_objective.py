"""Losses over risk sets larger than a batch, terms between embeddings, and linear models fitted to convergence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from lifelines import CoxPHFitter

from survviz.data.preprocess import Sample
from survviz.errors import InputError
from survviz.losses import cox_partial_likelihood, discrete_nll
from survviz.models import Model, create_model
from survviz.models.blocks.linear import LinearModel
from survviz.models.inputs import random_inputs
from survviz.training import TrainConfig
from survviz.training.batches import Batch, Part
from survviz.training.convex import fit_linear
from survviz.training.fitting import group_sizes
from survviz.training.objective import Labels, auxiliary_loss, loss_name, objective
from survviz.types import Inputs

N_COLUMNS = 3


def linear_part(n: int = 120, seed: int = 0) -> Part:
    """Cases with three clinical columns, of which two matter; times with ties."""
    random = np.random.default_rng(seed)
    values = random.normal(size=(n, N_COLUMNS))
    values = ((values - values.mean(axis=0)) / values.std(axis=0, ddof=1)).astype(np.float32)
    time = np.ceil(random.exponential(10 * np.exp(-values @ np.array([0.9, -0.6, 0.0]))) * 2) / 2
    event = random.random(n) < 0.7
    samples = [Sample(f"C{i}", np.zeros((0, 1), np.float32), vectors={"clinical": row}) for i, row in enumerate(values)]
    bins = torch.as_tensor(np.searchsorted(np.quantile(time, [0.25, 0.5, 0.75]), time))
    return Part(tuple(s.case_id for s in samples), samples, bins, torch.as_tensor(event), time.astype(np.float64))


def collate(samples: list[Sample]) -> Inputs:
    n = len(samples)
    return Inputs(
        patches=torch.zeros(n, 1, 1),
        patch_mask=torch.zeros(n, 1, dtype=torch.bool),
        vectors={"clinical": torch.from_numpy(np.stack([sample.vectors["clinical"] for sample in samples]))},
        present={"clinical": torch.ones(n, dtype=torch.bool)},
    )


def test_cox_is_fitted_to_the_ridge_optimum_of_lifelines() -> None:
    part = linear_part()
    model = create_model("cox", clinical_fields={"a": (0,), "b": (1,), "c": (2,)})
    assert isinstance(model, LinearModel)
    config = TrainConfig(model="cox", ridges=(1.0, 0.1), choose_by="last", inner_val=0)
    fitted = fit_linear(model, part, Part((), [], part.bin[:0], part.event[:0], part.time[:0]), collate, config,
                        seed=0, on_epoch=lambda _: None)  # fmt: skip
    rows = np.stack([sample.vectors["clinical"] for sample in part.samples])
    frame = pd.DataFrame(rows, columns=list("abc")).assign(time=part.time, event=part.event.numpy())
    # lifelines divides the likelihood by the number of cases, we by the number of events
    penalizer = 0.1 * frame["event"].sum() / len(frame)
    reference = CoxPHFitter(penalizer=penalizer).fit(frame, "time", "event")
    assert fitted.epoch == 2
    found = torch.cat([value.flatten() for value in fitted.state.values()])
    np.testing.assert_allclose(found, reference.params_, atol=1e-3)


def two_modalities(n: int = 250, seed: int = 0) -> Part:
    """Two clinical columns that matter, and sixty miRNAs that do not."""
    random = np.random.default_rng(seed)
    clinical, mirna = (random.standard_normal((n, width)).astype(np.float32) for width in (2, 60))
    time = random.exponential(10 * np.exp(-clinical @ np.array([0.8, -0.5])))
    samples = [
        Sample(f"C{i}", np.zeros((0, 1), np.float32), vectors={"clinical": clinical[i], "mirna": mirna[i]})
        for i in range(n)
    ]
    event = torch.as_tensor(random.random(n) < 0.6)
    return Part(tuple(s.case_id for s in samples), samples, torch.zeros(n, dtype=torch.long), event, time)


def collate_two(samples: list[Sample]) -> Inputs:
    n = len(samples)
    return Inputs(
        patches=torch.zeros(n, 1, 1),
        patch_mask=torch.zeros(n, 1, dtype=torch.bool),
        vectors={
            name: torch.from_numpy(np.stack([one.vectors[name] for one in samples])) for name in ("clinical", "mirna")
        },
        present={name: torch.ones(n, dtype=torch.bool) for name in ("clinical", "mirna")},
    )


def added_by(model: Model, part: Part) -> dict[str, float]:
    with torch.no_grad():
        output = model(collate_two(list(part.samples)))
    return {name: float(values.std()) for name, values in output.embeddings.items()}


def test_survviz_fusion_falls_back_to_clinic_where_the_rest_is_noise() -> None:
    """One ridge for all columns lets sixty columns of noise speak as loudly as the two that matter."""
    train, test = two_modalities(), two_modalities(seed=1)
    nobody = Part((), [], train.bin[:0], train.event[:0], train.time[:0])
    sizes: dict[str, Any] = {
        "clinical_fields": {"a": (0,), "b": (1,)},
        "n_mirna": 60,
        "modalities": ("clinical", "mirna"),
    }
    spread = {}
    for name in ("cox", "survviz-fusion"):
        model = create_model(name, **sizes)
        assert isinstance(model, LinearModel)
        fit_linear(model, train, nobody, collate_two, TrainConfig(model=name), seed=0, on_epoch=lambda _: None)
        spread[name] = added_by(model, test)
    assert spread["survviz-fusion"]["mirna"] < 0.25 * spread["survviz-fusion"]["clinical"]
    assert spread["survviz-fusion"]["mirna"] < 0.5 * spread["cox"]["mirna"]


def test_the_weights_of_a_linear_model_do_not_depend_on_the_order_of_the_cases() -> None:
    part = linear_part()
    order = np.random.default_rng(3).permutation(len(part))
    shuffled = Part(
        tuple(part.case_ids[i] for i in order), [part.samples[i] for i in order], part.bin[order], part.event[order],
        part.time[order],
    )  # fmt: skip
    nobody = Part((), [], part.bin[:0], part.event[:0], part.time[:0])
    config = TrainConfig(model="cox", ridges=(0.1,), choose_by="last", inner_val=0)
    weights = []
    for one in (part, shuffled):
        model = create_model("cox", clinical_fields={"a": (0,), "b": (1,), "c": (2,)})
        assert isinstance(model, LinearModel)
        fitted = fit_linear(model, one, nobody, collate, config, seed=0, on_epoch=lambda _: None)
        weights.append(fitted.state["output_layer.weight"])
    torch.testing.assert_close(weights[0], weights[1], atol=1e-5, rtol=0)


def test_several_batches_make_one_risk_set() -> None:
    """Two batches of four have the loss of all eight, which is not the mean of two losses."""
    torch.manual_seed(0)
    model = create_model("survpgc", output="log-hazard", d_patch=4, d_clinical=3, d_genomic=3).eval()
    inputs = [random_inputs(model.config.reads, (3, 2, 1, 4), seed=seed) for seed in (1, 2)]
    time, event = torch.arange(1.0, 9), torch.tensor([1, 0, 1, 1, 1, 0, 1, 1], dtype=torch.bool)
    batches = [
        Batch(one, torch.zeros(4, dtype=torch.long), event[i * 4 : i * 4 + 4], time[i * 4 : i * 4 + 4])
        for i, one in enumerate(inputs)
    ]
    outputs = [model(one) for one in inputs]
    found = objective(model, outputs, Labels.of(batches, torch.device("cpu")), TrainConfig(model="survpgc"))
    risk = torch.cat([output.risk for output in outputs])
    torch.testing.assert_close(found, cox_partial_likelihood(risk, time, event))
    apart = sum(cox_partial_likelihood(o.risk, b.time, b.event) for o, b in zip(outputs, batches, strict=True)) / 2
    assert not torch.allclose(found, apart)


@pytest.mark.parametrize(("n_cases", "expected"), [(10, [1]), (100, [7]), (200, [5, 4, 4]), (640, [4] * 10)])
def test_a_cox_step_takes_batches_until_there_is_a_risk_set(n_cases: int, expected: list[int]) -> None:
    config = TrainConfig(batch_size=16, risk_set=64)
    assert group_sizes(n_cases, "cox", config) == expected
    assert set(group_sizes(n_cases, "nll", config)) == {1}


def test_a_loss_that_does_not_fit_the_output_is_refused_in_words() -> None:
    discrete = create_model("survpgc")
    log_hazard = create_model("survpgc", output="log-hazard")
    assert loss_name(discrete, TrainConfig()) == "nll"
    assert loss_name(log_hazard, TrainConfig()) == "cox"
    with pytest.raises(InputError, match="output to 'log-hazard'"):
        loss_name(discrete, TrainConfig(loss="cox"))
    with pytest.raises(InputError, match="output to 'discrete-hazard'"):
        loss_name(log_hazard, TrainConfig(loss="nll"))


def test_a_term_counts_only_cases_that_have_what_it_names() -> None:
    torch.manual_seed(0)
    model = create_model("survpgc", d_patch=4, d_clinical=3, d_genomic=3).eval()
    inputs = random_inputs(model.config.reads, (3, 2, 1))
    present = {**inputs.present, "genomic": torch.tensor([True, False, True])}
    inputs = Inputs(inputs.patches, inputs.patch_mask, inputs.tokens, inputs.vectors, present)
    batch = Batch(inputs, torch.zeros(3, dtype=torch.long), torch.ones(3, dtype=torch.bool), torch.arange(1.0, 4))
    labels = Labels.of([batch], torch.device("cpu"))
    output = model(inputs)
    both = [0, 2]
    term = model.auxiliary[0]
    first, second = (torch.cat([output.embeddings[n] for n in names], -1)[both] for names in (term.first, term.second))
    expected = (torch.cosine_similarity(first, second) - 0.2).clamp(min=0).mean()
    torch.testing.assert_close(auxiliary_loss(term, output, labels), expected)
    mixed = objective(model, [output], labels, TrainConfig(beta=0.3))
    plain = discrete_nll(output.logits, labels.bin, labels.event)
    torch.testing.assert_close(mixed, 0.7 * plain + 0.3 * expected)
