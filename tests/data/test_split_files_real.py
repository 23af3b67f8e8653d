"""Published split files as they were published (marker `real`)."""

from __future__ import annotations

from pathlib import Path

import pytest

from survviz.data.split_file import read_split_file
from survviz.errors import InputError

pytestmark = pytest.mark.real


@pytest.mark.parametrize("project", ["blca", "brca", "kirc", "kirp", "luad", "stad"])
def test_five_published_folds_test_every_patient_once(project: str, shared_data: Path) -> None:
    read = read_split_file(shared_data / "tcga" / "splits" / "porpoise" / project)
    tested = [case for named in read for case in named.split.test]
    assert [named.fold for named in read] == [0, 1, 2, 3, 4]
    assert len(tested) == len(set(tested)) > 200


@pytest.mark.parametrize(
    ("file", "n_train", "n_test"),
    [
        ("gbmlgg/splits_15_original.csv", 616, 153),
        ("gbmlgg/splits_15_pgmlif.csv", 616, 153),
        ("kirc_histology/splits_15_original.csv", 333, 84),
    ],
)
def test_fifteen_published_randomisations_are_read(file: str, n_train: int, n_test: int, shared_data: Path) -> None:
    read = read_split_file(shared_data / file)
    assert [named.repeat for named in read] == list(range(15))
    assert all((len(named.split.train), len(named.split.test)) == (n_train, n_test) for named in read)


def test_the_published_split_whose_validation_is_its_test_is_refused(shared_data: Path) -> None:
    with pytest.raises(InputError, match="in validation and in test"):
        read_split_file(shared_data / "chimera_calibration" / "published_split.csv")
