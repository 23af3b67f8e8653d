"""The two convex models, and the clinic and omics networks, against direct computation."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from survviz.errors import InputError
from survviz.models import create_model
from survviz.models.blocks.linear import LinearModel
from survviz.models.inputs import random_inputs
from survviz.types import Modality
from tests.models.small import batch, small_model, without

EVERYTHING: tuple[Modality, ...] = ("clinical", "genomic", "mirna", "cnv")
N_SMALL = {"clinical": 6, "genomic": 12, "mirna": 9, "cnv": 8}


def size(model: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def linear(name: str) -> LinearModel:
    model = small_model(name, modalities=EVERYTHING)
    assert isinstance(model, LinearModel)
    return model


@pytest.mark.parametrize("modalities", [("clinical",), ("genomic", "cnv"), EVERYTHING])
def test_cox_has_one_parameter_per_column(modalities: tuple[Modality, ...]) -> None:
    assert size(small_model("cox", modalities=modalities)) == sum(N_SMALL[name] for name in modalities)


@pytest.mark.parametrize("n_bins", [1, 4, 15])
def test_logistic_hazard_has_one_slope_and_an_intercept_per_bin(n_bins: int) -> None:
    assert size(small_model("logistic-hazard", modalities=EVERYTHING, n_bins=n_bins)) == sum(N_SMALL.values()) + n_bins


def test_precomputed_tokens_are_columns_one_after_another() -> None:
    assert size(small_model("cox", modalities=("genomic",), n_genes=None)) == 2 * 6


def test_the_log_hazard_of_cox_is_the_weighted_sum_of_all_columns() -> None:
    model = linear("cox")
    inputs = batch(model)
    columns = torch.cat([inputs.vectors[name] for name in ("cnv", "mirna", "rna", "clinical")], dim=1)
    torch.testing.assert_close(model(inputs).risk, columns @ model.output_layer.weight[0])


@pytest.mark.parametrize("name", ["cox", "logistic-hazard"])
def test_contributions_of_modalities_sum_to_the_linear_predictor(name: str) -> None:
    model = linear(name)
    output = model(batch(model))
    intercepts = 0 if model.output_layer.bias is None else model.output_layer.bias
    total = sum(output.embeddings[modality] for modality in EVERYTHING)
    torch.testing.assert_close(total + intercepts, output.logits)


@pytest.mark.parametrize("name", ["cox", "logistic-hazard"])
def test_an_absent_modality_takes_its_contribution_with_it(name: str) -> None:
    model = linear(name)
    inputs = batch(model)
    whole = model(inputs)
    for modality in EVERYTHING:
        rest = model(without(inputs, modality)).logits
        torch.testing.assert_close(whole.logits - whole.embeddings[modality], rest)


def test_the_odds_of_logistic_hazards_are_proportional() -> None:
    """Two cases differ by the same number of logits in every bin."""
    logits = linear("logistic-hazard")(batch(linear("logistic-hazard"))).logits
    difference = logits[0] - logits[1]
    torch.testing.assert_close(difference, difference[:1].expand(4))


def test_a_ridge_is_one_prior_for_all_columns() -> None:
    """ridge / 2 x w^2 beside a mean of 20 terms is a normal prior of variance 1 / (20 ridge)."""
    (sd,) = linear("cox").prior_sds(torch.zeros(9, 3), 20, (0.05,))
    torch.testing.assert_close(sd, torch.ones(3))


def test_survviz_fusion_tries_every_combination_of_its_variances() -> None:
    """A modality's variance is that of what it adds, whatever its number of columns; a constant column adds nothing."""
    variances = {"clinical": (0.3,), "mirna": (0.0, 0.1)}
    model = small_model("survviz-fusion", modalities=("clinical", "mirna"), prior_variances=variances)
    assert isinstance(model, LinearModel)
    torch.manual_seed(0)
    columns = torch.randn(5000, 15, dtype=torch.float64) * torch.arange(1, 16)  # 9 miRNAs, 6 clinical columns
    columns[:, 12] = 1.0
    clinic, both = model.prior_sds(columns, 100, ())
    assert not clinic[:9].any()
    assert clinic[12] == both[12] == 0
    added = columns[:, :9] * both[:9]
    assert float(added.square().sum(dim=1).mean()) == pytest.approx(0.1, rel=0.05)


@pytest.mark.parametrize("variances", [{"clinical": ()}, {"clinical": (0.0,)}, {"clinical": (-1.0, 1.0)}])
def test_variances_must_leave_a_modality_something_to_say(variances: dict[str, tuple[float, ...]]) -> None:
    with pytest.raises(InputError, match="prior_variances of clinical"):
        create_model("survviz-fusion", modalities=("clinical",), prior_variances=variances)


@pytest.mark.parametrize(
    ("name", "output", "other"),
    [("cox", "discrete-hazard", "logistic-hazard"), ("logistic-hazard", "log-hazard", "cox")],
)
def test_the_wrong_kind_of_output_names_the_right_model(name: str, output: str, other: str) -> None:
    with pytest.raises(InputError, match=f"'{other}'"):
        create_model(name, output=output)


def test_of_a_slide_a_linear_model_reads_the_mean_patch() -> None:
    model = create_model("cox", modalities=("pathology",), d_patch=4).eval()
    inputs = random_inputs(model.config.reads, (3, 5))
    means = torch.stack([inputs.patches[0, :3].mean(dim=0), inputs.patches[1, :5].mean(dim=0)])
    torch.testing.assert_close(model(inputs).logits, means @ model.output_layer.weight.mT)


@pytest.mark.parametrize("name", ["mlp-omics", "snn-omics"])
def test_on_tokens_the_omics_networks_are_those_of_the_clinic(name: str) -> None:
    """With the same weights and the same tokens they give the same answer."""
    shape = {"d_genomic": 6, "genomic_tokens": ("a", "b", "c"), "n_genes": None, "n_bins": 3}
    omics = create_model(name, **shape).eval()
    clinic = create_model(name.replace("omics", "clinic"), d_clinical=6, clinical_tokens=("a", "b", "c"), n_bins=3)
    clinic.eval().load_state_dict(omics.state_dict())
    inputs = random_inputs(omics.config.reads, (1, 1))
    other = random_inputs(clinic.config.reads, (1, 1))
    torch.testing.assert_close(omics(inputs).logits, clinic(other).logits)


def test_mlp_clinic_equals_one_sentence_after_another() -> None:
    model = small_model("mlp-clinic")
    inputs = batch(model)
    first, second = model.encode[0][0], model.encode[1][0]
    for row, case in enumerate(inputs.tokens["clinical"]):
        each = [second(first(sentence).relu()).relu() for sentence in case]
        torch.testing.assert_close(model(inputs).logits[row], model.output_layer(torch.cat(each)))


def test_snn_clinic_averages_its_sentences() -> None:
    model = small_model("snn-clinic")
    inputs = batch(model)
    first, second = model.encode[0][0], model.encode[1][0]
    for row, case in enumerate(inputs.tokens["clinical"]):
        each = [functional.elu(second(functional.elu(first(sentence)))) for sentence in case]
        torch.testing.assert_close(model(inputs).logits[row], model.output_layer(torch.stack(each).mean(dim=0)))


def test_a_self_normalising_network_starts_with_unit_variance() -> None:
    torch.manual_seed(0)
    model = create_model("snn-omics")
    for layer in (model.encode[0][0], model.encode[1][0]):
        assert float(layer.weight.detach().var() * layer.in_features) == pytest.approx(1, rel=0.02)
        assert not layer.bias.any()
