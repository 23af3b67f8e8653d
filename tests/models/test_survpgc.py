"""SurvPGC against its published size, a direct computation, and its own statements."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from survviz.errors import InputError
from survviz.explain.ways import repeated
from survviz.models import create_model
from survviz.models.blocks import PartialCrossAttention, ProgrammeTokens
from survviz.models.inputs import random_inputs
from survviz.types import Inputs, Modality

PROGRAMMES = {"Hypoxia": (0, 3, 4), "Angiogenesis": (1,), "Cell cycle": (2, 3, 5, 6)}
NAMES = ("genomic", "pathology|genomic", "clinical", "pathology|clinical")


def size(model: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def inputs(n_patches: int = 5, n_clinical: int = 2) -> Inputs:
    random = torch.Generator().manual_seed(0)
    present = torch.ones(2, dtype=torch.bool)
    return Inputs(
        patches=torch.randn(2, n_patches, 6, generator=random),
        patch_mask=torch.ones(2, n_patches, dtype=torch.bool),
        tokens={"clinical": torch.randn(2, n_clinical, 4, generator=random)},
        vectors={"rna": torch.randn(2, 7, generator=random)},
        present={"pathology": present, "clinical": present, "genomic": present},
    )


def programme_model(**extra) -> torch.nn.Module:
    torch.manual_seed(0)
    config = {"d_patch": 6, "d_clinical": 4, "clinical_tokens": ("age", "stage"), "d_embed": 16, "d_attention": 8}
    return create_model("survpgc", **config, programmes=PROGRAMMES, n_genes=7, d_programme=4, **extra).eval()


def test_published_sizes_give_854852_parameters() -> None:
    assert size(create_model("survpgc")) == 854_852


def test_without_genes_it_is_survpc_with_542788_parameters() -> None:
    assert size(create_model("survpgc", modalities=("pathology", "clinical"))) == 542_788


def test_abmil_has_461061_parameters() -> None:
    assert size(create_model("abmil")) == 461_061


def test_embeddings_are_named_and_reach_the_head_in_that_order() -> None:
    model = programme_model()
    output = model(inputs())
    assert tuple(output.embeddings) == NAMES
    joined = torch.cat([output.embeddings[name] for name in NAMES], dim=-1)
    torch.testing.assert_close(model.head(joined), output.logits)


def test_genomic_tokens_are_named_by_programme() -> None:
    model = programme_model()
    assert model.token_names == {"genomic": tuple(PROGRAMMES), "clinical": ("age", "stage")}
    shape = model(inputs(), attention=True).attention["genomic", "pathology"].logits.shape
    assert shape == (2, 1, 3, 5)


def test_attention_equals_the_textbook_form() -> None:
    """The re-associated products equal softmax([Q_M K_M^T | Q_M K_P^T]) V and softmax(Q_P K_M^T) V_M."""
    torch.manual_seed(0)
    block = PartialCrossAttention(16, 8).double()
    tokens, patches = torch.randn(2, 3, 16).double(), torch.randn(2, 5, 16).double()
    joined = block.qkv(block.norm(torch.cat([tokens, patches], dim=1)))
    query, key, value = joined.chunk(3, dim=-1)
    logits = query @ key.mT * 8**-0.5
    expected_tokens = logits[:, :3].softmax(dim=-1) @ value
    expected_patches = logits[:, 3:, :3].softmax(dim=-1) @ value[:, :3]
    new_tokens, new_patches, to_patches, from_patches = block(tokens, patches, torch.ones(2, 5, dtype=torch.bool))
    torch.testing.assert_close(new_tokens, expected_tokens)
    torch.testing.assert_close(new_patches, expected_patches)
    torch.testing.assert_close(to_patches, logits[:, :3, 3:])
    torch.testing.assert_close(from_patches, logits[:, 3:, :3])


def test_programme_tokens_equal_one_network_per_programme() -> None:
    torch.manual_seed(0)
    block = ProgrammeTokens(list(PROGRAMMES.values()), hidden=4, out=6).eval()
    rna = torch.randn(2, 7)
    for row, genes in enumerate(PROGRAMMES.values()):
        first = sum(len(one) for one in list(PROGRAMMES.values())[:row])
        own = block.weight_in[first : first + len(genes)]
        hidden = functional.elu(rna[:, genes] @ own + block.bias_in[row])
        token = functional.elu(hidden @ block.weight_out[row] + block.bias_out[row])
        torch.testing.assert_close(block(rna)[:, row], token)


def test_a_gene_outside_every_programme_is_not_read() -> None:
    model = create_model("survpgc", programmes={"Hypoxia": (0, 1)}, n_genes=3, d_patch=6, d_clinical=4,
                         clinical_tokens=("age", "stage")).eval()  # fmt: skip
    case = inputs()
    rna = case.vectors["rna"][:, :3].clone()
    before = model(replace(case, vectors={"rna": rna})).logits
    rna[:, 2] += 5
    torch.testing.assert_close(model(replace(case, vectors={"rna": rna})).logits, before)


def test_gradients_are_finite_with_one_patch_and_one_token() -> None:
    torch.manual_seed(0)
    model = create_model("survpgc", d_patch=6, d_clinical=4, clinical_tokens=("age",), programmes={"Hypoxia": (0,)},
                         n_genes=7)  # fmt: skip
    model(inputs(n_patches=1, n_clinical=1)).risk.sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters())


def test_every_weight_learns_when_nothing_is_missing() -> None:
    model = programme_model()
    model(inputs()).logits.square().sum().backward()
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in model.parameters())


def test_without_patches_a_path_is_self_attention_among_its_tokens() -> None:
    """A bag that is absent gives what the same weights without any pathology part give."""
    model = programme_model()
    case = inputs()
    absent = replace(case, present={**case.present, "pathology": torch.zeros(2, dtype=torch.bool)})
    tokens_only = programme_model(modalities=("clinical", "genomic"))
    weights = {k: v for k, v in model.state_dict().items() if not k.startswith(("project_patches", "head"))}
    tokens_only.load_state_dict(weights, strict=False)
    for group in ("clinical", "genomic"):
        torch.testing.assert_close(model(absent).embeddings[group], tokens_only(case).embeddings[group])


@pytest.mark.parametrize("modalities", [("clinical",), ("genomic",), ("clinical", "genomic"), ("pathology", "genomic")])
def test_a_subset_of_modalities_ignores_the_rest(modalities: tuple[str, ...]) -> None:
    model = programme_model(modalities=modalities)
    case = inputs()
    nothing_else = Inputs(
        patches=case.patches if "pathology" in modalities else case.patches[:, :0],
        patch_mask=case.patch_mask if "pathology" in modalities else case.patch_mask[:, :0],
        tokens=case.tokens if "clinical" in modalities else {},
        vectors=case.vectors if "genomic" in modalities else {},
    )
    torch.testing.assert_close(model(nothing_else).logits, model(case).logits)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"modalities": ("pathology",)}, "abmil"),
        ({"programmes": {"Hypoxia": (0, 9)}, "n_genes": 7}, "beyond n_genes"),
        ({"programmes": {"Hypoxia": ()}, "n_genes": 7}, "at least one gene"),
        ({"clinical_tokens": ()}, "clinical_tokens is empty"),
    ],
)
def test_an_inconsistent_configuration_is_said_in_words(config: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        create_model("survpgc", **config)


@pytest.mark.parametrize("modalities", [("pathology", "clinical", "genomic"), ("pathology", "clinical")])
def test_one_bag_under_many_masks_equals_each_case_alone(modalities: tuple[Modality, ...]) -> None:
    """Computed once for all masks; the masks hide none, some, nearly all and all patches."""
    torch.manual_seed(0)
    model = create_model("survpgc", modalities=modalities).eval().double()
    case = random_inputs(model.config.reads, (60,)).double()
    masks = torch.rand(40, 60, generator=torch.Generator().manual_seed(1)) < torch.linspace(0, 1, 40)[:, None]
    masks[0], masks[-1], masks[1] = False, True, torch.arange(60) == 7
    with torch.inference_mode():
        together = model(repeated(case, case.patches.expand(40, -1, -1), masks))
        alone = [model(repeated(case, case.patches, mask[None])) for mask in masks]
    torch.testing.assert_close(together.logits, torch.cat([one.logits for one in alone]), atol=1e-12, rtol=1e-10)
    for name, values in together.embeddings.items():
        torch.testing.assert_close(values, torch.cat([one.embeddings[name] for one in alone]), atol=1e-12, rtol=1e-9)


def test_cases_that_differ_in_their_tokens_are_no_one_bag() -> None:
    torch.manual_seed(0)
    model = create_model("survpgc").eval().double()
    case = random_inputs(model.config.reads, (20,)).double()
    batch = repeated(case, case.patches.expand(2, -1, -1))
    tokens = {name: torch.cat([value[:1], value[:1] + 1]) for name, value in batch.tokens.items()}
    with torch.inference_mode():
        together = model(replace(batch, tokens=tokens)).logits
        second = model(replace(case, tokens={name: value[1:] for name, value in tokens.items()})).logits
    torch.testing.assert_close(together[1:], second)
