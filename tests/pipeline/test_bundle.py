"""A bundle gives its numbers again, and says when it or what it was made of is another one."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from survviz.data.cohort import load_cohort
from survviz.errors import InputError
from survviz.pipeline import Predictor
from survviz.pipeline.cohort.bundle import CONFIG, METHODS, NUMBERS, bundle, numbers_of, read_bundle
from survviz.pipeline.cohort.inference import run_cohort
from survviz.pipeline.cohort.reproduction import reproduce
from survviz.pipeline.cohort.results import PATIENTS, CohortResults
from survviz.pipeline.cohort.stratification import StratifyPlan, stratify
from tests.pipeline.cohort_folders import ROOT, copy_of_sample

CHECKPOINT = ROOT / "checkpoints" / "demo-survpgc"
PLAN = StratifyPlan(groups="median")


@pytest.fixture(scope="module")
def results(predictor: Predictor, tmp_path_factory: pytest.TempPathFactory) -> CohortResults:
    """Forty patients of the bundled cohort."""
    folder = tmp_path_factory.mktemp("bundle")
    cohort = load_cohort(copy_of_sample(folder / "cohort", slice(0, 40)))
    (cohort.folder / "cleaning.json").write_text('{"fixes": []}')
    return run_cohort(predictor, cohort, folder / "out")


@pytest.fixture
def file(results: CohortResults, tmp_path: Path) -> Path:
    """A bundle of them."""
    path = tmp_path / "bundle.zip"
    path.write_bytes(bundle(results, PLAN, figures={"km.svg": b"<svg/>"}))
    return path


def test_every_number_comes_out_again(file: Path, results: CohortResults) -> None:
    found = reproduce(file, CHECKPOINT, results.cohort, device="cpu")
    assert found.differences == ()
    assert found.largest < 1e-6
    assert found.n_numbers > 40 * 10


def test_same_analysis_gives_the_same_bytes(file: Path, results: CohortResults) -> None:
    assert bundle(results, PLAN, figures={"km.svg": b"<svg/>"}) == file.read_bytes()


def test_it_holds_tables_words_figures_and_how_the_cohort_was_cleaned(file: Path, results: CohortResults) -> None:
    config, files = read_bundle(file)
    assert config.plan == PLAN
    assert files["figures/km.svg"] == b"<svg/>"
    assert files["cohort/cleaning.json"] == b'{"fixes": []}'
    assert files[PATIENTS] == (results.folder / PATIENTS).read_bytes()
    assert json.loads(files[NUMBERS]) == numbers_of(stratify(results, PLAN))
    words = files[METHODS].decode()
    assert f"Risk and survival of {len(results)} patients" in words
    assert "no external validation" in words
    assert "survviz reproduce" in files["reproduce.sh"].decode()


def test_it_names_no_folder_of_this_machine(file: Path, results: CohortResults) -> None:
    _, files = read_bundle(file)
    assert not [name for name, content in files.items() if str(results.cohort.parent).encode() in content]
    assert not [name for name, content in files.items() if str(ROOT).encode() in content]


def test_other_choices_give_other_numbers(results: CohortResults) -> None:
    other = numbers_of(stratify(results, StratifyPlan(groups="tertiles")))
    assert other != numbers_of(stratify(results, PLAN))
    assert other["Lower third: n"] == 14


def test_changed_bundle_is_refused(file: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(tmp_path / "changed.zip", "w") as new:
        for name in old.namelist():
            content = old.read(name)
            new.writestr(name, content.replace(b"high", b"low") if name == PATIENTS else content)
    with pytest.raises(InputError, match=f"changed after it was written: {PATIENTS}"):
        read_bundle(tmp_path / "changed.zip")


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x05\x06" + bytes(18)], ids=["empty", "text", "empty zip"])
def test_file_that_is_no_bundle_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(content)
    with pytest.raises(InputError, match=CONFIG):
        read_bundle(tmp_path / "x.zip")


def test_another_cohort_is_refused(file: Path, tmp_path: Path) -> None:
    other = copy_of_sample(tmp_path / "cohort", slice(0, 40), clinical=older)
    with pytest.raises(InputError, match="cohort given now is not the one"):
        reproduce(file, CHECKPOINT, other, device="cpu")


def older(table: pd.DataFrame) -> pd.DataFrame:
    """Everybody is five years older."""
    return table.assign(age=[str(int(age) + 5) if age else age for age in table["age"]])
