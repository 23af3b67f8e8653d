"""Over several cohorts every patient counts once."""

from __future__ import annotations

from pathlib import Path

from survviz.benchmark.board import leaderboard
from survviz.benchmark.run import run_suite
from survviz.cluster import Processes
from tests.training.tiny_cohort import write_tiny_cohort

SUITE = """\
name = "three"

[plan]
n_folds = 2
inner_val = 0.3

[defaults]
epochs = 1
n_bins = 2
ridges = [1.0]
preprocess = {{ programmes = "{programmes}" }}

[[cohorts]]
name = "one"

[[cohorts]]
name = "two"

[[cohorts]]
name = "the patients of two again"
folder = "two"
counts = false
"""


def test_a_cohort_whose_patients_stand_in_another_does_not_count_over_cohorts(tmp_path: Path) -> None:
    for name, seed in (("one", 1), ("two", 2)):
        write_tiny_cohort(tmp_path / name, seed=seed)
    suite = tmp_path / "suite.toml"
    suite.write_text(SUITE.format(programmes=tmp_path / "one" / "sets.gmt"), encoding="utf-8")
    board = leaderboard(run_suite(suite, tmp_path / "out", place=Processes(0)))
    again = next(cohort for cohort in board.cohorts if cohort.name == "the patients of two again")
    assert {row.status for row in again.rows} == {"done"}
    over = board.overall["Cox on genomic"]["clinic"]
    assert over.folds == 2
    of_each = [
        row.against["clinic"].difference
        for cohort in board.cohorts[:2]
        for row in cohort.rows
        if row.name == "Cox on genomic"
    ]
    assert over.difference is not None
    assert None not in of_each
    assert abs(over.difference - sum(of_each) / 2) < 1e-12
