"""Where the settings of `survviz train` come from: a file, then options, then --set."""

from __future__ import annotations

from pathlib import Path

import pytest

from survviz.cli.training import Settings
from survviz.errors import InputError
from survviz.training.search import Range

FILE = """\
model = "abmil"
epochs = 7

[splits]
kind = "site"

[search]
trials = 9
space = { lr = { low = 1e-4, high = 1e-2, log = true }, "preprocess.max_genes" = [10, 20] }
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "run.toml").write_text(FILE)
    return tmp_path / "run.toml"


def test_a_file_is_read_with_its_groups(file: Path) -> None:
    config = Settings(file).read()
    assert (config.model, config.epochs) == ("abmil", 7)
    assert config.splits is not None
    assert config.splits.kind == "site"
    assert config.search is not None
    assert config.search.space == {"lr": Range(low=1e-4, high=1e-2, log=True), "preprocess.max_genes": (10, 20)}


def test_options_win_over_the_file_and_set_over_both(file: Path) -> None:
    config = Settings(file, model="survpgc", tune=3, changes=("epochs=2", "splits.n_folds=3", "search.folds=2")).read()
    assert (config.model, config.epochs) == ("survpgc", 2)
    assert config.splits is not None
    assert (config.splits.kind, config.splits.n_folds) == ("site", 3)
    assert config.search is not None
    assert (config.search.trials, config.search.folds) == (3, 2)


def test_tuning_without_a_file_searches_rate_and_decay() -> None:
    search = Settings(tune=4).read().search
    assert search is not None
    assert set(search.space) == {"lr", "weight_decay"}


def test_without_anything_the_model_is_survpgc() -> None:
    assert Settings().read().model == "survpgc"


@pytest.mark.parametrize(
    ("change", "message"),
    [("search.trial=3", "did you mean 'trials'"), ("splits.kind=kfold", "k-fold"), ("patience=0", "patience")],
)
def test_a_wrong_setting_is_said_in_words(file: Path, change: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Settings(file, changes=(change,)).read()
