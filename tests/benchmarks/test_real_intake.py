"""Which tables are taken, with which outcome, by which checkpoint; and one of them all the way."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.real_intake import fitting, outcome_beside, tables, take

DATA = Path(__file__).parents[3] / "shared" / "data"
CDR = "tcga/clinical/tcga_cdr.csv.gz"


@pytest.mark.parametrize(
    ("name", "beside"),
    [
        ("tcga/rna/brca_zscore_porpoise.csv.gz", CDR),
        ("tcga/pathology/hif_stad.csv.gz", CDR),
        ("tcga/pathology/brca_til_invasion.csv", ""),
        ("tcga/clinical/survpath_clin_blca.csv", "tcga/clinical/survpath_meta_blca.csv"),
        (CDR, ""),
    ],
)
def test_a_table_is_read_with_the_outcome_that_belongs_to_it(name: str, beside: str) -> None:
    assert outcome_beside(name) == beside


def test_the_checkpoint_of_the_cancer_comes_first_then_that_of_all() -> None:
    assert fitting("tcga/mirna/kirc_rpm_rtcga.csv.gz", ["clinical", "mirna"])[:2] == [
        "tcga-kirc",
        "tcga-pancan-bilayer",
    ]
    assert fitting("tcga/rna/stad_zscore_porpoise.csv.gz", ["clinical", "rna"])[0] == "tcga-pancan-bilayer-mrna"
    assert fitting("gbmlgg/omics.parquet", ["rna", "cnv"]) == ["gbmlgg-pixels"]


def test_lists_of_folds_and_gene_sets_are_no_tables(tmp_path: Path) -> None:
    for name in ("a/cases.csv", "a/rna.parquet", "a/splits_15.csv", "a/splits/0.csv", "pathways/x.csv", "a/readme.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert list(tables(tmp_path)) == ["a/cases.csv", "a/rna.parquet"]


@pytest.mark.slow
@pytest.mark.real
@pytest.mark.skipif(not (DATA / CDR).is_file(), reason="needs ../shared/data")
def test_glioma_with_copy_number_in_suffixed_columns_is_scored_and_split() -> None:
    row = take(DATA, "gbmlgg/omics.parquet")
    assert row.scored == row.read["cnv"] == row.cases == 569
    assert row.p is not None
    assert not row.reason


@pytest.mark.real
@pytest.mark.skipif(not (DATA / CDR).is_file(), reason="needs ../shared/data")
def test_what_no_model_reads_is_said_in_words() -> None:
    assert "none of the modalities that the model reads" in take(DATA, "chimera_calibration/labels.csv").reason
    assert "no outcome" in take(DATA, "tcga/pathology/oof_reference_cindex.csv").reason
