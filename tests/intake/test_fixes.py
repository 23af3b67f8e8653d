"""Fixes change what they say and nothing else, and can be replayed from JSON."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pydantic import TypeAdapter

from survviz.errors import InputError
from survviz.intake import fixes as fx
from survviz.intake.tables import Coding, Endpoint, Matrix, Outcome, Tables, Unread

CODING = Coding(observed=("1",), censored=("0",))


def tables() -> Tables:
    text = pd.DataFrame(
        {"id": ["A", "A", "B"], "time": ["1,5", "1,5", "2"], "event": ["1", "1", "0"], "age": ["20000", "", "x"]},
        index=pd.Index([2, 3, 5]), dtype=object,
    )  # fmt: skip
    samples = ["TCGA-AA-0001-01A", "TCGA-AA-0001-11A", "TCGA-AA-0002-01A", "TCGA-AA-0002-01B"]
    values = pd.DataFrame(
        np.array([[1, 3, 0], [2, 4, 7], [500, 6, 1], [np.nan, 8, 3]], dtype=np.float32),
        index=pd.Index(samples), columns=pd.Index(["TP53", "TP53", "KRAS"]),
    )  # fmt: skip
    about = pd.DataFrame({"machine": ["old", "old", "old", "new"]})
    endpoint = Endpoint(name="OS", time="time", event="event", time_unit="days", coding=CODING)
    matrix = Matrix("rna", values, "TPM", about, (Unread(samples[3], "TP53", "high"),))
    return Tables({"c.csv": text}, {"r.csv": matrix}, Outcome(table="c.csv", id="id", endpoints=(endpoint,)))


def text(found: Tables) -> list[list[str]]:
    return found.text["c.csv"].to_numpy().tolist()


ALL: tuple[fx.Fix, ...] = (
    fx.DropRows(table="c.csv", rows=(3,), reason="copied"),
    fx.DropColumns(table="c.csv", columns=("age",)),
    fx.SetCells(table="c.csv", cells=(fx.Cell(row=5, column="age", value=""),)),
    fx.ReplaceValues(table="c.csv", column="id", values={"B": "C"}),
    fx.RenameColumns(table="c.csv", names={"age": "Age"}),
    fx.DecimalPoint(table="c.csv", columns=("time",)),
    fx.ChangeUnit(table="c.csv", column="age", given="days", wanted="years"),
    fx.KeepWhere(table="c.csv", column="id", values=("A",)),
    fx.FirstKnown(table="c.csv", columns=("age", "time"), name="known"),
    fx.OneRowPerCase(table="c.csv", id="id", columns=("time",)),
    fx.SetCoding(endpoint="OS", coding=CODING.inverted),
    fx.SetTimeUnit(endpoint="OS", unit="months"),
    fx.DropSamples(table="r.csv", samples=("TCGA-AA-0001-11A",)),
    fx.OneSamplePerCase(table="r.csv", machines=("old", "new")),
    fx.DropGenes(table="r.csv", genes=("KRAS",)),
    fx.RenameGenes(table="r.csv", names={"KRAS": "NRAS"}),
    fx.AverageGenes(table="r.csv"),
    fx.RenameSamples(table="r.csv", names={"TCGA-AA-0002-01B": "TCGA-AA-0003-01A"}),
    fx.LimitValues(table="r.csv", high=100),
    fx.EmptyUnread(table="r.csv"),
    fx.LogValues(table="r.csv"),
    fx.SetUnit(table="r.csv", unit="counts"),
)


@pytest.mark.parametrize("fix", ALL, ids=lambda fix: fix.kind)
def test_a_fix_says_what_it_does_changes_something_and_leaves_its_input_alone(fix: fx.Fix) -> None:
    before, untouched = tables(), tables()
    done = fix.apply(before)
    assert fix.words
    assert done.changes
    assert text(before) == text(untouched)
    pd.testing.assert_frame_equal(before.matrices["r.csv"].values, untouched.matrices["r.csv"].values)
    assert before.outcome == untouched.outcome


@pytest.mark.parametrize("fix", ALL, ids=lambda fix: fix.kind)
def test_a_fix_survives_json(fix: fx.Fix) -> None:
    assert TypeAdapter(fx.Fix).validate_json(fix.model_dump_json()) == fix


def test_every_kind_is_tried_here() -> None:
    kinds = {one.model_fields["kind"].default for one in fx.Fix.__origin__.__args__}  # type: ignore[attr-defined]
    assert kinds == {fix.kind for fix in ALL}


@pytest.mark.parametrize(
    "fix",
    [
        fx.DropRows(table="c.csv", rows=(4,)),
        fx.DropColumns(table="c.csv", columns=("sex",)),
        fx.ReplaceValues(table="d.csv", column="id", values={"a": "b"}),
        fx.DropSamples(table="r.csv", samples=("S9",)),
        fx.RenameGenes(table="r.csv", names={"BRAF": "B"}),
        fx.SetCoding(endpoint="DSS", coding=CODING),
        fx.OneRowPerCase(table="c.csv", id="id", columns=("age",)),
        fx.KeepWhere(table="c.csv", column="id", values=("Z",)),
        fx.RenameColumns(table="c.csv", names={"age": "time"}),
    ],
    ids=lambda fix: fix.kind,
)
def test_a_fix_that_does_not_fit_is_refused_by_its_place(fix: fx.Fix) -> None:
    with pytest.raises(InputError, match="Fix 2 of 2"):
        fx.apply_all(tables(), [ALL[2], fix])


def test_text_fixes_do_what_they_say() -> None:
    done, _ = fx.apply_all(tables(), [ALL[5], ALL[6], ALL[9], ALL[2]])
    assert text(done) == [["A", "1.5", "1", "54.757"], ["B", "2", "0", ""]]
    assert done.text["c.csv"].index.tolist() == [2, 5]


def test_the_first_known_cell_wins() -> None:
    done = fx.FirstKnown(table="c.csv", columns=("age", "time"), name="known").apply(tables())
    assert list(done.tables.text["c.csv"]["known"]) == ["20000", "1,5", "x"]


def test_matrix_fixes_do_what_they_say() -> None:
    done, steps = fx.apply_all(tables(), [ALL[12], ALL[13], ALL[18], ALL[16], ALL[19]])
    values = done.matrices["r.csv"].values
    assert list(values.index) == ["TCGA-AA-0001-01A", "TCGA-AA-0002-01B"]
    assert list(values.columns) == ["TP53", "KRAS"]
    np.testing.assert_array_equal(values["TP53"], [2, 8])
    assert done.matrices["r.csv"].unread == ()
    assert [len(step.changes) for step in steps] == [1, 1, 0, 1, 1]


def test_limits_name_every_cell_that_they_change() -> None:
    done = fx.LimitValues(table="r.csv", high=100, become="the limit").apply(tables())
    (change,) = done.changes
    assert (change.row, change.column, change.before, change.after) == ("TCGA-AA-0002-01A", "TP53", "500", "100")


def test_negative_values_are_not_logged() -> None:
    shifted = tables()
    negative = Matrix("rna", shifted.matrices["r.csv"].values - 5)
    with pytest.raises(InputError, match="negative"):
        fx.LogValues(table="r.csv").apply(shifted.with_matrix("r.csv", negative))
