"""Blocks over small sets of tokens, against oracles that take one case, one head and one token at a time."""

from __future__ import annotations

from typing import Literal

import pytest
import torch
from torch import Tensor, nn

from survviz.models.blocks import GlobalContextCrossAttention
from survviz.models.blocks.global_context import _Side
from survviz.models.blocks.token_sets import ClassTokenEncoder, RegionPooling, TwoWayCrossAttention

CLOSE = {"atol": 1e-9, "rtol": 1e-7}
SIZES = ((5, 3), (1, 4), (2, 2))
"""Tokens of either set, per case."""


def noise(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).double()


def padded() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Two token sets per case, of different sizes, with noise as padding."""
    masks = [torch.arange(max(counts)) < torch.tensor(counts).unsqueeze(1) for counts in zip(*SIZES, strict=True)]
    return noise(3, 5, 8), noise(3, 4, 8, seed=2), masks[0], masks[1]


def one_side(own: _Side, other: _Side, x: Tensor, y: Tensor, heads: int, residual_from: str) -> Tensor:
    """New tokens of one set in one case, by the equations."""
    d = x.shape[1]
    e = d // heads
    parts = {"own": own.split(x)[:, :d], "other": other.split(y)[:, :d].mean(dim=0).expand(len(x), d)}
    interaction, seen_from = own.split(x)[:, d:], other.split(y)[:, d:]
    key, value = seen_from @ other.key_value.weight[:d].T, seen_from @ other.key_value.weight[d:].T
    seen = torch.zeros_like(x)
    for head in range(heads):
        cut = slice(head * e, (head + 1) * e)
        context = torch.zeros(e, e).double()
        for token in range(len(y)):
            context += torch.outer(key[token, cut], value[token, cut])
        context = torch.exp(context / e**0.5)
        context = context / context.sum(dim=0)  # over the channels of the key
        for token in range(len(x)):
            seen[token, cut] = interaction[token, cut] @ context
    return own.norm(x + own.out(torch.cat([parts[residual_from], seen], dim=1)))


@pytest.mark.parametrize("residual_from", ["own", "other"])
@pytest.mark.parametrize("heads", [1, 2, 4])
def test_global_context_equals_the_equations_case_by_case(heads: int, residual_from: Literal["own", "other"]) -> None:
    torch.manual_seed(0)
    cross = GlobalContextCrossAttention(8, heads, residual_from).double()
    first, second, first_mask, second_mask = padded()
    found = cross(first, second, first_mask, second_mask)
    for row, (n, m) in enumerate(SIZES):
        x, y = first[row, :n], second[row, :m]
        torch.testing.assert_close(
            found[0][row, :n], one_side(cross.first, cross.second, x, y, heads, residual_from), **CLOSE
        )
        torch.testing.assert_close(
            found[1][row, :m], one_side(cross.second, cross.first, y, x, heads, residual_from), **CLOSE
        )


@pytest.mark.parametrize("residual_from", ["own", "other"])
def test_global_context_knows_no_order_of_the_other_tokens(residual_from: Literal["own", "other"]) -> None:
    torch.manual_seed(0)
    cross = GlobalContextCrossAttention(8, 2, residual_from).double()
    first, second = noise(2, 5, 8), noise(2, 7, 8, seed=2)
    masks = torch.ones(2, 5, dtype=torch.bool), torch.ones(2, 7, dtype=torch.bool)
    order = torch.randperm(7, generator=torch.Generator().manual_seed(3))
    as_given, turned = cross(first, second, *masks), cross(first, second[:, order], *masks)
    torch.testing.assert_close(turned[0], as_given[0], **CLOSE)
    torch.testing.assert_close(turned[1], as_given[1][:, order], **CLOSE)


def test_global_context_of_an_empty_set_adds_nothing_of_it() -> None:
    torch.manual_seed(0)
    cross = GlobalContextCrossAttention(8, 2).double()
    first, second, first_mask, second_mask = padded()
    gone = torch.zeros_like(second_mask)
    found, _ = cross(first, second, first_mask, gone)
    side = cross.first
    residual = side.split(first)[..., :8]
    expected = side.norm(first + side.out(torch.cat([residual, torch.zeros_like(first)], dim=-1)))
    torch.testing.assert_close(found, expected, **CLOSE)


def test_heads_must_divide_the_width() -> None:
    with pytest.raises(ValueError, match="3 heads do not divide a width of 8"):
        GlobalContextCrossAttention(8, 3)


def test_class_tokens_equal_torchs_attention_case_by_case() -> None:
    torch.manual_seed(0)
    encode = ClassTokenEncoder(8, 2, 2, last_norm=True).double().eval()
    with torch.no_grad():
        encode.case.normal_()
    tokens, _, mask, _ = padded()
    found_case, found_tokens = encode(tokens, mask)
    for row, (n, _) in enumerate(SIZES):
        values = torch.cat([encode.case[0], tokens[row, :n]])
        for norm, attend in zip(encode.norms, encode.attend, strict=True):
            oracle = nn.MultiheadAttention(8, 2, batch_first=True).double().eval()
            oracle.load_state_dict(attend.state_dict())
            normed = norm(values).unsqueeze(0)
            values = values + oracle(normed, normed, normed)[0][0]
        values = encode.last_norm(values)
        torch.testing.assert_close(found_case[row], values[0], **CLOSE)
        torch.testing.assert_close(found_tokens[row, :n], values[1:], **CLOSE)


def test_two_way_attention_of_an_empty_set_is_zero() -> None:
    torch.manual_seed(0)
    first, second, first_mask, second_mask = padded()
    gone = second_mask.clone()
    gone[1] = False
    found, _ = TwoWayCrossAttention(8).double()(first, second, first_mask, gone)
    assert not found[1].any()
    assert found[[0, 2]].any()


def test_each_region_token_is_a_weighted_mean_of_its_own() -> None:
    torch.manual_seed(0)
    pool = RegionPooling(8, 6, 3, 4).double().eval()
    patches, _, mask, _ = padded()
    found, scores = pool(patches, mask)
    assert found.shape == (3, 3, 6)
    for row, (n, _) in enumerate(SIZES):
        projected = pool.project(patches[row, :n])
        for token, attend in enumerate(pool.attend):
            own = attend(projected.unsqueeze(0))[0]
            torch.testing.assert_close(scores[row, token, :n], own, **CLOSE)
            torch.testing.assert_close(found[row, token], own.softmax(0) @ projected, **CLOSE)


def test_sizes_are_those_of_the_released_network() -> None:
    """Four class-token encoders and the two attentions of CA-MLIF at width 256: 1.06 and .53 million."""
    encode, cross = ClassTokenEncoder(256, 4, 1, last_norm=True), TwoWayCrossAttention(256)
    assert 4 * sum(parameter.numel() for parameter in encode.parameters()) == 1_057_792
    assert sum(parameter.numel() for parameter in cross.parameters()) == 526_336
