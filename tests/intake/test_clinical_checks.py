"""What is found in outcome tables and clinical fields: whatever stands in the cells, and in the CDR of TCGA."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from survviz.intake.clinical_checks import check_clinical
from survviz.intake.findings import SEVERITIES, Finding
from survviz.intake.fixes import apply_all
from survviz.intake.plan import check, fix_until_done
from survviz.intake.reading import read_sources
from survviz.intake.tables import Coding, Endpoint, FieldSource, Outcome, Tables
from survviz.units import TimeUnit
from tests.intake.corpus.good import clinical

CODING = Coding(observed=("1",), censored=("0",))
NASTY = (
    "",
    "NA",
    "0",
    "1",
    "-1",
    "1.0",
    "inf",
    "nan",
    "1e400",
    "dead",
    "1:DECEASED",
    "12,5",
    "#REF!",
    "=1+1",
    "Ã¼",
    "II",
)
CELLS = st.one_of(st.sampled_from(NASTY), st.integers(-10, 4000).map(str), st.text(max_size=8))


def tables(cells: pd.DataFrame, unit: TimeUnit = "days", coding: Coding = CODING) -> Tables:
    outcome = Outcome(
        table="clinical.csv", id="case_id",
        endpoints=(Endpoint(name="OS", time="OS.time", event="OS", time_unit=unit, coding=coding),),
        fields={name: FieldSource(table="clinical.csv", column=name.lower()) for name in ("Age", "Sex", "Stage")},
    )  # fmt: skip
    return Tables({"clinical.csv": cells.set_axis(range(2, len(cells) + 2))}, {}, outcome)


def by_code(found: tuple[Finding, ...]) -> dict[str, Finding]:
    return {finding.code: finding for finding in found}


def test_a_good_table_has_no_findings() -> None:
    assert check_clinical(tables(clinical())) == ()


@given(rows=st.lists(st.lists(CELLS, min_size=6, max_size=6), min_size=1, max_size=12))
@settings(max_examples=30, deadline=None)
def test_whatever_the_cells_hold_there_are_findings_and_no_change(rows: list[list[str]]) -> None:
    cells = pd.DataFrame(rows, columns=list(clinical().columns), dtype=object)
    given_tables = tables(cells)
    before = given_tables.text["clinical.csv"].copy()
    found = check_clinical(given_tables)
    pd.testing.assert_frame_equal(given_tables.text["clinical.csv"], before)
    numbers = {f"row {row}" for row in before.index}
    for finding in found:
        assert finding.severity in SEVERITIES
        assert set(finding.rows) <= numbers
        for fix in finding.fixes:
            apply_all(given_tables, [fix])


@given(
    rows=st.lists(st.lists(CELLS, min_size=1, max_size=5), min_size=1, max_size=10),
    separator=st.sampled_from([",", "\t", ";", "|"]),
    encoding=st.sampled_from(["utf-8", "utf-16"]),
)
@settings(max_examples=60, deadline=None)
def test_generated_files_are_checked_and_mended_without_a_failure(
    rows: list[list[str]], separator: str, encoding: str
) -> None:
    lines = [separator.join(("case_id", "OS.time", "OS", "age")), *(separator.join(row) for row in rows)]
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "clinical.csv"
        file.write_bytes("\n".join(lines).encode(encoding, errors="replace"))
        files = read_sources([file])
        report = check(files)
        mended = fix_until_done(files, report, ["all-recommended"])
    assert all(finding.text.strip() and finding.code for finding in (*report.findings, *mended.findings))
    assert report.steps == ()


@pytest.mark.parametrize(("factor", "unit"), [(1, "months"), (1, "years"), (1 / 30.4, "days")])
def test_a_time_in_another_unit_than_said_is_found(factor: float, unit: TimeUnit) -> None:
    table = clinical().rename(columns={"OS.time": "follow_up"})
    table["follow_up"] = [f"{float(time) * factor:.1f}" for time in table["follow_up"]]
    found = tables(table.rename(columns={"follow_up": "OS.time"}), unit)
    if unit == "days":
        found = tables(table.assign(**{"OS.time": [f"{min(float(t), 55):.0f}" for t in table["follow_up"]]}), unit)
    finding = by_code(check_clinical(found))["time-unit"]
    after, _ = apply_all(found, finding.fixes[:1])
    assert "time-unit" not in by_code(check_clinical(after))


@pytest.mark.parametrize("inverted", [False, True])
def test_the_words_of_another_column_decide_about_the_coding(inverted: bool) -> None:
    table = clinical().assign(vital_status=["Dead" if event == "1" else "Alive" for event in clinical()["OS"]])
    found = tables(table, coding=CODING.inverted if inverted else CODING)
    finding = by_code(check_clinical(found)).get("inverted-coding")
    assert (finding is not None) == inverted
    if finding is not None:
        after, _ = apply_all(found, finding.fixes[:1])
        assert after.outcome is not None
        assert after.outcome.main.coding == CODING
        assert check_clinical(after) == ()


@pytest.mark.real
def test_the_cdr_is_read_with_its_own_coding_and_its_known_faults(shared_data: Path) -> None:
    report = check(read_sources([shared_data / "tcga" / "clinical" / "tcga_cdr.csv.gz"]))
    found = by_code(tuple(finding for finding in report.findings if finding.severity == "error"))
    assert set(found) == {"missing-outcome", "zero-times"}
    assert (len(found["missing-outcome"].rows), len(found["zero-times"].rows)) == (18, 42)
    assert (report.n_cases, report.n_events) == (3302, 913)
    assert report.tables.outcome is not None
    assert report.tables.outcome.main.name == "OS"
    assert {one.name for one in report.tables.outcome.endpoints} == {"OS", "DSS", "DFI", "PFI"}
