"""What goes out: tables that a spreadsheet opens, names of files in headers, words in pages and pictures."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from survviz.data.cohort import load_cohort
from survviz.errors import InputError
from survviz.figures.table import csv_chunks
from survviz.server.exports import attachment
from survviz.server.uploads import clean_name
from survviz.spreadsheets import as_cell, table_csv, would_be_computed
from tests.training.tiny_cohort import write_tiny_cohort

FORMULAS = (
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-2+3",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    '=HYPERLINK("http://x","y")',
    "-A1",
    "\n=1",
)
HARMLESS = ("-1.5", "+3", "-inf", "TCGA-A1-A001", "a=b", "", "1e-5", "<b>")


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_is_text(text: str) -> None:
    assert as_cell(text) == f"'{text}"


@pytest.mark.parametrize("value", [*HARMLESS, -1.5, None, True])
def test_what_is_no_formula_stays_as_it_is(value) -> None:
    assert as_cell(value) is value


def test_cells_names_of_rows_and_names_of_columns_of_a_table_are_harmless() -> None:
    values = pd.Categorical(["=1+1", "b"])
    table = pd.DataFrame(
        {"=evil": ["@x", "y"], "n": [-1.5, 2.0], "c": values}, index=pd.Index(["+1+1", "ok"], name="id")
    )
    rows = list(csv.reader(io.StringIO(table_csv(table))))
    assert rows == [["id", "'=evil", "n", "c"], ["'+1+1", "'@x", "-1.5", "'=1+1"], ["ok", "y", "2.0", "b"]]
    assert not any(would_be_computed(cell) for row in rows for cell in row)
    assert list(table.columns) == ["=evil", "n", "c"], "the table itself is as it was"


def test_every_table_that_a_page_hands_out_is_harmless() -> None:
    pages = Path(__file__).parents[2] / "pages"
    made_here = {"check_examples.py", "privacy_ledgers.py"}  # of our own words and hashes alone
    for path in pages.rglob("*.py"):
        assert path.name in made_here or ".to_csv(" not in path.read_text(), (
            f"{path}: use survviz.spreadsheets.table_csv"
        )


def test_names_of_slides_and_tokens_are_harmless_in_the_table_of_a_map(a_map) -> None:
    text = b"".join(csv_chunks([a_map(slide_id="=1+1", token="@evil")])).decode()
    rows = list(csv.reader(io.StringIO(text)))
    assert rows[1][0] == "'=1+1"
    assert not any(would_be_computed(cell) for row in rows for cell in row)


@pytest.fixture
def a_map():
    from survviz.figures.patch_map import PatchMap

    def make(*, slide_id: str, token: str) -> PatchMap:
        coords = np.array([[0, 0], [256, 0]])
        values = np.array([0.5, 2.0], np.float32)
        return PatchMap("attention", "clinical", "pathology", token, slide_id, values, coords, 256)

    return make


@pytest.mark.parametrize("case", ["=1+1", "@x", "-2+3"])
def test_a_case_whose_name_is_a_formula_is_refused(tmp_path: Path, case: str) -> None:
    folder = write_tiny_cohort(tmp_path / "cohort", n_cases=12)
    clinical = folder / "clinical.csv"
    table = pd.read_csv(clinical, dtype=str)
    table.iloc[0, 0] = case
    table.to_csv(clinical, index=False)
    with pytest.raises(InputError, match="would be computed by a spreadsheet"):
        load_cohort(folder)


@pytest.mark.parametrize("name", ["a\r\nset-cookie: x=1.csv", 'a".csv', "a;b.csv", "a\0.csv", "../../a.csv"])
def test_a_name_can_neither_end_a_header_nor_leave_its_folder(name: str) -> None:
    clean = clean_name(name)
    assert not set(clean) & set('\r\n"\0/;\\')
    header = attachment(b"", clean, "text/csv").headers["content-disposition"]
    assert header == f'attachment; filename="{clean}"'


@pytest.mark.parametrize("length", [200, 5000, 100_000])
def test_over_long_names_are_cut_and_keep_their_kind(length: int) -> None:
    clean = clean_name("ä" * length + ".svs")
    assert clean.endswith(".svs")
    assert len(clean.encode()) <= 255, "what a file system takes"
