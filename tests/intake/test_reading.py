"""Files as they come: encodings, separators, comments, titles, sheets, archives; every cell stays what it is."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from survviz.errors import InputError
from survviz.intake.reading import read_sources
from survviz.intake.source import Source
from survviz.intake.text_source import read_text

TABLE = "case_id,time,event\nP1,10,1\nP2,20,0\n"
CELLS = [["P1", "10", "1"], ["P2", "20", "0"]]


def one(path: Path, data: bytes) -> Source:
    path.write_bytes(data)
    brought = read_sources([path])
    assert brought.findings == ()
    (source,) = brought.sources
    return source


def cells(source: Source) -> list[list[str]]:
    return source.text().to_numpy().tolist()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_every_unicode_encoding_is_read(tmp_path: Path, encoding: str) -> None:
    source = one(tmp_path / "a.csv", TABLE.replace("P1", "Zoë").encode(encoding))
    assert cells(source) == [["Zoë", "10", "1"], CELLS[1]]
    assert source.findings == ()


def test_latin_letters_are_read_and_said(tmp_path: Path) -> None:
    source = one(tmp_path / "a.csv", TABLE.replace("P2", "Müller").encode("cp1252"))
    assert cells(source)[1][0] == "Müller"
    assert [(found.code, found.severity) for found in source.findings] == [("encoding", "note")]
    assert "line 3" in source.findings[0].text


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_separator_and_line_ends_are_found(tmp_path: Path, separator: str, newline: str) -> None:
    text = TABLE.replace(",", separator).replace("\n", newline)
    assert cells(one(tmp_path / "a.txt", text.encode())) == CELLS


def test_a_semicolon_file_may_have_decimal_commas(tmp_path: Path) -> None:
    rows = "".join(f"P{i};{i},5;1.0{i}0,25\n" for i in range(9))
    source = one(tmp_path / "a.csv", f"case_id;a;b\n{rows}".encode())
    assert source.decimal == ","
    assert cells(source)[3][1] == "3,5"
    values, unread = source.numbers(["a", "b"])
    assert values[3].tolist() == [3.5, 1030.25]
    assert unread == []


def test_rows_keep_the_numbers_they_have_in_the_file(tmp_path: Path) -> None:
    text = 'Table S1. Patients\n\ncase_id,note,event\nP1,"two\nlines",1\n\n,,\nP2,x,0\n'
    source = one(tmp_path / "a.csv", text.encode())
    assert source.columns == ("case_id", "note", "event")
    assert cells(source) == [["P1", "two\nlines", "1"], ["P2", "x", "0"]]
    assert source.rows.tolist()[0] == 4


def test_the_four_lines_of_cbioportal_are_no_rows(tmp_path: Path) -> None:
    text = "#Patient\tMonths\n#Patient id\tSurvival\n#STRING\tNUMBER\n#1\t1\nPATIENT_ID\tOS_MONTHS\nA\t3.5\n"
    source = one(tmp_path / "data_clinical_patient.txt", text.encode())
    assert source.columns == ("PATIENT_ID", "OS_MONTHS")
    assert source.rows.tolist() == [6]
    assert source.hints["datatypes"] == "STRING\tNUMBER"


def test_a_single_marked_line_is_the_header(tmp_path: Path) -> None:
    assert one(tmp_path / "a.tsv", b"#id\ttime\nP1\t3\nP2\t4\n").columns == ("id", "time")


def test_r_writes_a_header_one_name_short(tmp_path: Path) -> None:
    source = one(tmp_path / "a.csv", b'"time","event"\n"P1",3,1\n"P2",4,0\n')
    assert source.columns == ("column 1", "time", "event")
    assert cells(source)[0] == ["P1", "3", "1"]


def test_a_lone_quotation_mark_in_a_tab_file_is_a_letter(tmp_path: Path) -> None:
    source = one(tmp_path / "a.tsv", b'id\tsize\tx\nP1\t5" wide\t1\nP2\t3\t2\n')
    assert cells(source) == [["P1", '5" wide', "1"], ["P2", "3", "2"]]


def test_columns_without_name_and_cells_are_no_columns_and_repeated_names_are_said(tmp_path: Path) -> None:
    source = one(tmp_path / "a.csv", b"id,x,x,\nP1,1,2,\nP2,3,4,\n")
    assert source.columns == ("id", "x", "x (column 3)")
    assert [found.code for found in source.findings] == ["repeated-columns"]


def test_rows_of_another_length_are_listed_not_shifted(tmp_path: Path) -> None:
    source = one(tmp_path / "a.csv", b"id,x,y\nP1,1,2\nP2,3\nP3,4,5,6\nP4,7,8\n")
    assert cells(source) == [["P1", "1", "2"], ["P4", "7", "8"]]
    assert source.rows.tolist() == [2, 5]
    (found,) = source.findings
    assert (found.code, found.severity, found.rows) == ("ragged-rows", "error", ("row 3", "row 4"))


def test_missing_words_are_no_numbers_and_other_words_are_named() -> None:
    source = read_text("a.csv", "", b"id,x\nP1,1e3\nP2,NA\nP3,\nP4,high\nP5, -2 \n")
    values, unread = source.numbers(["x"])
    np.testing.assert_array_equal(values[:, 0], [1000, np.nan, np.nan, np.nan, -2])
    assert unread == [(3, "x", "high")]


def test_workbooks_give_a_table_per_sheet_and_formulas_stay_text(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    first = book.active
    assert first is not None
    first.title = "clinic"
    for row in (["Patients of 2020"], ["case_id", "age", "alive"], ["007", 63.5, True], ["008", "=1+1", False]):
        first.append(row)
    book.create_sheet("empty")
    book.create_sheet("rna").append(["gene", "007"])
    book["rna"].append(["TP53", 2])
    book.save(tmp_path / "book.xlsx")
    sources = {source.name: source for source in read_sources([tmp_path / "book.xlsx"]).sources}
    assert list(sources) == ["book.xlsx/clinic", "book.xlsx/rna"]
    assert cells(sources["book.xlsx/clinic"]) == [["007", "63.5", "TRUE"], ["008", "=1+1", "FALSE"]]
    assert sources["book.xlsx/clinic"].rows.tolist() == [3, 4]
    assert [found.code for found in sources["book.xlsx/clinic"].findings] == ["formula-cells"]


def test_parquet_keeps_numbers_and_its_index(tmp_path: Path) -> None:
    table = pd.DataFrame({"TP53": [1.5, np.nan], "flag": [True, False]}, index=pd.Index(["P1", "P2"], name="case_id"))
    table.to_parquet(tmp_path / "a.parquet")
    source = one(tmp_path / "a.parquet", (tmp_path / "a.parquet").read_bytes())
    assert cells(source) == [["P1", "1.5", "True"], ["P2", "", "False"]]


def test_an_archive_gives_tables_slides_and_features(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("cohort/clinical.csv.gz", gzip.compress(TABLE.encode()))
        archive.writestr("cohort/slides/P1-DX1.svs", b"slide")
        archive.writestr("cohort/thumbnails/P1-DX1.png", b"picture")
        archive.writestr("cohort/features/P1-DX1.h5", b"features")
        archive.writestr("__MACOSX/cohort/._clinical.csv", b"clutter")
    (tmp_path / "c.zip").write_bytes(buffer.getvalue())
    brought = read_sources([tmp_path / "c.zip"])
    assert [source.name for source in brought.sources] == ["c.zip/cohort/clinical.csv.gz"]
    assert brought.slides["P1-DX1"].name == "c.zip/cohort/slides/P1-DX1.svs"
    path = brought.features["P1-DX1"].open(tmp_path / "unpacked")
    assert path.read_bytes() == b"features"
    assert path.is_relative_to(tmp_path / "unpacked")


def test_what_xena_and_cbioportal_say_beside_a_table_goes_with_it(tmp_path: Path) -> None:
    (tmp_path / "HiSeqV2").mkdir()
    (tmp_path / "rna.tsv").write_text("sample\tTCGA-AA-0001-01\nTP53\t3\n")
    (tmp_path / "rna.tsv.json").write_text(json.dumps({"type": "genomicMatrix", "unit": "log2(count+1)", "x": 1}))
    (tmp_path / "cna.txt").write_text("Hugo_Symbol\tS1\nTP53\t-1\n")
    (tmp_path / "meta_cna.txt").write_text("genetic_alteration_type: COPY_NUMBER_ALTERATION\ndata_filename: cna.txt\n")
    hints = {source.name: source.hints for source in read_sources([tmp_path]).sources}
    assert hints["rna.tsv"] == {"type": "genomicMatrix", "unit": "log2(count+1)", "layout": "Xena"}
    assert hints["cna.txt"]["genetic_alteration_type"] == "COPY_NUMBER_ALTERATION"


def test_a_bad_file_does_not_hide_the_others(tmp_path: Path) -> None:
    (tmp_path / "good.csv").write_text(TABLE)
    (tmp_path / "bad.csv").write_bytes(b"")
    brought = read_sources([tmp_path])
    assert [source.name for source in brought.sources] == ["good.csv"]
    assert [(found.code, found.table) for found in brought.findings] == [("unreadable", "bad.csv")]


def test_a_path_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.csv does not exist"):
        read_sources([tmp_path / "nowhere.csv"])


CELL = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=8)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(CELL, CELL), min_size=2, max_size=6), separator=st.sampled_from([",", ";", "\t"]))
def test_every_cell_stays_as_it_was_written(rows: list[tuple[str, str]], separator: str) -> None:
    table = pd.DataFrame(
        {"id": [f"P{i}" for i in range(len(rows))], "a": [a for a, _ in rows], "b": [b for _, b in rows]}
    )
    table["end"] = "x"
    text = table.to_csv(index=False, sep=separator, quoting=1)
    assert cells(read_text("a.csv", "", text.encode())) == table.to_numpy().tolist()
