"""Cox's partial likelihood against R, lifelines, closed forms and the definition read event by event."""

from __future__ import annotations

import gzip
import itertools
import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from lifelines import CoxPHFitter
from lifelines.datasets import load_lung
from lifelines.fitters.coxph_fitter import SemiParametricPHFitter
from torch import Tensor

from survviz.errors import InputError
from survviz.losses import cox_partial_likelihood

TIES = ["efron", "breslow"]
CASE = st.tuples(st.floats(-5, 5), st.integers(0, 4), st.booleans())
CASES = st.lists(CASE, min_size=1, max_size=12)


def tensors(cases: list[tuple[float, int, bool]]) -> tuple[Tensor, Tensor, Tensor]:
    log_hazard, time, event = zip(*cases, strict=True)
    return torch.tensor(log_hazard, dtype=torch.float64), torch.tensor(time).double(), torch.tensor(event)


def total(log_hazard: Tensor, time: Tensor, event: Tensor, ties: str) -> float:
    """The log partial likelihood itself."""
    loss = cox_partial_likelihood(log_hazard, time, event, ties=ties)
    return -float(loss.detach()) * max(int(event.sum()), 1)


def event_by_event(log_hazard: list[float], time: list[float], event: list[bool], ties: str) -> float:
    """log L = sum over times of [sum of the events' log hazards - sum_k log(at risk - k/d * tied events)]."""
    likelihood = 0.0
    for moment in {t for t, e in zip(time, event, strict=True) if e}:
        at_risk = sum(math.exp(r) for r, t in zip(log_hazard, time, strict=True) if t >= moment)
        tied = [r for r, t, e in zip(log_hazard, time, event, strict=True) if t == moment and e]
        gone = sum(math.exp(r) for r in tied) if ties == "efron" else 0.0
        for k, r in enumerate(tied):
            likelihood += r - math.log(at_risk - k / len(tied) * gone)
    return likelihood


@pytest.mark.parametrize("ties", TIES)
@settings(deadline=None)
@given(CASES)
def test_it_equals_the_definition_read_event_by_event(ties: str, cases: list) -> None:
    log_hazard, time, event = tensors(cases)
    expected = event_by_event(log_hazard.tolist(), time.tolist(), event.tolist(), ties)
    assert total(log_hazard, time, event, ties) == pytest.approx(expected, abs=1e-9)


def test_it_equals_the_closed_forms_of_a_case_with_ties() -> None:
    """Data set 1 of the validation vignette of R's survival (Therneau), with r = exp(beta), summed by hand.

    Breslow: 2 beta - log(3r + 3) - 2 log(r + 3); Efron: 2 beta - log(3r + 3) - log((r + 5)/2) - log(r + 3).
    """
    time = torch.tensor([1.0, 1, 2, 2, 3, 4], dtype=torch.float64)
    event = torch.tensor([1, 0, 1, 1, 0, 1]).bool()
    x = torch.tensor([1.0, 1, 1, 0, 0, 0], dtype=torch.float64)
    for beta in (0.0, 1.0, -2.0, 7.0):
        r = math.exp(beta)
        breslow = 2 * beta - math.log(3 * r + 3) - 2 * math.log(r + 3)
        efron = 2 * beta - math.log(3 * r + 3) - math.log((r + 5) / 2) - math.log(r + 3)
        assert total(beta * x, time, event, "breslow") == pytest.approx(breslow, abs=1e-12)
        assert total(beta * x, time, event, "efron") == pytest.approx(efron, abs=1e-12)


@pytest.mark.parametrize(
    ("columns", "ties", "likelihood"),
    [
        (["age"], "efron", -747.7894),
        (["age"], "breslow", -748.0077),
        (["age", "sex"], "efron", -742.8482),
        (["age", "sex"], "breslow", -743.0797),
    ],
)
def test_its_maximum_on_the_lung_data_equals_r(columns: list[str], ties: str, likelihood: float) -> None:
    """R's coxph on survival::lung (228 cases, 165 deaths, ties), figures from torchsurv's R scripts, four digits."""
    lung = load_lung()
    x = torch.tensor(((lung[columns] - lung[columns].mean()) / lung[columns].std()).to_numpy())
    time, event = torch.tensor(lung["time"].to_numpy()), torch.tensor(lung["status"].to_numpy() == 1)
    beta = torch.zeros(len(columns), dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([beta], tolerance_grad=1e-10, line_search_fn="strong_wolfe")

    def step() -> float:
        optimizer.zero_grad()
        loss = cox_partial_likelihood(x @ beta, time, event, ties=ties)
        loss.backward()
        return float(loss.detach())

    optimizer.step(step)
    assert total(x @ beta, time, event, ties) == pytest.approx(likelihood, abs=6e-5)


@pytest.mark.real
@pytest.mark.parametrize("ties", TIES)
def test_it_equals_r_on_every_stored_data_set(ties: str, shared_data: Path) -> None:
    """The log hazards are stored with four digits, hence the tolerance. (The "extended" sets vary with time.)"""
    checked = 0
    for name, suffix in (("with", f"_{ties}"), ("without", "")):
        stored = shared_data / "reference_values" / f"r_cox_{name}_ties.json.gz"
        for entry in json.loads(gzip.decompress(stored.read_bytes())):
            log_hazard = torch.tensor(entry[f"log_hazard{suffix}"][0], dtype=torch.float64)
            event = torch.tensor(entry["status"]).bool()
            ours = total(log_hazard, torch.tensor(entry["time"]), event, ties)
            assert ours == pytest.approx(entry[f"log_likelihood{suffix}"][0], abs=5e-3)
            checked += 1
    assert checked == 12


def cohort(seed: int, n_times: int) -> tuple[pd.DataFrame, Tensor, Tensor, Tensor]:
    random = np.random.default_rng(seed)
    x = random.normal(size=(60, 2))
    time = np.ceil(random.exponential(np.exp(-x[:, 0])) * n_times)
    event = random.random(60) < 0.7
    frame = pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "time": time, "event": event})
    return frame, torch.tensor(x), torch.tensor(time), torch.tensor(event)


@pytest.mark.parametrize("n_times", [4, 10**9])
def test_efron_equals_lifelines_at_its_fit_and_elsewhere(n_times: int) -> None:
    frame, x, time, event = cohort(0, n_times)
    fitted = CoxPHFitter().fit(frame, "time", "event")
    beta = torch.tensor(fitted.params_.to_numpy())
    assert total(x @ beta, time, event, "efron") == pytest.approx(fitted.log_likelihood_, rel=1e-9)
    ordered = frame.sort_values("time", kind="stable")
    for beta in ([0.0, 0.0], [-3.0, 2.0], [0.1, 4.0]):
        theirs = SemiParametricPHFitter()._get_efron_values_single(
            ordered[["a", "b"]], ordered["time"], ordered["event"], pd.Series(np.ones(60)), None, np.array(beta)
        )[2]
        ours = total(x @ torch.tensor(beta, dtype=torch.float64), time, event, "efron")
        assert ours == pytest.approx(theirs, rel=1e-9)


def test_without_tied_events_both_ways_are_one() -> None:
    _, x, time, event = cohort(1, 10**9)
    assert total(x[:, 0], time, event, "efron") == pytest.approx(total(x[:, 0], time, event, "breslow"), rel=1e-12)


@pytest.mark.parametrize("ties", TIES)
@settings(deadline=None, max_examples=25)
@given(st.lists(CASE, min_size=2, max_size=6), st.floats(-50, 50))
def test_neither_order_nor_a_constant_nor_the_unit_of_time_has_influence(ties: str, cases: list, shift: float) -> None:
    log_hazard, time, event = tensors(cases)
    expected = pytest.approx(total(log_hazard, time, event, ties), abs=1e-9)
    assert total(log_hazard + shift, 30.4 * time, event, ties) == expected
    for order in itertools.islice(itertools.permutations(range(len(cases))), 0, 720, 73):
        pick = list(order)
        assert total(log_hazard[pick], time[pick], event[pick], ties) == expected


@pytest.mark.parametrize("ties", TIES)
@pytest.mark.parametrize(("time", "event"), [([3, 1, 2], [0, 0, 0]), ([2, 2, 2], [0, 0, 0]), ([4], [0]), ([4], [1])])
def test_without_information_it_is_zero_with_a_gradient_of_zero(ties: str, time: list, event: list) -> None:
    log_hazard = torch.linspace(-1, 2, len(time)).requires_grad_()
    loss = cox_partial_likelihood(log_hazard, torch.tensor(time), torch.tensor(event).bool(), ties=ties)
    loss.backward()
    assert float(loss.detach()) == pytest.approx(0, abs=1e-7)
    torch.testing.assert_close(log_hazard.grad, torch.zeros(len(time)))


def test_an_empty_batch_is_zero() -> None:
    nobody = torch.zeros(0)
    assert float(cox_partial_likelihood(nobody, nobody, nobody.bool())) == 0


@pytest.mark.parametrize("ties", TIES)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("extreme", [1e2, 1e4])
def test_huge_log_hazards_have_finite_values_and_gradients(ties: str, dtype: torch.dtype, extreme: float) -> None:
    """The risk is upside down: the loss is the distance, its gradient -1 and 1, and nothing overflows."""
    log_hazard = torch.tensor([-extreme, extreme, 0, 0, 0, 0], dtype=dtype, requires_grad=True)
    time = torch.tensor([1, 2, 3, 3, 3, 4])
    event = torch.tensor([True, False, False, False, False, False])
    loss = cox_partial_likelihood(log_hazard, time, event, ties=ties)
    loss.backward()
    assert loss.dtype == dtype
    assert float(loss.detach()) == pytest.approx(2 * extreme, rel=1e-2)
    torch.testing.assert_close(log_hazard.grad, torch.tensor([-1.0, 1, 0, 0, 0, 0], dtype=dtype))


def test_efron_stays_finite_where_the_tied_events_are_all_of_the_risk() -> None:
    """2,000 tied deaths at log hazard 1e4: float32 could not tell the risk set from the deaths to be taken off it."""
    log_hazard = (1e4 + torch.linspace(0, 1, 2000)).requires_grad_()
    loss = cox_partial_likelihood(log_hazard, torch.ones(2000), torch.ones(2000, dtype=torch.bool))
    loss.backward()
    exact = cox_partial_likelihood(log_hazard.detach().double(), torch.ones(2000), torch.ones(2000, dtype=torch.bool))
    assert float(loss.detach()) == pytest.approx(float(exact), abs=2e-3)
    assert log_hazard.grad.isfinite().all()


@pytest.mark.parametrize("ties", TIES)
def test_gradient_equals_finite_differences(ties: str) -> None:
    log_hazard = torch.tensor([0.3, -1.2, 0.8, 0.1, 2.0, -0.4, 0.0], dtype=torch.float64, requires_grad=True)
    time = torch.tensor([1, 2, 2, 2, 3, 4, 4])
    event = torch.tensor([0, 1, 1, 0, 0, 1, 1]).bool()
    assert torch.autograd.gradcheck(lambda r: cox_partial_likelihood(r, time, event, ties=ties), log_hazard)


def test_fifty_thousand_cases_need_no_matrix() -> None:
    random = torch.Generator().manual_seed(0)
    log_hazard = torch.randn(50_000, generator=random, requires_grad=True)
    time, event = torch.randint(1, 2000, (50_000,), generator=random), torch.rand(50_000, generator=random) < 0.3
    cox_partial_likelihood(log_hazard, time, event).backward()
    assert float(log_hazard.grad.sum()) == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize(
    ("log_hazard", "event", "message"),
    [
        (torch.zeros(3, 1), torch.ones(3, dtype=torch.bool), r"log_hazard has shape \(3, 1\); expected \(3,\)"),
        (torch.zeros(3), torch.ones(3, 1, dtype=torch.bool), r"event has shape \(3, 1\)"),
        (torch.zeros(3), torch.ones(3), r"event has dtype torch.float32; expected booleans"),
        (torch.zeros(()), torch.ones(3, dtype=torch.bool), r"log_hazard has shape \(\); expected \(1,\)"),
    ],
)
def test_shapes_that_would_broadcast_are_refused(log_hazard: Tensor, event: Tensor, message: str) -> None:
    with pytest.raises(InputError, match=message):
        cox_partial_likelihood(log_hazard, torch.ones(3), event)


def test_an_unknown_way_to_treat_ties_is_refused() -> None:
    with pytest.raises(InputError, match="'exact'; expected 'efron' or 'breslow'"):
        cox_partial_likelihood(torch.zeros(2), torch.ones(2), torch.ones(2).bool(), ties="exact")
