"""The small Cox model against lifelines."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from lifelines import CoxPHFitter

from survviz.evaluation.partial_likelihood import cox_coefficients


@pytest.mark.filterwarnings("ignore:::lifelines")
@pytest.mark.parametrize("decimals", [None, 1])
def test_coefficients_equal_lifelines_with_ties(simulate: Callable, decimals: int | None) -> None:
    study = simulate(200, 0, decimals=decimals)
    x = np.column_stack([study.risk, study.risk**2, np.random.default_rng(1).normal(size=200)])
    table = pd.DataFrame(x, columns=["a", "b", "c"]).assign(time=study.time, event=study.event)
    theirs = CoxPHFitter().fit(table, "time", "event", fit_options={"precision": 1e-12}).params_
    np.testing.assert_allclose(cox_coefficients(x, study.time, study.event)[0], theirs, atol=1e-6)


def test_counts_equal_repeated_rows_without_ties_among_events(simulate: Callable) -> None:
    """Efron's ties treat copies as ties, so only censored patients are repeated here."""
    study = simulate(80, 1)
    counts = np.where(study.event, 1, np.random.default_rng(0).integers(0, 4, 80))
    pick = np.repeat(np.arange(80), counts)
    repeated = cox_coefficients(study.risk[pick, None], study.time[pick], study.event[pick])
    weighted = cox_coefficients(study.risk[:, None], *study.outcomes, counts[None].astype(float))
    np.testing.assert_allclose(weighted, repeated, atol=1e-9)


@pytest.mark.parametrize(
    ("x", "event"),
    [
        ([0.0, 1.0, 2.0], [False, False, False]),
        ([1.0, 1.0, 1.0], [True, True, True]),
        ([3.0, 2.0, 1.0], [True, True, True]),
        ([1.0], [True]),
    ],
    ids=["no event", "no spread", "perfect separation", "one patient"],
)
def test_without_a_maximum_there_is_no_coefficient(x: list, event: list) -> None:
    time = np.arange(1.0, len(x) + 1)
    assert np.isnan(cox_coefficients(np.array(x)[:, None], time, np.array(event))).all()
