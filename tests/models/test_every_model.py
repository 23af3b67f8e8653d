"""What every registered model promises; new models are tested by existing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from survviz.errors import InputError, UnknownNameError
from survviz.models import create_model, list_models, model_config
from survviz.models.base import Model
from survviz.types import Inputs, Modality

SMALL: dict[str, Any] = {
    "d_patch": 7,
    "d_clinical": 5,
    "d_genomic": 6,
    "clinical_tokens": ("age", "sex", "stage"),
    "genomic_tokens": ("source", "target"),
    "d_embed": 16,
    "d_attention": 8,
}


def small_model(name: str, seed: int = 0, **extra: Any) -> Model:
    torch.manual_seed(seed)
    fields = model_config(name).model_fields
    config = {key: value for key, value in (SMALL | extra).items() if key in fields}
    return create_model(name, **config).eval()


def batch(patches: tuple[int, ...] = (4, 1, 9), seed: int = 0, n_genes: int = 12) -> Inputs:
    random = torch.Generator().manual_seed(seed)
    n_cases, longest = len(patches), max(patches)
    mask = torch.arange(longest) < torch.tensor(patches).unsqueeze(1)
    everybody = torch.ones(n_cases, dtype=torch.bool)
    return Inputs(
        patches=torch.randn(n_cases, longest, 7, generator=random) * mask.unsqueeze(-1),
        patch_mask=mask,
        tokens={
            "clinical": torch.randn(n_cases, 3, 5, generator=random),
            "genomic": torch.randn(n_cases, 2, 6, generator=random),
        },
        vectors={"rna": torch.randn(n_cases, n_genes, generator=random)},
        present={"pathology": mask.any(1), "clinical": everybody, "genomic": everybody},
    )


def one(inputs: Inputs, row: int) -> Inputs:
    n = int(inputs.patch_mask[row].sum())
    pick = slice(row, row + 1)
    return Inputs(
        patches=inputs.patches[pick, :n],
        patch_mask=inputs.patch_mask[pick, :n],
        tokens={k: v[pick] for k, v in inputs.tokens.items()},
        vectors={k: v[pick] for k, v in inputs.vectors.items()},
        present={k: v[pick] for k, v in inputs.present.items()},
    )


def without(inputs: Inputs, *modalities: Modality, row: int | None = None) -> Inputs:
    present = {k: v.clone() for k, v in inputs.present.items()}
    for modality in modalities:
        present[modality][slice(None) if row is None else row] = False
    return replace(inputs, present=present)


def gradients(model: Model, inputs: Inputs) -> list[torch.Tensor]:
    output = model(inputs)
    (output.logits.square().sum() + output.risk.sum()).backward()
    return [p.grad for p in model.parameters() if p.grad is not None]


@pytest.fixture(params=list_models())
def model(request: pytest.FixtureRequest) -> Model:
    return small_model(request.param)


def test_padded_batch_equals_single_cases(model: Model) -> None:
    inputs = batch()
    together = model(inputs, attention=True)
    for row in range(3):
        alone = model(one(inputs, row), attention=True)
        torch.testing.assert_close(together.logits[row : row + 1], alone.logits, atol=1e-5, rtol=1e-5)
        for name, value in alone.embeddings.items():
            torch.testing.assert_close(together.embeddings[name][row : row + 1], value, atol=1e-5, rtol=1e-5)
        for pair, value in alone.attention.items():
            _, _, n_query, n_key = value.logits.shape
            cut = together.attention[pair].logits[row : row + 1, :, :n_query, :n_key]
            torch.testing.assert_close(cut, value.logits, atol=1e-5, rtol=1e-5)


def test_padding_has_no_influence(model: Model) -> None:
    inputs = batch()
    noise = torch.randn(inputs.patches.shape) * 1e3
    dirty = replace(inputs, patches=torch.where(inputs.patch_mask.unsqueeze(-1), inputs.patches, noise))
    torch.testing.assert_close(model(dirty).logits, model(inputs).logits, atol=1e-5, rtol=1e-5)


def test_patch_order_changes_nothing(model: Model) -> None:
    inputs = batch((9,))
    order = torch.randperm(9, generator=torch.Generator().manual_seed(1))
    shuffled = replace(inputs, patches=inputs.patches[:, order], patch_mask=inputs.patch_mask[:, order])
    torch.testing.assert_close(model(shuffled).logits, model(inputs).logits, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("missing", ["pathology", "clinical", "genomic"])
def test_missing_modality_gives_zero_embeddings_and_finite_gradients(model: Model, missing: Modality) -> None:
    inputs = without(batch(), missing, row=1)
    output = model(inputs)
    assert output.logits.isfinite().all()
    for name, value in output.embeddings.items():
        assert bool((value[1] == 0).all()) == (missing in name.split("|"))
    assert all(gradient.isfinite().all() for gradient in gradients(model, inputs))


def test_values_of_a_missing_modality_are_not_read(model: Model) -> None:
    inputs = without(batch(), "pathology", "genomic", row=0)
    other = batch(seed=5)
    patches, tokens = inputs.patches.clone(), inputs.tokens["genomic"].clone()
    patches[0], tokens[0] = other.patches[0], other.tokens["genomic"][0]
    changed = replace(inputs, patches=patches, tokens={**inputs.tokens, "genomic": tokens})
    torch.testing.assert_close(model(changed).logits, model(inputs).logits)


def test_gradients_are_finite_without_any_modality(model: Model) -> None:
    inputs = without(batch(), "pathology", "clinical", "genomic")
    assert model(inputs).logits.isfinite().all()
    assert all(gradient.isfinite().all() for gradient in gradients(model, inputs))


def test_gradients_are_finite_with_one_patch(model: Model) -> None:
    assert all(gradient.isfinite().all() for gradient in gradients(model, batch((1,))))


def test_an_empty_bag_is_a_missing_slide(model: Model) -> None:
    inputs = batch((4,))
    empty = replace(inputs, patches=inputs.patches[:, :0], patch_mask=inputs.patch_mask[:, :0])
    torch.testing.assert_close(model(empty).logits, model(without(inputs, "pathology")).logits)


def test_attention_is_kept_only_when_asked_for(model: Model) -> None:
    assert model(batch()).attention is None
    kept = model(batch(), attention=True).attention
    assert set(kept) == set(model.directions)
    for (query, key), value in kept.items():
        assert (value.query, value.key) == (query, key)
        for group, size in ((query, value.logits.shape[2]), (key, value.logits.shape[3])):
            assert size == (9 if group == "pathology" else len(model.token_names[group]))


def test_a_wrong_feature_width_is_said_in_words(model: Model) -> None:
    inputs = replace(batch(), patches=torch.zeros(3, 9, 8))
    with pytest.raises(InputError, match="built for 7 features per patch, but the input has 8"):
        model(inputs)


def test_unknown_names_and_settings_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'survpgc'"):
        create_model("survpg")
    with pytest.raises(InputError, match="width"):
        create_model("survpgc", width=3)
