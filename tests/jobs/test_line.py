"""The line: first come, first served; the dead do not hold it up."""

from __future__ import annotations

from survviz.jobs.line import waiting, waiting_line
from survviz.jobs.worker import waiting_words
from survviz.workspace import workspace


def test_each_knows_how_many_are_before_it() -> None:
    with waiting_line("slot") as first, waiting_line("slot") as second, waiting_line("training") as other:
        assert [turn.before() for turn in (first, second, other)] == [0, 1, 0]
        assert (waiting("slot"), waiting("training")) == (2, 1)
    assert waiting("slot") == 0


def test_who_leaves_lets_the_next_move_up() -> None:
    with waiting_line("slot") as second:
        with waiting_line("slot") as third:
            assert third.before() == 1
        assert second.before() == 0
    with waiting_line("slot") as again:
        assert again.before() == 0


def test_a_dead_one_is_passed_over() -> None:
    (workspace("jobs", "slot.line") / "00000000000000000001-dead.ticket").touch()
    with waiting_line("slot") as turn:
        assert turn.before() == 0
    assert list(workspace("jobs", "slot.line").iterdir()) == []


def test_words() -> None:
    assert waiting_words(0) == "Waiting: next in line, until a running job ends"
    assert waiting_words(1) == "Waiting: 1 job is before this one"
    assert waiting_words(3) == "Waiting: 3 jobs are before this one"
