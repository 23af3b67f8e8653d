"""What is found in molecular tables: the known faults of the real ones, and what no check may do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from survviz.intake.expression_unit import contradicts, guess_unit
from survviz.intake.findings import Finding
from survviz.intake.fixes import apply_all
from survviz.intake.molecular_checks import check_molecular
from survviz.intake.tables import Matrix, MatrixRole, Tables
from tests.intake.corpus.good import barcodes, expression, mirna

LINEAR = np.random.default_rng(0).gamma(2, 50, (30, 20))


def found(values: pd.DataFrame, role: MatrixRole = "rna", unit: str = "", about: pd.DataFrame | None = None) -> Tables:
    matrix = Matrix(role, values.astype(np.float32), unit, pd.DataFrame() if about is None else about)
    return Tables(matrices={"table": matrix})


def by_code(tables: Tables) -> dict[str, Finding]:
    return {finding.code: finding for finding in check_molecular(tables)}


@pytest.mark.parametrize(
    ("values", "unit", "logs"),
    [
        (LINEAR.round(), "counts", True),
        (LINEAR / LINEAR.sum(axis=1, keepdims=True) * 1e6, "TPM", True),
        (LINEAR, "linear", True),
        (np.log2(LINEAR + 1), "log2(x+1)", False),
        (np.log2(np.where(LINEAR < 20, 0, LINEAR) + 0.001), "log2(x+0.001)", False),
        ((LINEAR - LINEAR.mean(0)) / LINEAR.std(0), "z-score", False),
        (np.full((3, 3), np.nan), "", False),
    ],
)
def test_a_unit_is_told_by_the_numbers(values: np.ndarray, unit: str, logs: bool) -> None:
    guess = guess_unit(values.astype(np.float32))
    assert (guess.unit, guess.logs) == (unit, logs)
    assert guess.why


def test_a_declared_unit_is_contradicted_only_if_the_log_would_be_wrong() -> None:
    linear, logged = guess_unit(LINEAR), guess_unit(np.log2(LINEAR + 1))
    assert contradicts("TPM", logged)
    assert contradicts("log2(TPM+1)", linear)
    assert contradicts("z-score", linear)
    assert not contradicts("FPKM", linear)
    assert not contradicts("z-score", logged)
    assert not contradicts("TPM", guess_unit(np.full((2, 2), np.nan)))


def test_a_good_table_has_no_findings() -> None:
    assert check_molecular(found(expression(), unit="log2(TPM+1)")) == ()
    assert check_molecular(found(mirna(), "mirna", "RPM")) == ()


@given(seed=st.integers(0, 50), scale=st.sampled_from([1e-3, 1.0, 1e4]), shift=st.floats(-5, 5))
def test_any_numbers_are_judged_without_a_failure_and_unchanged(seed: int, scale: float, shift: float) -> None:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(rng.integers(1, 30), rng.integers(1, 30))) * scale + shift
    values[rng.random(values.shape) < 0.2] = np.nan
    table = pd.DataFrame(values, index=[f"P{i}" for i in range(len(values))]).rename(columns=lambda i: f"G{i}")
    tables = found(table)
    before = tables.matrices["table"].values.copy()
    findings = check_molecular(tables)
    pd.testing.assert_frame_equal(tables.matrices["table"].values, before)
    assert all(finding.text and finding.table == "table" for finding in findings)


@given(rows=st.permutations(range(12)))
def test_the_order_of_samples_changes_no_number_of_a_finding(rows: list[int]) -> None:
    table = mirna([*barcodes(8), *barcodes(4, "11A")])
    first, other = (by_code(found(one, "mirna", "RPM")) for one in (table, table.iloc[rows]))
    assert {code: sorted(one.rows) for code, one in first.items()} == {
        code: sorted(one.rows) for code, one in other.items()
    }


@pytest.mark.parametrize("role", ["rna", "cnv", "features"])
def test_fixes_of_every_finding_can_be_applied_and_mend_it(role: MatrixRole) -> None:
    table = expression()
    table.iloc[2, 3], table.iloc[3, 4], table.iloc[4, :] = np.inf, 400.0, np.nan
    table = pd.concat([table, table.iloc[[5]]])
    tables = found(table - 5, role, "z-score")
    for _ in range(10):
        fixes = [finding.fixes[0] for finding in check_molecular(tables) if finding.fixes]
        if not fixes:
            break
        tables, steps = apply_all(tables, fixes[:1])
        assert steps[0].changes
    assert not [finding.code for finding in check_molecular(tables) if finding.fixes]


# ---- real tables


@pytest.fixture
def real(shared_data: Path) -> Callable[[str], Tables]:
    def read(name: str) -> Tables:
        table = pd.read_csv(shared_data / "tcga" / name, index_col=0)
        if "mirna" not in name:
            return found(table, unit="z-score")
        about = table[["machine"]].set_axis(table["sample_barcode"].tolist())
        values = table.set_index("sample_barcode").drop(columns=["sample_type", "machine"])
        return found(values, "mirna", "RPM", about)

    return read


@pytest.mark.real
def test_the_outliers_of_brca_are_found(real: Callable[[str], Tables]) -> None:
    finding = by_code(real("rna/brca_zscore_porpoise.csv.gz"))["absurd-z"]
    assert "58 cells lie beyond ±100" in finding.text
    assert "TCGA-A8-A082, FGF4: 36,893" in finding.text
    assert len(finding.rows) == 47


@pytest.mark.real
@pytest.mark.parametrize(
    ("cohort", "normal", "spare"), [("kirc", 71, 6), ("kirp", 34, 1), ("stad", 41, 0), ("brca", 104, 8)]
)
def test_normals_and_aliquots_of_the_mirna_tables_are_found(
    real: Callable[[str], Tables], cohort: str, normal: int, spare: int
) -> None:
    tables = real(f"mirna/{cohort}_rpm_rtcga.csv.gz")
    codes = by_code(tables)
    assert len(codes["normal-samples"].rows) == normal
    assert len(codes["several-samples"].rows if spare else ()) == spare
    assert "several-machines" in codes
    fixes = [
        codes[code].fixes[0] for code in ("normal-samples", "several-samples", "duplicate-samples") if code in codes
    ]
    mended, _ = apply_all(tables, fixes)
    assert not {"normal-samples", "several-samples", "duplicate-samples"} & set(by_code(mended))
