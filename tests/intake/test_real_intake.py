"""Every real table goes from check to a cohort without hand editing, and what is wrong with it is found."""

from __future__ import annotations

from pathlib import Path

import pytest

from survviz.data.cohort import load_cohort
from survviz.intake.plan import Report, check, fix_until_done
from survviz.intake.reading import Brought, read_sources
from survviz.intake.writing import write
from survviz.pipeline.cohort.inference import infer
from survviz.pipeline.cohort.stratification import StratifyPlan, stratify

DATA = Path(__file__).parents[3] / "shared" / "data"
TCGA = DATA / "tcga"
CHECKPOINTS = Path(__file__).parents[2] / "checkpoints"
CDR = TCGA / "clinical" / "tcga_cdr.csv.gz"
ALONE = (
    *(f"tcga/clinical/{name}" for name in ("tcga_cdr.csv.gz", "multisurv_clinical.csv.gz", "porpoise_slides.csv.gz")),
    *(f"tcga/clinical/survpath_meta_{cohort}.csv" for cohort in ("blca", "brca", "stad")),
    "tcga/cohort_availability.csv.gz",
    "tcga/pathology/brca_til_invasion.csv",
    "tcga/pathology/oof_risk_patchgcn_mcat.csv.gz",
    "pancancer/clinical.csv.gz",
    "pancancer/labels.csv.gz",
    "gbmlgg/cases.csv",
    "gbmlgg/omics.parquet",
    "kirc_histology/clinical_cbioportal.csv.gz",
    "brca_gpdbn/features_5fold.csv.gz",
    "chimera_calibration/labels.csv",
)
"""Tables that hold an outcome."""
NO_CASES = ("oof_reference_cindex.csv", *ALONE)

pytestmark = [pytest.mark.real, pytest.mark.skipif(not CDR.is_file(), reason="needs ../shared/data")]


def molecular() -> list[Path]:
    paths = [path for kind in ("rna", "mirna", "pathology") for path in sorted((TCGA / kind).glob("*.*"))]
    return [path for path in paths if not any(name.endswith(path.name) for name in NO_CASES)]


def intake(*paths: Path) -> tuple[Report, Report, Brought]:
    brought = read_sources(paths)
    first = check(brought)
    return first, fix_until_done(brought, first, ["all-recommended"]), brought


def found(report: Report, code: str) -> list[int]:
    return [len(finding.rows) for finding in report.findings if finding.code == code]


def test_the_coding_of_the_cdr_is_recognised() -> None:
    report = check(read_sources([CDR]))
    outcome = report.tables.outcome
    assert outcome is not None
    assert (outcome.id, outcome.main.name, outcome.main.time_unit) == ("case_id", "OS", "days")
    assert {one.name for one in outcome.endpoints} == {"OS", "DSS", "PFI", "DFI"}
    assert (outcome.main.coding.observed, outcome.main.coding.censored) == (("1",), ("0",))
    assert "column OS: 1 = event, 913 of 3,302; 0 = censored" in " ".join(report.words)
    assert {"Age", "Sex", "Stage", "Grade", "Race", "Cancer type"} <= set(outcome.fields)


def test_a_breast_cohort_is_made_of_its_four_tables(tmp_path: Path) -> None:
    tables = ("rna/brca_zscore_porpoise.csv.gz", "mirna/brca_rpm_rtcga.csv.gz", "pathology/hif_brca.csv.gz")
    first, report, brought = intake(CDR, *(TCGA / name for name in tables))
    assert found(first, "normal-samples") == [104]
    assert any("58 cells" in finding.text for finding in first.findings if finding.code == "absurd-z")
    assert found(first, "several-machines")
    assert report.ready
    written = write(report, brought, tmp_path / "brca")
    assert (written.n_cases, written.n_events) == (3242, 903)
    cohort = load_cohort(tmp_path / "brca")
    assert cohort.rna is not None
    assert cohort.rna.shape == (956, 1558)
    assert float(cohort.rna.abs().max().max()) == 100.0
    assert cohort.mirna is not None
    assert cohort.mirna_unit == "RPM"


def test_the_other_coding_of_censorship_is_told_apart() -> None:
    for name in ("tcga/clinical/survpath_meta_brca.csv", "tcga/pathology/brca_til_invasion.csv"):
        report = check(read_sources([DATA / name]))
        assert not found(report, "inverted-coding"), name
        assert report.n_events < 0.3 * report.n_cases, name


@pytest.mark.slow
@pytest.mark.parametrize("name", ALONE)
def test_a_table_with_an_outcome_becomes_a_cohort(name: str, tmp_path: Path) -> None:
    _, report, brought = intake(DATA / name)
    written = write(report, brought, tmp_path / "cohort")
    assert written.n_cases == len(load_cohort(tmp_path / "cohort"))
    assert 0 < written.n_events < written.n_cases


@pytest.mark.slow
@pytest.mark.parametrize("path", molecular() if CDR.is_file() else [], ids=lambda path: path.name)
def test_a_table_of_measurements_becomes_a_cohort_with_the_cdr(path: Path, tmp_path: Path) -> None:
    first, report, brought = intake(CDR, path)
    if path.parent.name == "mirna":
        assert found(first, "normal-samples"), "normals of the miRNA tables must be caught"
    written = write(report, brought, tmp_path / "cohort")
    kind = path.parent.name
    assert written.tables[kind] > 30
    cohort = load_cohort(tmp_path / "cohort")
    assert len(cohort) == 3242
    if kind == "pathology":
        assert cohort.regions is not None
        assert cohort.regions.index.is_unique


@pytest.mark.slow
@pytest.mark.parametrize("code", ["brca", "kirc", "kirp", "luad"])
def test_real_tables_go_from_check_over_inference_to_groups(code: str, tmp_path: Path) -> None:
    brought = read_sources([CDR, TCGA / f"rna/{code}_zscore_porpoise.csv.gz", TCGA / f"mirna/{code}_rpm_rtcga.csv.gz"])
    report = fix_until_done(brought, check(brought), ["all-recommended", "other-cancers"])
    write(report, brought, tmp_path / "cohort")
    results = infer(CHECKPOINTS / f"tcga-{code}", tmp_path / "cohort", tmp_path / "results")
    assert len(results) == report.n_cases
    assert set(results.table["standing"]) == {"out of fold", "unseen"}
    for endpoint in ("OS", "PFI"):
        made = stratify(results, StratifyPlan(endpoint=endpoint))
        assert made.n + len(made.left_out) == report.n_cases
        assert made.p_value is not None
        assert made.p_value < 0.05
