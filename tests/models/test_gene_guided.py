"""What PORPOISE, MCAT, MOTCat and SurvPath state beyond the contract of every model."""

from __future__ import annotations

import pytest
import torch

from survviz.errors import InputError
from survviz.models import create_model
from survviz.models.blocks import FAMILIES
from survviz.models.survpath import stand_in_pathways
from survviz.types import Inputs
from tests.models.small import batch, small_model, without


def size(name: str, **config) -> int:
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in create_model(name, **config).parameters())


def test_mcat_without_its_families_has_3227398_parameters() -> None:
    families = sum(256 * (len(genes) + 1) + 256 * 257 for genes in FAMILIES.values())
    assert size("mcat") - families == 3_227_398


def test_motcat_is_mcat_without_the_weights_of_its_co_attention() -> None:
    assert size("mcat") - size("motcat") == 4 * 256 * 257


def test_published_number_and_sizes_of_pathways() -> None:
    pathways = stand_in_pathways()
    sizes = [len(genes) for genes in pathways.values()]
    assert (len(sizes), sum(sizes), min(sizes), max(sizes)) == (331, 9745, 1, 199)
    assert {gene for genes in pathways.values() for gene in genes} == set(range(4999))
    assert all(len(set(genes)) == len(genes) for genes in pathways.values())


@pytest.mark.parametrize("name", ["mcat", "motcat"])
def test_the_fast_path_of_torch_equals_the_arithmetic_of_training(name: str) -> None:
    model = small_model(name)
    inputs = batch(model)
    expected = model(inputs)
    with torch.inference_mode():
        found = model(inputs)
    torch.testing.assert_close(found.logits, expected.logits.detach(), atol=1e-5, rtol=1e-5)
    model = small_model(name, dropout=0.0).train()
    torch.testing.assert_close(model(inputs).logits, model.eval()(inputs).logits, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", ["mcat", "motcat"])
def test_what_families_see_is_a_mixture_of_patches(name: str) -> None:
    """With one patch, repeated, nothing but the mass of the plan can differ between the tokens."""
    model = small_model(name)
    inputs = batch(model, (5,))
    same = inputs.patches[:, :1].expand(-1, 5, -1)
    inputs = Inputs(same, inputs.patch_mask, inputs.tokens, inputs.vectors, inputs.present)
    logits = model(inputs, attention=True).attention["genomic", "pathology"].logits
    torch.testing.assert_close(logits, logits[..., :1].expand_as(logits))


def test_the_mass_of_a_motcat_plan_is_at_most_that_of_the_marginals() -> None:
    model = small_model("motcat")
    logits = model(batch(model, (9,)), attention=True).attention["genomic", "pathology"].logits
    assert 0.3 < float(logits.detach().exp().sum()) <= 1


@pytest.mark.parametrize("name", ["mcat", "motcat", "survpath"])
def test_without_genes_nothing_asks_the_slide(name: str) -> None:
    model = small_model(name)
    nothing = model(without(batch(model), "genomic", "pathology")).logits
    torch.testing.assert_close(model(without(batch(model), "genomic")).logits, nothing)
    assert not torch.allclose(model(without(batch(model), "pathology")).logits, nothing)


def test_porpoise_uses_whichever_modality_is_there() -> None:
    model = small_model("porpoise")
    nothing = model(without(batch(model), "genomic", "pathology")).logits
    for modality in ("genomic", "pathology"):
        assert not torch.allclose(model(without(batch(model), modality)).logits, nothing)


def test_porpoise_penalises_the_genomic_network_and_the_fusion() -> None:
    model = small_model("porpoise")
    penalised = {id(weight) for weight in model.penalised()}
    named = {name for name, weight in model.named_parameters() if id(weight) in penalised}
    assert named == {name for name, _ in model.named_parameters() if name.startswith(("genomic.", "fuse."))}
    assert model.l1 == 1e-5
    assert not list(small_model("porpoise", modalities=("pathology",)).penalised())


def test_porpoise_of_one_modality_is_the_same_branch_before_a_head() -> None:
    both = small_model("porpoise")
    inputs = batch(both)
    for modality in ("pathology", "genomic"):
        alone = small_model("porpoise", modalities=(modality,))
        alone.load_state_dict({k: v for k, v in both.state_dict().items() if k in alone.state_dict()})
        embedding = both(inputs).embeddings[modality]
        torch.testing.assert_close(alone(inputs).embeddings[modality], embedding)
        torch.testing.assert_close(alone(inputs).logits, both.output_layer(embedding))


@pytest.mark.parametrize(
    ("name", "config", "message"),
    [
        ("mcat", {"modalities": ("pathology",)}, "abmil"),
        ("survpath", {"modalities": ("pathology",)}, "abmil"),
        ("mcat", {"d_embed": 12, "heads": 8}, "8 heads do not divide d_embed = 12"),
        ("motcat", {"eps": 0.0}, "eps"),
    ],
)
def test_an_inconsistent_configuration_is_said_in_words(name: str, config: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        create_model(name, **config)
