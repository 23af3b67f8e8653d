"""Every tensor of every loss is checked: one of the wrong shape would broadcast and train on nonsense."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from survviz.errors import InputError
from survviz.losses import (
    cosine_hinge,
    cosine_hinge_terms,
    cox_partial_likelihood,
    discrete_cross_entropy,
    discrete_nll,
    l1_alignment_terms,
    pairwise_ranking,
)

N = 4
EVENT = torch.tensor([True, False, True, True])
ORDERED = {"log_hazard": torch.zeros(N), "time": torch.arange(1.0, N + 1), "event": EVENT}
BINNED = {"logits": torch.zeros(N, 3), "bin": torch.tensor([0, 1, 2, 0]), "event": EVENT}
LOSSES = {
    cox_partial_likelihood: ORDERED,
    pairwise_ranking: ORDERED,
    discrete_nll: BINNED,
    discrete_cross_entropy: BINNED,
}
CASES = [
    pytest.param(loss, name, id=f"{loss.__name__}-{name}") for loss, given in LOSSES.items() for name in list(given)[1:]
]


@pytest.mark.parametrize(("loss", "name"), CASES)
def test_a_column_in_place_of_a_vector_is_refused_by_its_name(loss: Callable[..., Tensor], name: str) -> None:
    given = LOSSES[loss]
    loss(*given.values())
    with pytest.raises(InputError, match=rf"^{name} has shape \({N}, 1\); expected \({N},\)"):
        loss(*{**given, name: given[name].unsqueeze(-1)}.values())


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.__name__)
def test_events_as_numbers_are_refused(loss: Callable[..., Tensor]) -> None:
    with pytest.raises(InputError, match=r"^event has dtype torch.float32; expected booleans"):
        loss(*{**LOSSES[loss], "event": EVENT.float()}.values())


@pytest.mark.parametrize("terms", [cosine_hinge_terms, l1_alignment_terms], ids=lambda loss: loss.__name__)
def test_presence_as_numbers_is_refused(terms: Callable[..., Tensor]) -> None:
    with pytest.raises(InputError, match=r"^present has dtype torch.float32; expected booleans"):
        terms(torch.ones(N, 3), torch.ones(N, 3), torch.ones(N))


def test_the_margin_of_a_mean_is_that_of_its_terms() -> None:
    first, second = torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0, 1.0]])
    for margin in (0.0, 0.2, 0.5):
        assert float(cosine_hinge(first, second, margin=margin)) == pytest.approx(0.5**0.5 - margin)
