"""Nystrom attention, its positions and TransMIL against slow and obvious computations, case by case."""

from __future__ import annotations

import math
from statistics import median

import pytest
import torch
from torch import Tensor, nn

from survviz.errors import InputError
from survviz.models import create_model
from survviz.models.blocks.nystrom import ClassTower, NystromAttention, pseudo_inverse, segment_means
from survviz.models.blocks.ppeg import PyramidPositions, squares
from tests.models.small import batch, one, small_model

LENGTHS = (9, 1, 5, 24, 23, 12)
WIDTH, HEADS, LANDMARKS = 8, 2, 4


def block(landmarks: int = LANDMARKS, iterations: int = 6, seed: int = 0, std: float = 1.0) -> NystromAttention:
    """With large weights: logits of size 1 and more, far from uniform attention."""
    torch.manual_seed(seed)
    layer = NystromAttention(WIDTH, HEADS, landmarks, iterations=iterations).double().eval()
    nn.init.normal_(layer.qkv.weight, std=std)
    return layer


def padded(lengths: tuple[int, ...] = LENGTHS) -> tuple[Tensor, Tensor]:
    """Tokens and mask; what is masked is large."""
    tokens = torch.randn(len(lengths), max(lengths), WIDTH, generator=torch.Generator().manual_seed(1)).double()
    mask = torch.arange(max(lengths)) < torch.tensor(lengths).unsqueeze(1)
    return tokens.where(mask.unsqueeze(-1), 1e3), mask


def heads(values: Tensor) -> Tensor:
    return values.unflatten(-1, (HEADS, -1)).transpose(0, 1)  # (N, D) -> (H, N, D/H)


def segments(n_tokens: int, landmarks: int) -> list[list[int]]:
    """Tokens of each landmark: padded in front to a multiple of their number, cut into equal parts, padding removed."""
    length = math.ceil(n_tokens / landmarks)
    row = [None] * (length * landmarks - n_tokens) + list(range(n_tokens))
    parts = [row[start : start + length] for start in range(0, len(row), length)]
    return [[token for token in part if token is not None] for part in parts]


def exact_shares(layer: NystromAttention, tokens: Tensor) -> Tensor:
    """(H, N, N) of ordinary attention with the same weights."""
    query, key, _ = layer.qkv(tokens).chunk(3, dim=-1)
    return (heads(query) @ heads(key).mT * (WIDTH / HEADS) ** -0.5).softmax(dim=-1)


def matrix(layer: NystromAttention, tokens: Tensor) -> Tensor:
    """(H, N, N) of one case, every factor written out, over the landmarks that it has, and a true inverse."""
    means = [tokens[part].mean(dim=0) for part in segments(len(tokens), layer.landmarks) if part]
    query, key, _ = layer.qkv(tokens).chunk(3, dim=-1)
    query_marks, key_marks, _ = layer.qkv(torch.stack(means)).chunk(3, dim=-1)
    query, key, query_marks, key_marks = map(heads, (query, key, query_marks, key_marks))
    scale = (WIDTH / HEADS) ** -0.5
    left, middle, right = (
        (a @ b.mT * scale).softmax(dim=-1)
        for a, b in ((query, key_marks), (query_marks, key_marks), (query_marks, key))
    )
    return left @ torch.linalg.pinv(middle) @ right


def attended(layer: NystromAttention, tokens: Tensor, weights: Tensor) -> Tensor:
    """(N, D) of one case: weights x values, and the convolution tap by tap."""
    value = heads(layer.qkv(tokens).chunk(3, dim=-1)[2])  # (H, N, D/H)
    new = weights @ value
    taps = layer.residual.weight[:, 0, :, 0]  # (H, 33)
    for token in range(len(tokens)):
        for tap in range(33):
            if 0 <= token + tap - 16 < len(tokens):
                new[:, token] += taps[:, tap, None] * value[:, token + tap - 16]
    return layer.project(new.transpose(0, 1).flatten(1))


@pytest.mark.parametrize("landmarks", [1, 3, 4, 7, 40])
def test_segments_are_those_of_a_case_padded_in_front(landmarks: int) -> None:
    tokens, mask = padded()
    means, alive = segment_means(tokens.masked_fill(~mask.unsqueeze(-1), 0), mask, landmarks)
    for row, n_tokens in enumerate(LENGTHS):
        parts = segments(n_tokens, landmarks)
        assert alive[row].tolist() == [bool(part) for part in parts]
        for landmark, part in enumerate(parts):
            expected = tokens[row, part].mean(dim=0) if part else torch.zeros(WIDTH).double()
            torch.testing.assert_close(means[row, landmark], expected)


def test_the_pseudo_inverse_is_that_of_linear_algebra_and_does_not_know_its_batch_mates() -> None:
    random = torch.Generator().manual_seed(0)
    shares = (3 * torch.randn(5, 2, 6, 6, generator=random)).double().softmax(dim=-1)
    torch.testing.assert_close(pseudo_inverse(shares, 60), torch.linalg.pinv(shares))
    torch.testing.assert_close(pseudo_inverse(shares, 6)[:1], pseudo_inverse(shares[:1], 6), atol=0, rtol=0)


def test_landmarks_left_over_change_no_bit_of_the_inverse() -> None:
    shares = torch.randn(1, 1, 4, 4, generator=torch.Generator().manual_seed(0)).double().softmax(dim=-1)
    widened = torch.block_diag(torch.eye(3, dtype=torch.float64), shares[0, 0])
    torch.testing.assert_close(pseudo_inverse(widened[None, None], 6)[..., 3:, 3:], pseudo_inverse(shares, 6))


def test_a_padded_batch_equals_the_written_out_product_of_each_case() -> None:
    """Of landmarks that are all used, partly used and more than the tokens; with a converged inverse."""
    tokens, mask = padded()
    for landmarks in (3, 4, 7, 40):
        layer = block(landmarks, iterations=80)
        new, weights = layer(tokens, mask, weights=True)
        for row, n_tokens in enumerate(LENGTHS):
            expected = matrix(layer, tokens[row, :n_tokens])
            torch.testing.assert_close(weights[row, :, :n_tokens, :n_tokens], expected, atol=1e-6, rtol=1e-6)
            assert not weights[row, :, :, n_tokens:].any()
            alone = attended(layer, tokens[row, :n_tokens], expected)
            torch.testing.assert_close(new[row, :n_tokens], alone, atol=1e-6, rtol=1e-6)


def test_a_padded_batch_equals_single_cases_before_convergence() -> None:
    tokens, mask = padded()
    for landmarks in (3, 4, 7, 40):
        layer = block(landmarks)
        together, _ = layer(tokens, mask)
        for row, n_tokens in enumerate(LENGTHS):
            alone, _ = layer(tokens[row : row + 1, :n_tokens], mask[row : row + 1, :n_tokens])
            torch.testing.assert_close(together[row : row + 1, :n_tokens], alone)


def test_the_first_rows_alone_are_the_first_rows_of_all() -> None:
    tokens, mask = padded()
    layer = block()
    everything, matrix_rows = layer(tokens, mask, weights=True)
    for n_queries in (1, 7):
        first, rows = layer(tokens, mask, n_queries, weights=True)
        for row, n_tokens in enumerate(LENGTHS):
            upto = min(n_queries, n_tokens)
            torch.testing.assert_close(first[row, :upto], everything[row, :upto])
            torch.testing.assert_close(rows[row, :, :upto], matrix_rows[row, :, :upto])


def test_with_a_landmark_per_token_it_is_exact_attention() -> None:
    tokens, mask = padded((12,))
    for landmarks in (12, 15):
        layer = block(landmarks, iterations=80)
        _, weights = layer(tokens, mask, weights=True)
        torch.testing.assert_close(weights[0], exact_shares(layer, tokens[0]), atol=1e-6, rtol=1e-6)


def test_the_error_falls_as_landmarks_grow() -> None:
    """On tokens that change slowly, as neighbours do; median over weights, for a single draw may be lucky."""
    place = torch.linspace(0, 1, 64, dtype=torch.float64).unsqueeze(1)
    tokens, mask = torch.sin(place * torch.arange(1, WIDTH + 1) * 3)[None], torch.ones(1, 64, dtype=torch.bool)

    @torch.no_grad()
    def error(landmarks: int, seed: int) -> float:
        layer = block(landmarks, iterations=60, seed=seed, std=0.25)
        exact = exact_shares(layer, tokens[0])
        return float((layer(tokens, mask, weights=True)[1][0] - exact).norm() / exact.norm())

    errors = [median(error(landmarks, seed) for seed in range(9)) for landmarks in (4, 8, 16, 32)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 1e-3 * errors[0]


def test_squares_repeat_the_first_patches_wherever_the_mask_has_holes() -> None:
    mask = torch.tensor([[False, True, True, False, True, True, True], [False] * 7, [False] * 6 + [True], [True] * 7])
    square = squares(mask)
    assert square.side.tolist() == [3, 0, 1, 3]
    assert square.mask.sum(dim=1).tolist() == [9, 0, 1, 9]
    assert square.source[0].tolist() == [1, 2, 4, 5, 6, 1, 2, 4, 5]
    assert square.source[2, 0] == 6
    assert square.source[3].tolist() == [0, 1, 2, 3, 4, 5, 6, 0, 1]
    assert square.place[0, mask[0]].tolist() == [0, 1, 2, 3, 4]


def test_the_side_of_a_square_is_exact_for_every_number_of_patches() -> None:
    n_patches = torch.arange(1, 1025)
    square = squares(torch.arange(1024) < n_patches.unsqueeze(1))
    assert square.side.tolist() == [math.isqrt(n - 1) + 1 for n in range(1, 1025)]


def test_shares_of_repeated_patches_are_added_and_none_is_below_zero() -> None:
    square = squares(torch.tensor([[True, True, True, False], [True, True, True, True]]))
    weights = torch.tensor([[0.2, 0.3, -0.1, 0.4], [0.1, 0.2, 0.3, 0.4]])[:, None, None]  # (2, 1, 1, 4)
    shares = square.log_shares(weights).exp()[:, 0, 0]
    torch.testing.assert_close(shares[0, :3], torch.tensor([0.6, 0.3, 0.0]) / 0.9)
    torch.testing.assert_close(shares[1], torch.tensor([0.1, 0.2, 0.3, 0.4]))
    assert square.log_shares(weights).isfinite().all()


def test_positions_on_a_padded_batch_are_the_convolutions_of_each_square() -> None:
    torch.manual_seed(0)
    layer = PyramidPositions(WIDTH).double()
    sides = (5, 0, 1, 3, 4)
    tokens = torch.randn(len(sides), 25, WIDTH).double()
    found = layer(tokens, torch.tensor(sides))
    for row, side in enumerate(sides):
        square = tokens[row, : side * side].T.reshape(1, WIDTH, side, side)
        if side:
            moved = square + sum(convolution(square) for convolution in layer.convolutions)
            torch.testing.assert_close(found[row, : side * side], moved[0].flatten(1).T)


def test_a_tower_is_its_parts_in_a_row() -> None:
    """Of one case: class token, layer, positions of the others, layer, norm; the class alone is its first row."""
    torch.manual_seed(0)
    tower = ClassTower(WIDTH, HEADS, LANDMARKS).double().eval()
    tokens, _ = padded((9,))
    one_mask, side = torch.ones(1, 9, dtype=torch.bool), torch.tensor([3])
    whole = torch.ones(1, 10, dtype=torch.bool)
    values = torch.cat([tower.class_token, tokens], dim=1)
    values = values + tower.first.attend(tower.first.norm(values), whole)[0]
    assert tower.positions is not None
    values = torch.cat([values[:, :1], tower.positions(values[:, 1:], side)], dim=1)
    new, rows = tower.second.attend(tower.second.norm(values), whole, weights=True)
    expected = tower.norm(values + new)
    torch.testing.assert_close(tower(tokens, one_mask, side)[0], expected)
    alone, weights = tower(tokens, one_mask, side, only_class=True, weights=True)
    torch.testing.assert_close(alone, expected[:, :1])
    torch.testing.assert_close(weights, rows[:, :, :1, 1:])


@pytest.mark.parametrize("n_patches", [1, 2, 3, 5])
def test_transmil_takes_a_few_patches(n_patches: int) -> None:
    model = small_model("transmil")
    inputs = batch(model, (n_patches, 17, 4))
    together = model(inputs, attention=True)
    alone = model(one(inputs, 0), attention=True)
    torch.testing.assert_close(together.logits[:1], alone.logits, atol=1e-5, rtol=1e-5)
    shares = alone.attention["case", "pathology"].logits.exp()
    assert shares.shape == (1, 2, 1, n_patches)
    torch.testing.assert_close(shares.sum(dim=-1), torch.ones(1, 2, 1))


def test_transmil_ignores_where_in_the_row_its_patches_are() -> None:
    model = small_model("transmil")
    inputs = one(batch(model, (6,)), 0)
    holes = torch.tensor([[False, True, True, False, True, True, True, True]])
    spread = torch.full((1, 8, inputs.patches.shape[-1]), 1e3)
    spread[holes] = inputs.patches[0]
    scattered = type(inputs)(spread, holes, present=inputs.present)
    torch.testing.assert_close(model(scattered).logits, model(inputs).logits)


def test_heads_that_do_not_divide_the_width_are_refused_in_words() -> None:
    with pytest.raises(InputError, match="cannot be divided among 7 heads"):
        create_model("transmil", heads=7)
