"""The suite file: what is refused, in words; the suites of this repository; keys of cells."""

from __future__ import annotations

from pathlib import Path

import pytest

from survviz.benchmark.cells import make_cell
from survviz.benchmark.content import cohort_digest
from survviz.benchmark.suite import read_suite
from survviz.data.cohort import load_cohort
from survviz.data.splits import NamedSplit, Split
from survviz.errors import InputError
from survviz.models import list_models
from survviz.training import TrainConfig
from tests.training.tiny_cohort import write_tiny_cohort

SUITES = sorted(
    path for path in (Path(__file__).parents[2] / "benchmarks" / "suites").glob("*.toml") if path.stem != "models"
)
MINIMAL = 'name = "s"\n[[cohorts]]\nname = "c"\n'
PLANNED = NamedSplit(0, 0, Split(("a", "b"), ("c",), ("d",)))


@pytest.mark.parametrize("path", SUITES, ids=lambda path: path.stem)
def test_the_suites_of_the_repository_can_be_read(path: Path) -> None:
    suite = read_suite(path)
    assert {one.model for one in suite.entries} <= set(list_models())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name = ", "not valid TOML"),
        ('name = "s"', "cohorts: is required"),
        (MINIMAL + 'entrys = "x"', "is not a known name"),
        (MINIMAL + "[plan]\ninner_val = 0", "nobody to choose the baselines' penalties"),
        (MINIMAL + '[[entries]]\nname = "e"\nmodel = "cox"\n' * 2, "two entries are called 'e'"),
        (MINIMAL + '[[entries]]\nname = "e"\nmodel = "cox"\ncohorts = ["d"]', "names cohort 'd'"),
        (MINIMAL.replace("[[", 'entries_from = ["none.toml"]\n[[', 1), "none.toml cannot be read"),
    ],
)
def test_a_wrong_suite_is_refused_in_words(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "suite.toml").write_text(text)
    with pytest.raises(InputError, match=words):
        read_suite(tmp_path / "suite.toml")


def key(config: TrainConfig, content: str = "x", planned: NamedSplit = PLANNED, seed: int = 0) -> str:
    return make_cell(Path(), content, config, ("clinical",), planned, suite_seed=seed, known={}).key


def test_a_key_changes_with_all_that_a_result_depends_on_and_nothing_else(tmp_path: Path) -> None:
    plain = key(TrainConfig())
    genes = tmp_path / "sets.gmt"
    genes.write_text("A\tx\tG1\n")
    with_genes = key(TrainConfig(preprocess={"programmes": str(genes)}))
    genes.write_text("A\tx\tG2\n")
    others = [
        key(TrainConfig(lr=0.1)),
        key(TrainConfig(), content="y"),
        key(TrainConfig(), planned=NamedSplit(0, 0, Split(("a", "c"), ("b",), ("d",)))),
        key(TrainConfig(), seed=1),
        with_genes,
        key(TrainConfig(preprocess={"programmes": str(genes)})),
    ]
    assert len({plain, *others}) == 7
    assert key(TrainConfig(n_folds=7, seed=5)) == plain


def test_a_cohort_is_known_by_the_content_of_its_files(tmp_path: Path) -> None:
    first, second = (write_tiny_cohort(tmp_path / name, n_cases=8) for name in ("a", "b"))
    digests = [cohort_digest(folder, load_cohort(folder), {}) for folder in (first, second)]
    assert digests[0] == digests[1]
    feature = sorted((second / "features").iterdir())[0]
    feature.write_bytes((second / "features" / sorted((second / "features").iterdir())[1].name).read_bytes())
    assert cohort_digest(second, load_cohort(second), {}) != digests[0]
