"""The similarity hinge against its four loops, and where it must be silent."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity

from survviz.errors import InputError
from survviz.losses import similarity_hinge


def loops(embeddings: Tensor, present: Tensor, margin: float = 0.2) -> float:
    def similarity(x: int, y: int) -> float:
        pairs = [
            float(cosine_similarity(embeddings[x, i], embeddings[y, j], dim=0))
            for i, j in itertools.permutations(range(embeddings.shape[1]), 2)
            if present[x, i] and present[y, j]
        ]
        return sum(pairs) / len(pairs)

    usable = [b for b in range(len(embeddings)) if present[b].sum() > 1]
    terms = [
        max(0, margin + similarity(x, y) - similarity(x, x) / 2 - similarity(y, y) / 2) ** 2
        for x, y in itertools.combinations(usable, 2)
    ]
    return sum(terms) / len(terms) if terms else 0.0


@pytest.mark.parametrize("share_present", [1.0, 0.7, 0.4])
@pytest.mark.parametrize("n_modalities", [2, 4])
def test_it_equals_its_loops(share_present: float, n_modalities: int) -> None:
    for seed in range(5):
        random = torch.Generator().manual_seed(seed)
        embeddings = torch.randn(6, n_modalities, 3, dtype=torch.float64, generator=random)
        present = torch.rand(6, n_modalities, generator=random) < share_present
        expected = pytest.approx(loops(embeddings, present), abs=1e-12)
        assert float(similarity_hinge(embeddings, present)) == expected
        order = torch.randperm(6, generator=random)
        assert float(similarity_hinge(embeddings[order], present[order])) == expected


def test_hand_values() -> None:
    """Modalities agree within patients, patients are orthogonal: 0.2 + 0 - 1 < 0. All alike: 0.2 squared."""
    east, north = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 5.0])
    assert float(similarity_hinge(torch.stack([torch.stack([east, east]), torch.stack([north, north])]))) == 0
    assert float(similarity_hinge(east.expand(3, 2, 2))) == pytest.approx(0.04)


def test_what_is_absent_is_not_read() -> None:
    embeddings = torch.randn(4, 3, 5, generator=torch.Generator().manual_seed(0))
    present = torch.tensor([[1, 1, 1], [1, 1, 0], [0, 1, 1], [0, 0, 1]]).bool()
    spoilt = embeddings.masked_fill(~present.unsqueeze(-1), torch.nan).requires_grad_()
    loss = similarity_hinge(spoilt, present)
    loss.backward()
    torch.testing.assert_close(loss, similarity_hinge(embeddings, present))
    assert (spoilt.grad[~present] == 0).all()
    assert (spoilt.grad[3] == 0).all()


@pytest.mark.parametrize(("n_cases", "n_modalities"), [(1, 3), (0, 3), (4, 1)])
def test_without_a_pair_it_is_zero_with_a_gradient_of_zero(n_cases: int, n_modalities: int) -> None:
    embeddings = torch.ones(n_cases, n_modalities, 5, requires_grad=True)
    loss = similarity_hinge(embeddings)
    loss.backward()
    assert float(loss.detach()) == 0
    assert (embeddings.grad == 0).all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_zero_vectors_have_finite_gradients(dtype: torch.dtype) -> None:
    embeddings = torch.ones(3, 2, 4, dtype=dtype)
    embeddings[0] = 0
    embeddings.requires_grad_()
    similarity_hinge(embeddings).backward()
    assert embeddings.grad.isfinite().all()


def test_gradient_equals_finite_differences() -> None:
    random = torch.Generator().manual_seed(4)
    embeddings = torch.randn(4, 3, 3, dtype=torch.float64, generator=random).requires_grad_()
    present = torch.tensor([[1, 1, 1], [1, 1, 0], [0, 1, 1], [1, 0, 0]]).bool()
    assert torch.autograd.gradcheck(lambda e: similarity_hinge(e, present), embeddings)


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match=r"embeddings has shape \(4, 5\); expected \(B, M, E\)"):
        similarity_hinge(torch.zeros(4, 5))
    with pytest.raises(InputError, match=r"present has shape \(4,\)"):
        similarity_hinge(torch.zeros(4, 2, 5), torch.ones(4).bool())
