"""Maps of attention over patches."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from survviz.errors import InputError, UnknownNameError
from survviz.explain.attention import attention_maps, softmax_over_patches
from survviz.explain.concentration import concentration
from survviz.types import Attention, Bag, PatchScores
from survviz.units import Mpp

NAMES = ("Age", "Stage")


def bag(slide_id: str, n: int) -> Bag:
    coords = np.stack([np.arange(n) * 256, np.zeros(n)], axis=1).astype(np.int64)
    return Bag(slide_id, np.zeros((n, 3), np.float32), coords, 256, Mpp(0.5), "he-descriptor")


def patch_scores(
    raw: list[Attention], names: tuple[str, ...], bags: tuple[Bag, ...], token: str
) -> tuple[PatchScores, ...]:
    return attention_maps(raw, names, bags, (token,))[token]


def attention(logits: torch.Tensor) -> Attention:
    return Attention(logits[None, None], query="clinical", key="pathology", softmax_over="tokens and patches")


def test_map_of_a_token_sums_to_one_over_all_slides() -> None:
    raw = [attention(torch.randn(2, 7, generator=torch.Generator().manual_seed(fold))) for fold in range(3)]
    scores = patch_scores(raw, NAMES, (bag("a", 4), bag("b", 3)), "Stage")
    assert [score.slide_id for score in scores] == ["a", "b"]
    assert sum(score.values.sum() for score in scores) == pytest.approx(1)
    expected = np.mean([softmax_over_patches(item.logits[0, 0].numpy())[1] for item in raw], axis=0)
    np.testing.assert_allclose(np.concatenate([score.values for score in scores]), expected)


def test_all_is_the_mean_of_the_tokens_own_maps() -> None:
    raw = [attention(torch.tensor([[0.0, 5.0], [5.0, 0.0]]))]
    (score,) = patch_scores(raw, NAMES, (bag("a", 2),), "all")
    np.testing.assert_allclose(score.values, [0.5, 0.5])
    np.testing.assert_allclose(score.fold_over_uniform, [1, 1])


def test_padding_behind_the_patches_has_no_influence() -> None:
    logits = torch.tensor([[1.0, 2.0], [0.0, 1.0]])
    padded = torch.cat([logits, torch.full((2, 3), 99.0)], dim=1)
    (plain,) = patch_scores([attention(logits)], NAMES, (bag("a", 2),), "Age")
    (other,) = patch_scores([attention(padded)], NAMES, (bag("a", 2),), "Age")
    np.testing.assert_array_equal(plain.values, other.values)


def test_extreme_logits_stay_finite() -> None:
    shares = softmax_over_patches(np.array([1e4, -1e4, 1e4], np.float32))
    np.testing.assert_allclose(shares, [0.5, 0, 0.5])


def test_unknown_token_is_named_with_the_available_ones() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'Stage'"):
        patch_scores([attention(torch.zeros(2, 2))], NAMES, (bag("a", 2),), "Stge")


def test_case_without_patches_has_no_map() -> None:
    with pytest.raises(InputError, match="no patches"):
        patch_scores([attention(torch.zeros(2, 0))], NAMES, (), "Age")


def test_semantics_name_query_softmax_and_folds() -> None:
    (score,) = patch_scores([attention(torch.zeros(2, 2))] * 5, NAMES, (bag("a", 2),), "Age")
    for words in ("'Age'", "Softmax over patches", "5 cross-validation models", "not what moves the risk"):
        assert words in score.semantics


def test_uniform_map_is_flat_and_has_all_patches_effective() -> None:
    readout = concentration(np.full(200, 1 / 200))
    assert readout.effective == pytest.approx(200)
    assert readout.top_1_percent == pytest.approx(0.01)
    assert readout.flat


def test_one_hot_map_has_one_effective_patch() -> None:
    readout = concentration(np.eye(1, 50, 3)[0])
    assert readout.effective == pytest.approx(1)
    assert readout.top_1_percent == 1
    assert not readout.flat


@pytest.mark.parametrize("values", [[], [0.0, 0.0], [-1.0, 2.0], [np.nan, 1.0]])
def test_a_map_that_is_none_is_refused(values: list[float]) -> None:
    with pytest.raises(InputError):
        concentration(np.array(values))


def reverse(logits: torch.Tensor) -> Attention:
    return Attention(logits, query="pathology", key="clinical", softmax_over="tokens")


def test_where_patches_ask_the_shares_of_the_tokens_sum_to_one_in_each_patch() -> None:
    raw = [reverse(torch.randn(1, 3, 7, 2, generator=torch.Generator().manual_seed(fold))) for fold in range(2)]
    maps = attention_maps(raw, NAMES, (bag("a", 4), bag("b", 3)))
    assert set(maps) == set(NAMES)
    total = sum(np.concatenate([one.values for one in maps[name]]) for name in NAMES)
    np.testing.assert_allclose(total, 1)
    shares = np.stack([torch.softmax(one.logits[0].double(), dim=-1).numpy() for one in raw], axis=1)  # (H, F, N, T)
    np.testing.assert_allclose(maps["Stage"][1].by_head, shares[:, :, 4:, 1], rtol=1e-5)
    np.testing.assert_allclose(maps["Stage"][0].values, shares[:, :, :4, 1].mean(axis=(0, 1)))


def test_where_patches_ask_uniform_is_one_among_the_tokens_and_all_has_no_map() -> None:
    (score,) = attention_maps([reverse(torch.zeros(1, 1, 3, 2))], NAMES, (bag("a", 3),))["Age"]
    assert score.uniform == 0.5
    np.testing.assert_allclose(score.fold_over_uniform, 1)
    assert "share that goes to 'Age'" in score.semantics
    with pytest.raises(UnknownNameError, match="Available: Age, Stage"):
        attention_maps([reverse(torch.zeros(1, 1, 3, 2))], NAMES, (bag("a", 3),), ("all",))


def test_heads_are_kept_and_their_mean_is_shown() -> None:
    logits = torch.tensor([[[0.0, 5.0]], [[5.0, 0.0]]])[None]  # (1, 2 heads, 1 token, 2 patches)
    two = Attention(logits, query="case", key="pathology", softmax_over="patches")
    (score,) = attention_maps([two, two], ("case",), (bag("a", 2),))["all"]
    assert score.by_head.shape == (2, 2, 2)
    assert score.by_head[0, 0, 1] > 0.99
    np.testing.assert_allclose(score.by_head.mean(axis=0), score.per_fold)
    np.testing.assert_allclose(score.values, 0.5)
    assert "mean of 2 attention heads" in score.semantics


def test_one_head_is_what_the_folds_say() -> None:
    (score,) = patch_scores([attention(torch.randn(2, 3))], NAMES, (bag("a", 3),), "Age")
    assert score.detail is None
    np.testing.assert_allclose(score.by_head, score.per_fold[None], rtol=1e-6)


def test_attention_between_other_groups_is_no_map_of_patches() -> None:
    other = Attention(torch.zeros(1, 1, 2, 2), query="case", key="modalities", softmax_over="modalities")
    with pytest.raises(InputError, match="case -> modalities"):
        attention_maps([other], NAMES, (bag("a", 2),))
