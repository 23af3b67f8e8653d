"""What a table is for, and which way round it is, with the reason in words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from survviz.data.tables import known_gene_names
from survviz.intake.building import build_tables
from survviz.intake.layout import TableUse, propose
from survviz.intake.plan import check
from survviz.intake.reading import read_sources
from survviz.intake.source import Source
from survviz.intake.text_source import read_text

N = 12
CASES = [f"TCGA-AA-{i:04d}" for i in range(N)]
GENES = sorted(name for name in known_gene_names() if name.isalnum() and name.isupper())[:30]
MIRNAS = [f"hsa-mir-{i}" for i in range(20)]


def source(table: pd.DataFrame, name: str = "a.csv", **hints: str) -> Source:
    found = read_text(name, "", table.to_csv(index=table.index.name is not None).encode())
    return Source(found.name, "", found.columns, found.cells, found.rows, found.dialect, hints=hints)


def numbers(names: list[str], cases: list[str] = CASES, key: str = "case_id") -> pd.DataFrame:
    values = np.random.default_rng(0).normal(size=(len(cases), len(names))).round(3)
    return pd.DataFrame(values, index=pd.Index(cases, name=key), columns=names)


def outcome() -> pd.DataFrame:
    return pd.DataFrame(
        {"case_id": CASES, "time": range(5, 5 + N), "event": [0, 1] * (N // 2), "age": range(40, 40 + N)}
    )


def only(found: tuple[TableUse, ...]) -> TableUse:
    (use,) = found
    assert use.reason
    return use


@pytest.mark.parametrize(
    ("names", "role"), [(GENES, "rna"), (MIRNAS, "mirna"), ([f"texture {i}" for i in range(9)], "features")]
)
def test_a_table_of_numbers_is_known_by_its_names(names: list[str], role: str) -> None:
    use = only(propose([source(numbers(names))]))
    assert (use.role, use.orientation, use.names) == (role, "cases in rows", "case_id")


def test_genes_in_rows_are_turned() -> None:
    use = only(propose([source(numbers(GENES).T.rename_axis("gene"))]))
    assert (use.role, use.orientation, use.names) == ("rna", "genes in rows", "gene")


def test_both_ways_round_give_the_same_matrix() -> None:
    upright, turned = source(numbers(GENES)), source(numbers(GENES).T.rename_axis("gene"))
    matrices = [build_tables([one], propose([one])).matrices["a.csv"].values for one in (upright, turned)]
    pd.testing.assert_frame_equal(*matrices)


def test_names_that_nobody_knows_are_told_by_the_known_cases() -> None:
    cases = [f"K{i}" for i in range(N)]
    clinical = outcome().assign(case_id=cases)
    stacked = numbers([*GENES[:2], *(f"XYZ{i}" for i in range(30))], cases).T.rename_axis("id")
    uses = {use.source: use for use in propose([source(clinical, "c.csv"), source(stacked, "rna.csv")])}
    assert uses["rna.csv"].orientation == "genes in rows"
    assert uses["c.csv"].role == "clinical"


def test_copy_numbers_are_known_by_their_file_or_by_five_values() -> None:
    levels = numbers(GENES).round().clip(-2, 2).astype(int)
    assert only(propose([source(levels)])).role == "cnv"
    assert only(propose([source(numbers(GENES), "data_linear_CNA.csv")])).role == "cnv"


def test_what_a_portal_says_beside_the_table_decides() -> None:
    hinted = source(numbers(GENES), genetic_alteration_type="COPY_NUMBER_ALTERATION", layout="cBioPortal")
    assert only(propose([hinted])).role == "cnv"
    unit = source(numbers(GENES).T.rename_axis("sample"), type="genomicMatrix", unit="log2(count+1)", layout="Xena")
    assert only(propose([unit])).unit == "log2(count+1)"


def test_columns_about_the_sample_are_no_measurements() -> None:
    table = numbers(MIRNAS).reset_index()
    table.insert(1, "sample_barcode", [f"{case}-01A" for case in CASES])
    table.insert(2, "machine", "HiSeq")
    use = only(propose([source(table)]))
    assert use.names == "sample_barcode"
    assert set(use.about) == {"case_id", "machine"}
    matrix = build_tables([source(table)], [use]).matrices["a.csv"]
    assert list(matrix.values.columns) == MIRNAS
    assert list(matrix.about["machine"]) == ["HiSeq"] * N


def test_clinical_fields_and_genes_in_one_table_are_two_tables() -> None:
    mixed = source(outcome().join(numbers([f"{gene}_rnaseq" for gene in GENES]).reset_index(drop=True)))
    uses = propose([mixed])
    assert [use.role for use in uses] == ["clinical", "rna"]
    tables = build_tables([mixed], uses)
    assert list(tables.text["a.csv"].columns) == ["case_id", "time", "event", "age"]
    assert tables.matrices["a.csv"].values.shape == (N, len(GENES))


def test_of_two_tables_of_a_kind_the_one_with_more_patients_is_used() -> None:
    few, all_of_them = source(numbers(GENES, CASES[:4]), "few.csv"), source(numbers(GENES), "all.csv")
    uses = {use.source: use for use in propose([source(outcome(), "c.csv"), few, all_of_them])}
    assert (uses["few.csv"].role, uses["all.csv"].role) == ("ignored", "rna")
    assert "all.csv is used" in uses["few.csv"].reason


def test_splits_and_tables_of_no_case_are_not_used() -> None:
    split = pd.DataFrame({"case_id": CASES, "Randomization 1": ["Train", "Test"] * (N // 2), "R2": ["Train"] * N})
    curve = pd.DataFrame({"t": range(N), "s": np.linspace(1, 0, N)})
    assert [use.role for use in propose([source(split), source(curve, "b.csv")])] == ["ignored", "ignored"]


def test_repeated_genes_are_left_out_on_request(tmp_path: Path) -> None:
    outcome().to_csv(tmp_path / "clinical.csv", index=False)
    lines = numbers(GENES).to_csv().replace(f",{GENES[1]},", f",{GENES[0]},", 1)
    (tmp_path / "rna.csv").write_text(lines)
    brought = read_sources([tmp_path])
    report = check(brought)
    (finding,) = [one for one in report.findings if one.code == "repeated-columns"]
    assert finding.columns == (f"{GENES[0]} (column 3)",)
    done = check(brought, report.plan.with_fixes(finding.fixes))
    assert not [one for one in done.findings if one.code == "repeated-columns"]
    assert list(done.tables.matrices["rna.csv"].values.columns) == [GENES[0], *GENES[2:]]
