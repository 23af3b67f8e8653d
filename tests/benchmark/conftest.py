"""A suite on the tiny cohort: seconds per run, with an entry that fails and one that the cohort cannot serve."""

from __future__ import annotations

from pathlib import Path

import pytest

from survviz.benchmark.board import Board, leaderboard
from survviz.benchmark.run import SuiteRun, run_suite
from survviz.cluster import Processes
from tests.training.tiny_cohort import write_tiny_cohort

SUITE = """\
name = "tiny"
description = "A test."
seed = 3

[plan]
n_folds = 2
repeats = 2
inner_val = 0.3

[defaults]
epochs = 1
n_bins = 2
ridges = [1.0, 0.1]
preprocess = {{ programmes = "{programmes}" }}

[[cohorts]]
name = "tiny"
cannot = {{ "too wide" = "for a test" }}

[[entries]]
name = "small snn"
model = "snn-clinic"

[[entries]]
name = "broken"
model = "snn-clinic"
settings = {{ loss = "cox" }}

[[entries]]
name = "needs miRNA"
model = "bilayer"
modalities = ["clinical", "mirna"]

[[entries]]
name = "too wide"
model = "mlp-clinic"

[[derived]]
name = "clinic and genes"
of = ["Cox on clinic", "Cox on genomic"]
"""


def write_suite(folder: Path, text: str = SUITE) -> Path:
    """The tiny cohort in `folder`/tiny, and a suite file beside it."""
    write_tiny_cohort(folder / "tiny")
    path = folder / "suite.toml"
    path.write_text(text.format(programmes=folder / "tiny" / "sets.gmt"))
    return path


@pytest.fixture(scope="session")
def suite_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_suite(tmp_path_factory.mktemp("suite"))


@pytest.fixture(scope="session")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("out")


@pytest.fixture(scope="session")
def run(suite_file: Path, out: Path) -> SuiteRun:
    return run_suite(suite_file, out, place=Processes(0))


@pytest.fixture(scope="session")
def board(run: SuiteRun) -> Board:
    return leaderboard(run)
