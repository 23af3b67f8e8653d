"""Attention between two groups against torch's own module with the same weights."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from survviz.models.blocks.cross_attention import MultiheadCrossAttention
from survviz.models.blocks.families import FAMILIES, N_FAMILY_GENES

SIZES = [(3, 50), (50, 3), (4, 4)]
"""Queries and keys: few and many, many and few, as many."""


def pair(heads: int, dtype: torch.dtype) -> tuple[MultiheadCrossAttention, nn.MultiheadAttention]:
    torch.manual_seed(0)
    ours = MultiheadCrossAttention(16, heads).to(dtype)
    for name, parameter in ours.named_parameters():
        if "bias" in name:
            nn.init.normal_(parameter)
    theirs = nn.MultiheadAttention(16, heads, batch_first=True).to(dtype)
    theirs.load_state_dict(ours.state_dict())
    return ours, theirs


def case(n_queries: int, n_keys: int, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(1)
    query = torch.randn(2, n_queries, 16, generator=random, dtype=dtype)
    key = torch.randn(2, n_keys, 16, generator=random, dtype=dtype)
    return query, key, torch.arange(n_keys) < torch.tensor([n_keys, 2]).unsqueeze(1)


@pytest.mark.parametrize(("dtype", "close"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
@pytest.mark.parametrize("heads", [1, 4])
@pytest.mark.parametrize("sizes", SIZES)
def test_the_short_cut_equals_torch_with_the_same_weights(sizes, heads, dtype, close) -> None:
    ours, theirs = pair(heads, dtype)
    query, key, mask = case(*sizes, dtype)
    expected, weights = theirs(query, key, key, key_padding_mask=~mask, average_attn_weights=False)
    found, logits = ours(query, key, mask)
    torch.testing.assert_close(found, expected, atol=close, rtol=close)
    shares = logits.masked_fill(~mask[:, None, None, :], float("-inf")).softmax(dim=-1)
    torch.testing.assert_close(shares, weights, atol=close, rtol=close)


@pytest.mark.parametrize("sizes", SIZES)
def test_logits_are_scaled_products_of_projected_queries_and_keys(sizes) -> None:
    ours, _ = pair(2, torch.float64)
    query, key, mask = case(*sizes, torch.float64)
    weights, biases = ours.in_proj_weight.chunk(3), ours.in_proj_bias.chunk(3)
    projected = [x @ w.T + b for x, w, b in zip((query, key), weights, biases, strict=False)]
    for head in range(2):
        own = slice(8 * head, 8 * head + 8)
        expected = projected[0][..., own] @ projected[1][..., own].mT / 8**0.5
        torch.testing.assert_close(ours(query, key, mask)[1][:, head], expected)


@pytest.mark.parametrize("sizes", SIZES)
def test_gradients_equal_those_of_torch(sizes) -> None:
    ours, theirs = pair(4, torch.float64)
    query, key, mask = case(*sizes, torch.float64)
    ours(query, key, mask)[0].square().sum().backward()
    theirs(query, key, key, key_padding_mask=~mask)[0].square().sum().backward()
    expected = dict(theirs.named_parameters())
    for name, parameter in ours.named_parameters():
        torch.testing.assert_close(parameter.grad, expected[name].grad)


@pytest.mark.parametrize("sizes", SIZES)
def test_a_case_without_keys_sees_zeros_and_gives_finite_gradients(sizes) -> None:
    ours, _ = pair(2, torch.float32)
    query, key, mask = case(*sizes, torch.float32)
    mask = mask.clone()
    mask[1] = False
    found, _ = ours(query, key, mask)
    assert not found[1].any()
    assert found[0].any()
    found.sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in ours.parameters())


@pytest.mark.parametrize("sizes", [(3, 50), (50, 3)])
def test_dropout_of_attention_weights_keeps_the_mean(sizes) -> None:
    ours, _ = pair(2, torch.float64)
    query, key, mask = case(*sizes, torch.float64)
    expected = ours(query, key, mask)[0]
    ours.dropout = 0.5
    found = torch.stack([ours(query, key, mask)[0] for _ in range(4000)])
    assert ((found.mean(0) - expected).abs() < 6 * found.std(0) / 4000**0.5 + 1e-9).all()


def test_a_fresh_block_draws_what_torch_draws() -> None:
    torch.manual_seed(0)
    ours = MultiheadCrossAttention(16, 2).state_dict()
    torch.manual_seed(0)
    theirs = nn.MultiheadAttention(16, 2).state_dict()
    assert list(ours) == list(theirs)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_the_six_families_cover_their_columns_once() -> None:
    assert [len(columns) for columns in FAMILIES.values()] == [53, 173, 216, 252, 387, 200]
    assert [column for columns in FAMILIES.values() for column in columns] == list(range(N_FAMILY_GENES))
