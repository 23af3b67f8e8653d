"""Running a suite: what is made, what is cached, what a failure or a killed worker leaves."""

from __future__ import annotations

import json
import multiprocessing
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from survviz.benchmark.board import Board, leaderboard
from survviz.benchmark.entries import CLINIC, MEAN_OF_RISKS
from survviz.benchmark.run import SuiteRun, run_suite
from survviz.cluster import Processes
from survviz.errors import InputError, UnknownNameError
from tests.benchmark.conftest import SUITE, write_suite

BASELINES_ONLY = SUITE.split("[[entries]]", maxsplit=1)[0]


def concordances(board: Board) -> dict[str, float | None]:
    return {row.name: row.scores["harrell_c"].value for row in board.cohorts[0].rows if row.scores}


def test_the_baselines_stand_in_every_table(board: Board) -> None:
    names = [row.name for row in board.cohorts[0].rows]
    assert names[:4] == [CLINIC, "Cox on pathology", "Cox on genomic", MEAN_OF_RISKS]


def test_an_entry_that_the_cohort_cannot_serve_is_listed_with_its_reason(board: Board) -> None:
    rows = {row.name: row for row in board.cohorts[0].rows if row.status == "not applicable"}
    assert rows["needs miRNA"].reason == "no case of this cohort has mirna data"
    assert rows["too wide"].reason == "for a test"
    assert not any(row.scores for row in rows.values())


def test_a_failing_cell_is_recorded_and_stops_no_other(board: Board) -> None:
    (cohort, row), *rest = board.failed
    assert (cohort, row.name, rest) == ("tiny", "broken", [])
    assert "4 of 4 folds failed" in row.reason
    assert "cox" in row.reason
    assert {one.name for one in board.cohorts[0].rows if one.status == "done"} >= {CLINIC, "small snn"}


def test_all_entries_share_the_splits(run: SuiteRun) -> None:
    lines = run.cohorts[0].lines
    clinic, mean = lines[CLINIC], lines[MEAN_OF_RISKS]
    for planned in run.cohorts[0].planned:
        at = planned.repeat, planned.fold
        assert set(mean.folds[at].case_ids) == set(planned.split.test)
        assert set(clinic.folds[at].case_ids) == set(planned.split.test) - {"CASE-004"}  # it has no clinical fields


def test_held_out_cases_are_never_touched(run: SuiteRun) -> None:
    folds = [fold for line in run.cohorts[0].lines.values() for fold in line.folds.values()]
    assert folds
    assert not any("CASE-000" in (*fold.case_ids, *fold.seen_ids) for fold in folds)


def test_a_second_run_makes_only_what_failed_and_gives_the_same_table(
    suite_file: Path, out: Path, run: SuiteRun, board: Board
) -> None:
    again = run_suite(suite_file, out, place=Processes(0))
    assert (again.made, again.cached) == (4, run.made - 4)
    assert leaderboard(again).document() == board.document()


def test_cells_say_what_they_are(out: Path, run: SuiteRun) -> None:
    records = [json.loads(path.read_text()) for path in sorted((out / "cells").glob("*.json"))]
    assert len(records) == run.made - 4
    assert {record["entry"] for record in records} == {CLINIC, "Cox on pathology", "Cox on genomic", "small snn"}
    assert all(record["protocol"] == "nested" and record["n_events_test"] > 0 for record in records)


def test_the_order_of_rows_in_the_tables_changes_no_result(tmp_path: Path, board: Board) -> None:
    suite = write_suite(tmp_path, BASELINES_ONLY)
    for name in ("clinical.csv", "rna.csv", "slides.csv"):
        table = pd.read_csv(tmp_path / "tiny" / name)
        table.sample(frac=1, random_state=5).to_csv(tmp_path / "tiny" / name, index=False)
    found = concordances(leaderboard(run_suite(suite, tmp_path / "out", place=Processes(0))))
    expected = concordances(board)
    assert found.keys() == {CLINIC, "Cox on pathology", "Cox on genomic", MEAN_OF_RISKS}
    for name, value in found.items():
        np.testing.assert_allclose(value, expected[name], atol=1e-9)


def test_a_worker_that_is_killed_costs_no_result(suite_file: Path, tmp_path: Path, board: Board) -> None:
    killed: list[int] = []

    def kill_once(done: int, _: int) -> None:
        if done == 1 and not killed:
            victim = multiprocessing.active_children()[0]
            killed.append(victim.pid or 0)
            victim.kill()

    again = run_suite(suite_file, tmp_path, progress=kill_once)
    assert killed
    assert concordances(leaderboard(again)) == concordances(board)


def test_two_runs_in_one_folder_are_refused(suite_file: Path, tmp_path: Path) -> None:
    def second(*_: int) -> None:
        with pytest.raises(InputError, match="Another benchmark runs"):
            run_suite(suite_file, tmp_path, place=Processes(0))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_suite(suite_file, tmp_path, place=Processes(0), progress=second)


def test_an_unknown_entry_is_named(suite_file: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="small snn"):
        run_suite(suite_file, tmp_path, only=["smal snn"])
