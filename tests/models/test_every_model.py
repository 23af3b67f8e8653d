"""What every registered model promises; new models are tested by existing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from survviz.errors import InputError, UnknownNameError
from survviz.models import create_model, list_models, model_class
from survviz.models.base import Model
from survviz.models.blocks import masked_softmax
from survviz.types import Inputs, Output
from tests.models.small import batch, every_model, one, small_model, subsets, without

CLOSE = {"atol": 1e-5, "rtol": 1e-5}
CANCELLED = ("score.bias",)
"""Biases that are added to every logit of one softmax, so that they change nothing and learn nothing."""


@pytest.fixture(params=every_model())
def model(request: pytest.FixtureRequest) -> Model:
    return small_model(request.param)


@pytest.fixture(params=[title for title in every_model() if "pathology" in small_model(title).modalities])
def patch_model(request: pytest.FixtureRequest) -> Model:
    return small_model(request.param)


def gradients(model: Model, inputs: Inputs) -> dict[str, torch.Tensor]:
    model.zero_grad()
    output = model(inputs)
    (output.logits.square().sum() + sum(value.square().sum() for value in output.embeddings.values())).backward()
    return {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


def same(first: Output, second: Output, row: int | None = None) -> None:
    pick = slice(None) if row is None else slice(row, row + 1)
    torch.testing.assert_close(first.logits[pick], second.logits, **CLOSE)
    torch.testing.assert_close(first.risk[pick], second.risk, **CLOSE)
    for name, value in second.embeddings.items():
        torch.testing.assert_close(first.embeddings[name][pick], value, **CLOSE)


def test_a_padded_batch_equals_single_cases(model: Model) -> None:
    inputs = batch(model)
    together = model(inputs, attention=True)
    for row in range(3):
        alone = model(one(inputs, row), attention=True)
        same(together, alone, row)
        for pair, value in (alone.attention or {}).items():
            _, _, n_query, n_key = value.logits.shape
            cut = together.attention[pair].logits[row : row + 1, :, :n_query, :n_key]
            torch.testing.assert_close(cut, value.logits, atol=1e-4, rtol=1e-4)


def test_the_order_of_cases_in_a_batch_changes_nothing(model: Model) -> None:
    inputs = batch(model, (4, 4, 4))
    turned = Inputs(
        inputs.patches.flip(0),
        inputs.patch_mask.flip(0),
        {k: v.flip(0) for k, v in inputs.tokens.items()},
        {k: v.flip(0) for k, v in inputs.vectors.items()},
        inputs.present,
    )
    torch.testing.assert_close(model(turned).logits.flip(0), model(inputs).logits, **CLOSE)


def test_padding_has_no_influence(patch_model: Model) -> None:
    inputs = batch(patch_model)
    noise = torch.randn(inputs.patches.shape) * 1e3
    dirty = replace(inputs, patches=torch.where(inputs.patch_mask.unsqueeze(-1), inputs.patches, noise))
    same(patch_model(dirty), patch_model(inputs))


def test_patch_order_changes_nothing_or_is_declared(patch_model: Model) -> None:
    inputs = batch(patch_model, (9,))
    order = torch.randperm(9, generator=torch.Generator().manual_seed(1))
    shuffled = replace(inputs, patches=inputs.patches[:, order], patch_mask=inputs.patch_mask[:, order])
    moved = not torch.allclose(patch_model(shuffled).logits, patch_model(inputs).logits, **CLOSE)
    assert moved == patch_model.order_matters


def test_every_subset_of_modalities_scores_with_finite_gradients(model: Model) -> None:
    """A missing modality leaves its embedding at zero, and no other; so does one that is missing in every case."""
    for kept in subsets(model):
        missing = tuple(name for name in model.modalities if name not in kept)
        for row in (1, None):
            inputs = without(batch(model), *missing, row=row)
            output = model(inputs)
            assert output.logits.isfinite().all(), kept
            for name, value in output.embeddings.items():
                needs = name.split("|")
                if set(needs) <= set(model.modalities):
                    assert bool((value[1] == 0).all()) == any(one in missing for one in needs), (kept, name)
            assert all(gradient.isfinite().all() for gradient in gradients(model, inputs).values()), kept


def test_values_of_a_missing_modality_are_not_read(model: Model) -> None:
    for modality in model.modalities:
        inputs, other = without(batch(model), modality), without(batch(model, seed=5), modality)
        mixed = {
            "patches": other.patches if modality == "pathology" else inputs.patches,
            "patch_mask": inputs.patch_mask,
            "tokens": {**inputs.tokens, **{k: v for k, v in other.tokens.items() if k == modality}},
            "vectors": {
                **inputs.vectors,
                **{k: v for k, v in other.vectors.items() if k == modality or (k, modality) == ("rna", "genomic")},
            },
            "present": inputs.present,
        }
        torch.testing.assert_close(model(Inputs(**mixed)).logits, model(inputs).logits)


def test_nothing_at_all_gives_a_finite_risk(model: Model) -> None:
    inputs = without(batch(model), *model.modalities)
    output = model(inputs)
    assert output.logits.isfinite().all()
    torch.testing.assert_close(output.logits[0], output.logits[2])
    assert all(gradient.isfinite().all() for gradient in gradients(model, inputs).values())


def test_one_patch_is_enough(model: Model) -> None:
    inputs = batch(model, (1,))
    assert model(inputs).logits.shape == (1, model.config.n_outputs)
    assert all(gradient.isfinite().all() for gradient in gradients(model, inputs).values())


def test_every_parameter_learns_from_a_complete_batch(model: Model) -> None:
    model.train()
    torch.manual_seed(0)
    found = gradients(model, batch(model, (9, 16, 5, 9, 9, 9, 9, 9)))
    silent = [
        name
        for name, _ in model.named_parameters()
        if (name not in found or not found[name].any()) and not name.endswith(CANCELLED)
    ]
    assert all(gradient.isfinite().all() for gradient in found.values())
    assert silent == []


def test_an_empty_batch_is_refused_in_words(model: Model) -> None:
    inputs = batch(model)
    nobody = Inputs(
        inputs.patches[:0],
        inputs.patch_mask[:0],
        {k: v[:0] for k, v in inputs.tokens.items()},
        {k: v[:0] for k, v in inputs.vectors.items()},
        {k: v[:0] for k, v in inputs.present.items()},
    )
    with pytest.raises(InputError, match="A batch of no cases"):
        model(nobody)


def test_an_empty_bag_is_a_missing_slide(patch_model: Model) -> None:
    inputs = batch(patch_model, (4,))
    empty = replace(inputs, patches=inputs.patches[:, :0], patch_mask=inputs.patch_mask[:, :0])
    torch.testing.assert_close(patch_model(empty).logits, patch_model(without(inputs, "pathology")).logits)


def test_double_precision_agrees_with_single(model: Model) -> None:
    inputs = batch(model)
    expected = model(inputs).logits
    doubled = Inputs(
        inputs.patches.double(),
        inputs.patch_mask,
        {k: v.double() for k, v in inputs.tokens.items()},
        {k: v.double() for k, v in inputs.vectors.items()},
        inputs.present,
    )
    found = model.double()(doubled).logits
    assert found.dtype == torch.float64
    torch.testing.assert_close(found.float(), expected, atol=1e-4, rtol=1e-4)


def test_auxiliary_losses_name_embeddings_that_exist(model: Model) -> None:
    embeddings = model(batch(model)).embeddings
    for auxiliary in model.auxiliary:
        assert {*auxiliary.first, *auxiliary.second} <= set(embeddings)


def test_evaluation_is_deterministic_and_draws_nothing(model: Model) -> None:
    inputs = batch(model)
    before = torch.random.get_rng_state()
    first = model(inputs)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(model(inputs).logits, first.logits)


def test_saved_and_loaded_weights_answer_bit_for_bit(model: Model, tmp_path: Path) -> None:
    save_file(model.state_dict(), tmp_path / "weights.safetensors")
    inputs = batch(model)
    settings = model.config.model_dump(mode="json")
    again = create_model(model.name, **settings).eval()
    again.load_state_dict(load_file(tmp_path / "weights.safetensors"))
    assert torch.equal(again(inputs).logits, model(inputs).logits)


def test_shapes_are_known_without_memory(model: Model) -> None:
    """As the checkpoint reader builds a model before it trusts the file."""
    with torch.device("meta"):
        skeleton = create_model(model.name, **model.config.model_dump(mode="json"))
    shapes = {name: value.shape for name, value in skeleton.state_dict().items()}
    assert shapes == {name: value.shape for name, value in model.state_dict().items()}


def test_attention_is_what_the_model_declares(model: Model) -> None:
    """Kept only when asked for; of the declared shape; one share per real key, and the shares sum to one."""
    inputs = batch(model)
    assert model(inputs).attention is None
    kept = model(inputs, attention=True).attention or {}
    assert tuple(kept) == model.directions
    for attends in model.attends:
        logits = kept[attends.direction].logits
        sizes = {"pathology": inputs.patch_mask.shape[1], **{k: len(v) for k, v in model.token_names.items()}}
        assert logits.shape == (3, attends.heads, sizes[attends.query], sizes[attends.key])
        mask = inputs.patch_mask if attends.key == "pathology" else torch.ones(3, sizes[attends.key], dtype=torch.bool)
        for row in range(3):
            queries = inputs.patch_mask[row] if attends.query == "pathology" else slice(None)
            real = logits[row][:, queries]
            shares = masked_softmax(real.flatten(0, 1), mask[row].expand(real.flatten(0, 1).shape[0], -1))
            torch.testing.assert_close(shares.sum(-1), torch.ones(len(shares)))
            assert not shares[:, ~mask[row]].any()


def test_a_wrong_width_is_said_in_words(model: Model) -> None:
    inputs = batch(model)
    for read in model.config.reads:
        if read.form == "patches":
            wrong = replace(inputs, patches=torch.zeros(3, 9, read.shape[0] + 1))
        else:
            group = dict(inputs.tokens if read.form == "tokens" else inputs.vectors)
            group[read.name] = torch.zeros(3, *read.shape[:-1], read.shape[-1] + 1)
            wrong = replace(inputs, **{"tokens" if read.form == "tokens" else "vectors": group})
        with pytest.raises(InputError, match=f"built for {read.shape[-1]} {read.what}, but the input has"):
            model(wrong)


@pytest.mark.parametrize("name", list_models())
def test_the_number_of_parameters_is_the_published_one(name: str) -> None:
    card = model_class(name).card
    with torch.device("meta"):
        found = sum(parameter.numel() for parameter in create_model(name).parameters())
    assert card.parameters is None or found == card.parameters


@pytest.mark.parametrize("name", list_models())
def test_a_card_says_where_a_model_comes_from(name: str) -> None:
    card = model_class(name).card
    assert all((card.title, card.paper, card.licence, card.when_missing, card.differences))
    assert bool(card.pathology) == ("pathology" in model_class(name).Config.model_fields["modalities"].default)
    assert all(text.endswith(".") for text in card.differences)


def test_unknown_names_and_settings_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'survpgc'"):
        create_model("survpg")
    with pytest.raises(InputError, match="width"):
        create_model("survpgc", width=3)
