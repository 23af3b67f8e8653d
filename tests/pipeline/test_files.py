"""Files of one patient become a case, matched by id."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from survviz.errors import InputError
from survviz.pipeline import case_from_files
from survviz.types import Bag
from survviz.units import Mpp
from survviz.wsi.features import write_features


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    pd.DataFrame({"case_id": ["A-1", "A-2"], "age": [61, None], "stage": ["II", "III"]}).to_csv(
        tmp_path / "clinical.csv", index=False
    )
    pd.DataFrame({"case_id": ["A-2", "A-1"], "TP53": [2.0, 1.0], "CA9": [4.0, 3.0]}).to_csv(
        tmp_path / "rna.csv", index=False
    )
    return tmp_path


def features(folder: Path, slide_id: str) -> Path:
    coords = np.array([[0, 0], [256, 0]], dtype=np.int64)
    bag = Bag(slide_id, np.ones((2, 4), np.float32), coords, 256, Mpp(0.5), "he-descriptor", slide_size=(600, 300))
    write_features(folder / f"{slide_id}.h5", bag, patch_px=256)
    return folder / f"{slide_id}.h5"


def test_rows_are_matched_by_case_id_not_by_position(tables: Path) -> None:
    case, _ = case_from_files(case_id="A-2", clinical=tables / "clinical.csv", rna=tables / "rna.csv")
    assert case.clinical == {"age": None, "stage": "III"}
    assert case.rna == {"TP53": 2.0, "CA9": 4.0}


def test_only_row_gives_the_case_its_id(tmp_path: Path) -> None:
    pd.DataFrame({"patient_id": ["P-9"], "sex": ["female"]}).to_csv(tmp_path / "row.csv", index=False)
    case, _ = case_from_files(clinical=tmp_path / "row.csv")
    assert case.case_id == "P-9"
    assert case.clinical == {"sex": "female"}


def test_field_and_value_columns_are_one_row(tmp_path: Path) -> None:
    pd.DataFrame({"Field": ["age", "stage"], "Value": [80, "II"]}).to_csv(tmp_path / "row.csv", index=False)
    case, _ = case_from_files(clinical=tmp_path / "row.csv")
    assert case.clinical == {"age": "80", "stage": "II"}


def test_genes_in_rows_are_read_too(tmp_path: Path) -> None:
    pd.DataFrame({"gene": ["TP53", "CA9"], "A-1": [1.0, 3.0]}).to_csv(tmp_path / "rna.tsv", index=False, sep="\t")
    case, _ = case_from_files(case_id="A-1", rna=tmp_path / "rna.tsv")
    assert case.rna == {"TP53": 1.0, "CA9": 3.0}


def test_tcga_slide_name_gives_the_patient(tmp_path: Path) -> None:
    case, _ = case_from_files(features=[features(tmp_path, "TCGA-CR-7395-01A-01-TS1")])
    assert case.case_id == "TCGA-CR-7395"
    assert len(case.bags[0]) == 2


def test_one_slide_given_twice_is_refused(tmp_path: Path) -> None:
    path = features(tmp_path, "s")
    with pytest.raises(InputError, match="more than once"):
        case_from_files(features=[path, path])


def test_table_without_the_case_is_refused(tables: Path) -> None:
    with pytest.raises(InputError, match="0 rows for case 'A-3'"):
        case_from_files(case_id="A-3", clinical=tables / "clinical.csv")
    with pytest.raises(InputError, match="expected exactly one"):
        case_from_files(case_id="A-3", rna=tables / "rna.csv")


def test_many_rows_without_a_case_id_are_refused(tables: Path) -> None:
    with pytest.raises(InputError, match="2 rows"):
        case_from_files(clinical=tables / "clinical.csv")


def test_nothing_at_all_is_refused() -> None:
    with pytest.raises(InputError, match="No file"):
        case_from_files()


def test_tokens_of_a_wrong_shape_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "t.npy", np.ones(3, np.float32))
    with pytest.raises(InputError, match=r"shape \(3,\)"):
        case_from_files(genomic_tokens=tmp_path / "t.npy")
    np.save(tmp_path / "u.npy", np.ones((4, 768)))
    case, _ = case_from_files(case_id="A", genomic_tokens=tmp_path / "u.npy")
    assert case.genomic_tokens is not None
    assert case.genomic_tokens.shape == (4, 768)
