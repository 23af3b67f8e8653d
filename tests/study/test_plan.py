"""The plan is balanced, reproducible, and tells a reader nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from math import ceil, floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from survviz.errors import UnknownNameError
from survviz.study import CONDITIONS, Study, reader_plan
from survviz.study.plan import condition_cycle

Make = Callable[..., Study]
SHARES = st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 5)).filter(any)


@given(SHARES, st.integers(1, 60))
def test_numbers_of_a_cycle_are_its_shares_rounded(weights: tuple[int, int, int], n: int) -> None:
    shares = {name: weight / sum(weights) for name, weight in zip(CONDITIONS, weights, strict=True)}
    counts = Counter(condition_cycle(shares, n))
    assert sum(counts.values()) == n
    for name, share in shares.items():
        assert floor(share * n - 1e-9) <= counts[name] <= ceil(share * n + 1e-9)


@given(SHARES, st.integers(3, 40), st.integers(1, 12))
def test_any_run_of_a_cycle_is_close_to_its_shares(weights: tuple[int, int, int], n: int, run: int) -> None:
    shares = {name: weight / sum(weights) for name, weight in zip(CONDITIONS, weights, strict=True)}
    cycle = condition_cycle(shares, n)
    for start in range(n):
        counts = Counter(cycle[(start + step) % n] for step in range(min(run, n)))
        for name in CONDITIONS:
            assert abs(counts[name] - min(run, n) * Counter(cycle)[name] / n) < 2


def test_every_reader_gets_every_case_once_and_every_condition_in_its_share(make_study: Make) -> None:
    study = make_study(cases=8, readers=5)
    for reader in study.readers:
        plan = reader_plan(study, reader)
        assert sorted(one.case for one in plan) == sorted(case.name for case in study.cases)
        assert [one.position for one in plan] == list(range(8))
        assert Counter(one.condition for one in plan) == {"real": 4, "shuffled": 2, "uniform": 2}


def test_as_many_readers_as_cases_see_each_case_under_each_condition_in_its_share(make_study: Make) -> None:
    study = make_study(cases=8, readers=8)
    seen = Counter((one.case, one.condition) for reader in study.readers for one in reader_plan(study, reader))
    shares = {"real": 4, "shuffled": 2, "uniform": 2}
    assert seen == {(case.name, name): number for case in study.cases for name, number in shares.items()}


def test_few_readers_still_see_a_case_under_different_conditions(make_study: Make) -> None:
    study = make_study(cases=9, readers=3, conditions=dict.fromkeys(CONDITIONS, 1 / 3))
    for case in study.cases:
        seen = {
            next(one.condition for one in reader_plan(study, name) if one.case == case.name) for name in study.readers
        }
        assert seen == set(CONDITIONS)


def test_orders_differ_between_readers_and_seeds(make_study: Make) -> None:
    study = make_study(cases=12, readers=4)
    orders = {tuple(one.case for one in reader_plan(study, reader)) for reader in study.readers}
    assert len(orders) == 4
    assert reader_plan(study, "r0") != reader_plan(make_study(cases=12, readers=4, seed=2), "r0")


GOLDEN = [("2", "real"), ("4", "shuffled"), ("3", "uniform"), ("0", "real"), ("1", "real")]


def test_plan_is_the_same_for_ever(make_study: Make) -> None:
    """A golden plan: another one would move running studies to other maps."""
    plan = reader_plan(make_study(cases=5), "r1")
    assert [(one.case[-1], one.condition) for one in plan] == GOLDEN


def test_readers_added_at_the_end_change_nothing(make_study: Make) -> None:
    few, many = make_study(readers=2), make_study(readers=30)
    assert [reader_plan(few, name) for name in few.readers] == [reader_plan(many, name) for name in few.readers]
    assert few.digest == many.digest


def test_a_stranger_has_no_plan(make_study: Make) -> None:
    with pytest.raises(UnknownNameError, match="reader"):
        reader_plan(make_study(), "nobody")
