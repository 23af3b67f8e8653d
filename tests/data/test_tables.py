"""Tables and matrices from outside."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from survviz.data.barcodes import case_of, is_normal_sample, tcga_case, tcga_sample_type
from survviz.data.tables import is_missing, read_matrix, read_table
from survviz.errors import InputError
from survviz.types import Notice


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("suffix", ["csv", "tsv", "txt", "csv.gz", "xlsx", "parquet"])
def test_every_kind_of_file_gives_the_same_table(tmp_path: Path, suffix: str) -> None:
    table = pd.DataFrame({"case_id": ["A", "B"], "age": [63, 70]})
    path = tmp_path / f"t.{suffix}"
    if suffix == "xlsx":
        table.to_excel(path, index=False)
    elif suffix == "parquet":
        table.to_parquet(path)
    else:
        table.to_csv(path, index=False, sep="," if "csv" in suffix else "\t")
    pd.testing.assert_frame_equal(read_table(path), table)
    assert read_table(path, as_text=True)["age"].tolist() == ["63", "70"]


def test_identifiers_keep_their_leading_zeros_as_text(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "id,x\n007,NA\n010,\n")
    table = read_table(path, as_text=True)
    assert table["id"].tolist() == ["007", "010"]
    assert table["x"].tolist() == ["NA", ""]


def test_semicolons_byte_order_mark_and_quoted_header_are_read(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", '\ufeffid;"age; years"\nA;63\n')
    assert list(read_table(path).columns) == ["id", "age; years"]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("t.docx", "x", "expected .csv"),
        ("t.csv", "", "cannot be read"),
        ("t.csv", "a,b\n", "no rows"),
        ("t.csv", "a,b,a\n1,2,3\n", "repeated column names: a"),
        ("t.xlsx", "not a workbook", "cannot be read as xlsx"),
        ("t.parquet", "not parquet", "cannot be read as parquet"),
        ("t.csv.gz", "not gzip", "cannot be read as csv"),
        ("t.csv", "a,b\n1,2\n1,2,3,4\n", "cannot be read as csv"),
    ],
)
def test_unusable_files_are_refused_in_words(tmp_path: Path, name: str, text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_table(write(tmp_path / name, text))


def test_binary_rubbish_and_missing_files_are_input_errors(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(bytes(range(128, 256)) * 10)
    with pytest.raises(InputError):
        read_table(tmp_path / "t.csv")
    with pytest.raises(InputError, match="does not exist"):
        read_table(tmp_path / "none.csv")
    (tmp_path / "cut.csv.gz").write_bytes(gzip.compress(b"a,b\n" + b"1,2\n" * 5000)[:60])
    with pytest.raises(InputError, match="cannot be read"):
        read_table(tmp_path / "cut.csv.gz")


def test_row_names_without_a_header_become_the_first_column(tmp_path: Path) -> None:
    table = read_table(write(tmp_path / "t.csv", "x,y\n007,1,2\nB,3,4\n"))
    assert list(table.columns) == ["", "x", "y"]
    with pytest.raises(InputError, match="2 more cells"):
        read_table(write(tmp_path / "u.csv", "x,y\nA,1,2,3\nB,3,4,5\n"))


def test_blank_lines_keep_the_numbers_of_the_rows_after_them(tmp_path: Path) -> None:
    table = read_table(write(tmp_path / "t.csv", "id,x\nA,1\n\nB,2\n\n"), as_text=True)
    assert (table.index + 2).tolist() == [2, 4]
    assert table["id"].tolist() == ["A", "B"]


def test_case_ids_of_a_matrix_keep_their_leading_zeros(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "case_id,TP53\n001,1\n002,2\n")
    assert read_matrix(path).index.tolist() == ["001", "002"]


def test_a_known_case_id_is_not_shortened(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "case_id,TP53\nTCGA-AA-0001-01,1\nTCGA-AA-0002-01A,2\n")
    assert read_matrix(path, case_ids={"TCGA-AA-0001-01"}).index.tolist() == ["TCGA-AA-0001-01", "TCGA-AA-0002"]


def test_missing_words_are_recognised() -> None:
    for word in ("", " NA ", "[Not Available]", "not reported", "Unknown", None, float("nan"), "--"):
        assert is_missing(word), word
    for value in ("0", 0.0, "none of these", "II"):
        assert not is_missing(value), value


def test_both_orientations_give_the_same_matrix(tmp_path: Path) -> None:
    matrix = pd.DataFrame(
        [[1.5, 2, 3], [4, 5, np.nan]], index=["P1", "P2"], columns=["TP53", "VEGFA", "KRAS"], dtype=np.float32
    )
    matrix.rename_axis("case_id").to_csv(tmp_path / "wide.csv")
    matrix.T.rename_axis("gene").to_csv(tmp_path / "tall.tsv", sep="\t")
    wide, tall = read_matrix(tmp_path / "wide.csv"), read_matrix(tmp_path / "tall.tsv")
    pd.testing.assert_frame_equal(wide, tall, check_names=False)
    assert wide.index.tolist() == ["P1", "P2"]


def test_gene_names_decide_the_orientation_even_without_headers(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", ",S1,S2\nVEGFA,1,2\nCTGF,3,4\n")
    assert read_matrix(path).loc["S2"].to_dict() == {"VEGFA": 2, "CTGF": 4}


def test_known_cases_decide_the_orientation(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "x,g1,g2\ns1,1,2\ns2,3,4\n")
    with pytest.raises(InputError, match="cannot be told whether rows are cases or genes"):
        read_matrix(path)
    assert read_matrix(path, case_ids={"s1", "s2"}).index.tolist() == ["s1", "s2"]
    assert read_matrix(path, orientation="genes in rows").index.tolist() == ["g1", "g2"]


def test_bad_cells_are_named(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "case_id,TP53,VEGFA\nP1,abc,1\nP2,2,x\nP3,NA,3\n")
    with pytest.raises(InputError) as caught:
        read_matrix(path)
    assert "2 cells that are not numbers" in str(caught.value)
    assert "row 'P1', column 'TP53': 'abc'" in str(caught.value)
    assert "row 'P2', column 'VEGFA': 'x'" in str(caught.value)


def test_decimal_commas_are_explained(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="decimals with a point"):
        read_matrix(write(tmp_path / "t.csv", "case_id;TP53\nP1;1,5\n"))


def test_infinite_values_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Was a zero logged"):
        read_matrix(write(tmp_path / "t.csv", "case_id,TP53\nP1,-inf\nP2,2\n"))


def test_repeated_genes_are_averaged_and_said(tmp_path: Path) -> None:
    notices: list[Notice] = []
    path = write(tmp_path / "t.csv", "gene,P1,P2\nTP53|7157,1,2\nSLC35E2|1,2,4\nSLC35E2|2,4,8\n")
    matrix = read_matrix(path, notices=notices)
    assert matrix.loc["P2"].to_dict() == {"TP53": 2, "SLC35E2": 6}
    assert [notice.code for notice in notices] == ["table.repeated_genes"]


def test_repeated_cases_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="1 cases appear more than once: P1"):
        read_matrix(write(tmp_path / "t.csv", "case_id,TP53\nP1,1\nP1,2\n"))


def test_tcga_samples_become_patients_with_the_primary_tumour_first(tmp_path: Path) -> None:
    notices: list[Notice] = []
    text = (
        "gene,TCGA-AA-0001-06A-11R,TCGA-AA-0001-01A-11R,TCGA-AA-0001-01B-11R,TCGA-AA-0002-11A-11R,TCGA-AA-0003-01A-11R\n"
        "TP53,1,2,3,4,5\n"
    )
    matrix = read_matrix(write(tmp_path / "t.csv", text), notices=notices)
    assert matrix["TP53"].to_dict() == {"TCGA-AA-0001": 2, "TCGA-AA-0003": 5}
    assert {notice.code for notice in notices} == {"table.normal_samples", "table.repeated_samples"}


def test_gene_names_that_a_spreadsheet_turned_into_dates_are_reported(tmp_path: Path) -> None:
    notices: list[Notice] = []
    read_matrix(write(tmp_path / "t.csv", "case_id,TP53,2-Sep,1-Mar\nP1,1,2,3\n"), notices=notices)
    assert [notice.code for notice in notices] == ["table.dates"]


def test_barcodes() -> None:
    assert tcga_case("TCGA-A2-A0CX-01Z-00-DX1.svs") == "TCGA-A2-A0CX"
    assert tcga_case("tcga.a2.a0cx") == "TCGA-A2-A0CX"
    assert tcga_case("TCGA-A2-A0CXY") is None
    assert tcga_case("P1") is None
    assert tcga_sample_type("TCGA-A2-A0CX-11A-01R") == 11
    assert is_normal_sample("TCGA-A2-A0CX-11A-01R")
    assert not is_normal_sample("TCGA-A2-A0CX-01A")


def test_a_slide_belongs_to_the_longest_case_id_it_starts_with() -> None:
    cases = frozenset({"C1", "C1-2", "TCGA-A2-A0CX"})
    assert case_of("C1-2-slide", cases) == "C1-2"
    assert case_of("C1_he", cases) == "C1"
    assert case_of("C10", cases) is None
    assert case_of("TCGA-A2-A0CX-01Z-00-DX1.uuid", cases) == "TCGA-A2-A0CX"
