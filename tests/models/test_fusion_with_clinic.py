"""Approaches a, b and c: where clinic and slide meet, and where they do not."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from survviz.errors import InputError
from survviz.models import create_model
from survviz.models.blocks import PartialCrossAttention
from survviz.types import Inputs
from tests.models.small import batch, small_model, without


def with_clinic(inputs: Inputs, clinical: torch.Tensor) -> Inputs:
    return replace(inputs, vectors={"clinical": clinical})


def test_late_fusion_has_no_interaction() -> None:
    """What the slide adds does not depend on the clinical columns."""
    model = small_model("late-fusion")
    slides, other = batch(model, (4, 4, 4)), batch(model, (4, 4, 4), seed=1)
    first, second = slides.vectors["clinical"], other.vectors["clinical"]
    added = model(with_clinic(slides, first)).logits - model(with_clinic(other, first)).logits
    again = model(with_clinic(slides, second)).logits - model(with_clinic(other, second)).logits
    torch.testing.assert_close(added, again)
    assert added.abs().max() > 1e-3


def test_mixed_fusion_has_an_interaction() -> None:
    model = small_model("mixed-fusion")
    slides, other = batch(model, (4, 4, 4)), batch(model, (4, 4, 4), seed=1)
    first, second = slides.vectors["clinical"], 5 * other.vectors["clinical"]
    added = model(with_clinic(slides, first)).logits - model(with_clinic(other, first)).logits
    again = model(with_clinic(slides, second)).logits - model(with_clinic(other, second)).logits
    assert (added - again).abs().max() > 1e-3


def test_late_fusion_is_the_mean_of_its_branches_before_it_learns_their_balance() -> None:
    model = small_model("late-fusion")
    inputs = batch(model)
    alone = model(without(inputs, "clinical")).logits + model(without(inputs, "pathology")).logits
    torch.testing.assert_close(model(inputs).logits, alone / 2)


def test_late_fusion_of_one_modality_does_not_depend_on_the_balance() -> None:
    model = small_model("late-fusion")
    inputs = without(batch(model), "clinical")
    before = model(inputs).logits
    with torch.no_grad():
        model.balance.copy_(torch.tensor([-3.0, 2.0]))
    torch.testing.assert_close(model(inputs).logits, before)


def test_mixed_fusion_of_pathology_alone_is_the_published_mlp_with_279108_parameters() -> None:
    model = create_model("mixed-fusion", modalities=("pathology",))
    assert sum(parameter.numel() for parameter in model.parameters()) == 279_108


def test_a_patch_that_looks_at_one_token_takes_its_value_whatever_the_patch() -> None:
    """Why the embedding "pathology|clinical" of intermediate fusion says nothing of the slide."""
    model = small_model("intermediate-fusion")
    slides, other = batch(model, (4, 4, 4)), batch(model, (7, 7, 7), seed=1)
    same_clinic = with_clinic(other, slides.vectors["clinical"])
    first, second = model(slides).embeddings, model(same_clinic).embeddings
    torch.testing.assert_close(first["pathology|clinical"], second["pathology|clinical"])
    assert (first["clinical"] - second["clinical"]).abs().max() > 1e-3


def test_survpc_and_intermediate_fusion_attend_in_the_same_way() -> None:
    attentions = [
        [part for part in small_model(name).modules() if isinstance(part, PartialCrossAttention)]
        for name in ("survpc", "intermediate-fusion")
    ]
    first, second = ({k: v.shape for k, v in parts[0].state_dict().items()} for parts in attentions)
    assert [len(parts) for parts in attentions] == [1, 1]
    assert first == second


def test_survpc_is_survpgc_without_genes() -> None:
    survpc = small_model("survpc")
    survpgc = small_model("survpgc", modalities=("pathology", "clinical"))
    survpgc.load_state_dict(survpc.state_dict())
    inputs = batch(survpc)
    torch.testing.assert_close(survpgc(inputs).logits, survpc(inputs).logits)


@pytest.mark.parametrize("name", ["late-fusion", "intermediate-fusion"])
def test_a_fusion_of_one_modality_is_refused_in_words(name: str) -> None:
    with pytest.raises(InputError, match="use 'cox' or 'abmil'"):
        create_model(name, modalities=("clinical",))
