"""Pan-cancer systems: lookups, fusion over the modalities that are there, and attention over modalities."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from survviz.models import create_model
from survviz.models.blocks.modality_encoders import CategoryEmbeddings, CopyNumberEmbeddings, Highway
from survviz.models.blocks.modality_fusion import ModalityAttention, pool_modalities
from survviz.models.blocks.plain_attention import ColumnTokens, GroupMeans, PlainAttention
from tests.models.small import PROGRAMMES, batch, small_model, without

REDUCE = {
    "max": lambda rows: rows.max(dim=0).values,
    "sum": lambda rows: rows.sum(dim=0),
    "product": lambda rows: rows.prod(dim=0),
    "mean": lambda rows: rows.mean(dim=0),
}
PAN_CANCER = ("multisurv", "multisurv, attention", "cheerla-gevaert", "fan2023", "bilayer")


@pytest.mark.parametrize("kind", REDUCE)
@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_pooling_reads_the_modalities_that_are_there(kind: str, data: st.DataObject) -> None:
    n_cases, n_modalities = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 4))
    size = n_cases * n_modalities
    present = torch.tensor(data.draw(st.lists(st.booleans(), min_size=size, max_size=size))).view(n_cases, -1)
    vectors = torch.randn(
        n_cases, n_modalities, 3, generator=torch.Generator().manual_seed(data.draw(st.integers(0, 9)))
    )
    pooled = pool_modalities(vectors, present, kind)
    for row in range(n_cases):
        rows = vectors[row, present[row]]
        expected = REDUCE[kind](rows) if len(rows) else torch.zeros(3)
        torch.testing.assert_close(pooled[row], expected)


@pytest.mark.parametrize("kind", REDUCE)
def test_pooling_of_nothing_has_a_gradient_of_zero(kind: str) -> None:
    vectors = torch.randn(2, 3, 4, requires_grad=True)
    pool_modalities(vectors, torch.tensor([[False] * 3, [True, False, True]]), kind).sum().backward()
    assert vectors.grad.isfinite().all()
    assert not vectors.grad[0].any()
    assert not vectors.grad[1, 1].any()


@pytest.mark.parametrize("count", [1, 3])
def test_attention_has_a_softmax_per_entry_over_the_modalities_that_are_there(count: int) -> None:
    torch.manual_seed(0)
    block = ModalityAttention(4, count)
    vectors, present = torch.randn(2, 3, 4), torch.tensor([[True, False, True], [False] * 3])
    fused, logits = block(vectors, present)
    for entry in range(4):
        scores = [block.score[i if count > 1 else 0](vectors[0, i])[entry].tanh() for i in range(3)]
        torch.testing.assert_close(logits[0, entry], torch.stack(scores))
        weights = torch.stack([scores[0], scores[2]]).softmax(dim=0)
        torch.testing.assert_close(fused[0, entry], (weights * vectors[0, [0, 2], entry]).sum())
    assert not fused[1].any()


@pytest.mark.parametrize("title", PAN_CANCER)
def test_a_model_without_a_modality_equals_one_whose_cases_lack_it(title: str) -> None:
    """Nothing of an absent modality is left in the fused vector: no encoded zeros, no share of the attention."""
    model = small_model(title)
    modalities = tuple(name for name in model.modalities if name != "mirna")
    smaller = small_model(title, modalities=modalities)
    weights = model.state_dict()
    if title == "fan2023":  # one linear layer per modality, known by its place
        places = [i for i, name in enumerate(model.token_names["modalities"]) if name != "mirna"]
        kept = {f"fuse.score.{new}.weight": weights[f"fuse.score.{old}.weight"] for new, old in enumerate(places)}
        weights = {**{k: v for k, v in weights.items() if not k.startswith("fuse.score")}, **kept}
    smaller.load_state_dict({k: v for k, v in weights.items() if k in smaller.state_dict()})
    inputs = without(batch(model), "mirna")
    torch.testing.assert_close(smaller(inputs).logits, model(inputs).logits)


@pytest.mark.parametrize("title", ["cheerla-gevaert", "fan2023", "bilayer"])
def test_the_similarity_term_names_every_modality(title: str) -> None:
    model = small_model(title)
    (term,) = model.auxiliary
    assert term.kind == "similarity"
    assert set(term.first) == set(model.modalities)
    assert {model(batch(model)).embeddings[name].shape for name in term.first} == {(3, 16)}
    assert term.weight == (0.0 if title == "bilayer" else 0.3)


@pytest.mark.parametrize("title", ["multisurv, attention", "fan2023", "bilayer"])
def test_attention_over_modalities_names_its_rows(title: str) -> None:
    model = small_model(title)
    assert set(model.token_names["modalities"]) == set(model.modalities)
    logits = model(batch(model), attention=True).attention["case", "modalities"].logits
    assert logits.shape == (3, model.attends[-1].heads, 1, len(model.modalities))


def test_a_category_has_the_vector_that_a_lookup_gives() -> None:
    torch.manual_seed(0)
    block = CategoryEmbeddings({"type": (0, 3, 4), "age": (1,), "sex": (2, 5)})
    types, sexes, age = torch.tensor([2, 0, 1]), torch.tensor([1, 1, 0]), torch.tensor([0.3, -1.0, 2.0])
    columns = torch.zeros(3, 6)
    columns[torch.arange(3), torch.tensor([0, 3, 4])[types]] = 1
    columns[torch.arange(3), torch.tensor([2, 5])[sexes]] = 1
    columns[:, 1] = age
    lookup = [nn.Embedding.from_pretrained(block.embed[i].weight.T) for i in (0, 2)]
    expected = torch.cat([lookup[0](types), age.unsqueeze(1), lookup[1](sexes)], dim=1)
    torch.testing.assert_close(block(columns), expected)
    assert block.width == expected.shape[1] == 2 + 1 + 1


@pytest.mark.parametrize(("values", "numbers"), [(33, 17), (2, 1), (8, 4), (3, 2), (20, 10), (6, 3), (145, 50)])
def test_embeddings_of_categories_have_the_published_sizes(values: int, numbers: int) -> None:
    assert CategoryEmbeddings({"field": tuple(range(values))}).width == numbers


def test_copy_numbers_have_the_vectors_that_a_lookup_gives_and_those_between() -> None:
    torch.manual_seed(0)
    block = CopyNumberEmbeddings(2)
    calls = torch.tensor([[-1.0, 0.0], [1.0, -1.0], [0.0, 1.0]])
    expected = torch.stack([block.weight[gene, calls[:, gene].long() + 1] for gene in range(2)], dim=1)
    torch.testing.assert_close(block(calls), expected.flatten(1))
    torch.testing.assert_close(block(torch.tensor([[3.0, -9.0]])), block(torch.tensor([[1.0, -1.0]])))
    halfway = (block(torch.tensor([[0.0, 0.0]])) + block(torch.tensor([[1.0, -1.0]]))) / 2
    torch.testing.assert_close(block(torch.tensor([[0.5, -0.5]])), halfway)


def test_a_shut_highway_passes_everything_on() -> None:
    block = Highway(4)
    nn.init.constant_(block.gate.bias, -40.0)
    values = torch.randn(3, 4)
    torch.testing.assert_close(block(values), values)


def test_plain_attention_equals_torch() -> None:
    torch.manual_seed(0)
    block, oracle = PlainAttention(8, 2), nn.MultiheadAttention(8, 2, batch_first=True)
    with torch.no_grad():
        oracle.in_proj_weight.copy_(torch.cat([block.query.weight, block.key.weight, block.value.weight]))
        oracle.in_proj_bias.copy_(torch.cat([block.query.bias, torch.zeros(8), block.value.bias]))
        oracle.out_proj.load_state_dict(block.out.state_dict())
    query, key, mask = (
        torch.randn(2, 3, 8),
        torch.randn(2, 5, 8),
        torch.tensor([[True] * 5, [True, False] * 2 + [True]]),
    )
    seen, logits = block(query, key, mask)
    expected, weights = oracle(query, key, key, key_padding_mask=~mask, average_attn_weights=False)
    torch.testing.assert_close(seen, expected)
    shares = logits.masked_fill(~mask[:, None, None], float("-inf")).softmax(dim=-1)
    torch.testing.assert_close(shares, weights)


def test_a_token_is_its_columns_times_their_vectors_plus_its_own() -> None:
    torch.manual_seed(0)
    block = ColumnTokens([(0,), (1, 2)], 4)
    columns = torch.randn(3, 3)
    vectors, own = block.embed.weight.T[:3], block.embed.weight.T[3:]
    expected = torch.stack([columns[:, :1] @ vectors[:1] + own[0], columns[:, 1:] @ vectors[1:] + own[1]], dim=1)
    torch.testing.assert_close(block(columns), expected)


def test_the_number_of_a_programme_is_the_mean_of_its_genes() -> None:
    rna = torch.randn(3, 12)
    found = GroupMeans(list(PROGRAMMES.values()), 12)(rna)
    for row, genes in enumerate(PROGRAMMES.values()):
        torch.testing.assert_close(found[:, row], rna[:, genes].mean(dim=1))


def test_bilayer_can_be_trained_with_differential_privacy() -> None:
    """Every parameter is in a layer that tools for gradients per case know, and no case reaches another."""
    model = small_model("bilayer, learnt groups")
    known = [layer for layer in model.modules() if isinstance(layer, nn.Linear | nn.LayerNorm)]
    held = {id(parameter) for layer in known for parameter in layer.parameters(recurse=False)}
    assert {id(parameter) for parameter in model.parameters()} == held
    assert not any("Batch" in type(layer).__name__ for layer in model.modules())


def test_bilayer_names_the_tokens_of_layer_one() -> None:
    model = small_model("bilayer")
    assert model.token_names["genomic"] == tuple(PROGRAMMES)
    assert model.token_names["clinical"] == ("age", "sex", "stage")
    assert len(model.token_names["mirna"]) == 16


def test_the_recommended_private_size_of_bilayer_is_small() -> None:
    sizes = {"d_embed": 32, "d_hidden": 64, "n_genes": 1526, "n_mirna": 680, "n_cnv": 48}
    clinical = {"clinical_fields": {"type": tuple(range(32)), "age": (32,), "sex": (33, 34), "stage": (35, 36, 37, 38)}}
    model = create_model("bilayer", **sizes, **clinical)
    assert sum(parameter.numel() for parameter in model.parameters()) < 1e5
