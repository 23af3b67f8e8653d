"""A token against itself when it is average."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from survviz.explain.tokens import Average, TokenContribution, risk_without_tokens
from survviz.models import create_model
from survviz.models.inputs import random_inputs


def test_linear_model_has_the_closed_form() -> None:
    """A programme whose genes go to 0 takes w . x of those genes with it."""
    torch.manual_seed(0)
    model = create_model("cox", modalities=("genomic",), n_genes=6, output="log-hazard").eval()
    inputs = random_inputs(model.config.reads, (1,))
    programmes = {"a": (0, 3), "b": (1, 3, 4)}
    averages = [Average("mean", columns={"rna": (own, np.zeros(len(own), np.float32))}) for own in programmes.values()]
    weights, values = model.output_layer.weight[0].detach().numpy(), inputs.vectors["rna"][0].numpy()
    expected = np.array([float(weights[list(own)] @ values[list(own)]) for own in programmes.values()])
    np.testing.assert_allclose(risk_without_tokens(model, inputs, averages), expected, atol=1e-6)


def test_only_the_row_of_the_token_changes_and_the_case_stays_as_it_was() -> None:
    model = create_model("snn-omics", n_genes=None, d_genomic=4, genomic_tokens=("a", "b", "c"))
    inputs = random_inputs(model.config.reads, (1,))
    before = inputs.tokens["genomic"].clone()
    changed = Average("zeros", rows={"genomic": (1, np.zeros(4, np.float32))}).put_into(inputs)
    assert (changed.tokens["genomic"][0, 1] == 0).all()
    torch.testing.assert_close(changed.tokens["genomic"][0, [0, 2]], before[0, [0, 2]])
    torch.testing.assert_close(inputs.tokens["genomic"], before)


def test_spread_is_over_folds_and_unknown_for_one() -> None:
    several = TokenContribution.of("clinical", "Age", np.array([0.1, 0.3]), "mean")
    assert several.value == pytest.approx(0.2)
    assert several.sd == pytest.approx(np.std([0.1, 0.3], ddof=1))
    assert TokenContribution.of("clinical", "Age", np.array([0.1]), "mean").sd is None
