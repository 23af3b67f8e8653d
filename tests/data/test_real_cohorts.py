"""Real tables with real defects (TCGA; marker `real`)."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from survviz.data.clinical import load_templates
from survviz.data.cohort import load_cohort, write_cohort_toml
from survviz.data.cohort_file import CohortFile
from survviz.data.omics import OmicsScaler
from survviz.data.preprocess import Preprocess, PreprocessConfig
from survviz.data.splits import Split, stratified_kfold
from survviz.data.tables import read_matrix, read_table
from survviz.errors import InputError
from survviz.types import Notice

pytestmark = pytest.mark.real


def write_brca(folder: Path, shared: Path, **clinical: object) -> None:
    table = read_table(shared / "tcga" / "clinical" / "tcga_cdr.csv.gz", as_text=True)
    table[table["cancer"] == "BRCA"].to_csv(folder / "clinical.csv", index=False)
    shutil.copy(shared / "tcga" / "rna" / "brca_zscore_porpoise.csv.gz", folder / "rna.csv.gz")
    shutil.copy(shared / "tcga" / "mirna" / "brca_rpm_rtcga.csv.gz", folder / "mirna.csv.gz")
    coding = {"observed": [1], "censored": [0]}
    outcome = {"time": "OS.time", "event": "OS", "time_unit": "days", "event_coding": coding}
    value = {
        "name": "TCGA-BRCA",
        "clinical": outcome | clinical,
        "rna": {"file": "rna.csv.gz", "unit": "z-score"},
        "mirna": {"file": "mirna.csv.gz", "unit": "RPM"},
    }
    write_cohort_toml(folder, CohortFile.model_validate(value))


def test_tcga_rows_without_follow_up_are_all_named(shared_data: Path, tmp_path: Path) -> None:
    write_brca(tmp_path, shared_data)
    with pytest.raises(InputError) as caught:
        load_cohort(tmp_path)
    text = str(caught.value)
    assert text.startswith("clinical.csv has 14 of 1097 rows that cannot be used")
    assert text.count("\n  row ") == 14
    assert 'bad_rows = "leave out"' in text


def test_tcga_brca_becomes_a_cohort_and_a_fitted_preprocess(shared_data: Path, tmp_path: Path) -> None:
    write_brca(tmp_path, shared_data, bad_rows="leave out")
    cohort = load_cohort(tmp_path)
    assert (len(cohort), int(cohort.event.sum())) == (1083, 151)
    assert cohort.fields == ("Age", "Sex", "Stage", "Grade", "Histology")
    codes = {notice.code for notice in cohort.notices}
    assert {"cohort.rows", "table.machines", "table.normal_samples", "table.repeated_samples"} <= codes
    split = stratified_kfold(cohort.case_ids, cohort.event, seed=0)[0]
    fitted = Preprocess.fit(cohort, split.train)
    assert fitted.modalities == ("clinical", "genomic")
    assert any("30 %" in notice.text for notice in fitted.fit_notices), "the coverage of the 1,558-gene table is said"
    batch = fitted.collate([fitted.transform(cohort.case(case)) for case in split.test[:8]])
    assert batch.vectors["rna"].abs().max() <= 6
    stopped = [case for case in split.test if any(n.level == "stop" for n in fitted.notices(cohort.case(case)))]
    assert not stopped


def write_tcga(folder: Path, shared: Path, name: str, **pathology: object) -> None:
    """Clinical, RNA, miRNA and pathology features of one project, each in its own file."""
    table = read_table(shared / "tcga" / "clinical" / "tcga_cdr.csv.gz", as_text=True)
    table[table["cancer"] == name.upper()].to_csv(folder / "clinical.csv", index=False)
    shutil.copy(shared / "tcga" / "rna" / f"{name}_zscore_porpoise.csv.gz", folder / "rna.csv.gz")
    mirna = pd.read_csv(shared / "tcga" / "mirna" / f"{name}_rpm_rtcga.csv.gz")  # KIRP: 16 samples on both machines
    mirna = mirna.sort_values("machine", kind="stable").drop_duplicates("sample_barcode", keep="last")
    mirna.to_csv(folder / "mirna.csv", index=False)
    shutil.copy(shared / "tcga" / "pathology" / str(pathology["file"]), folder)
    coding = {"observed": [1], "censored": [0]}
    outcome = {"time": "OS.time", "event": "OS", "time_unit": "days", "event_coding": coding, "bad_rows": "leave out"}
    value = {
        "name": name,
        "clinical": outcome,
        "rna": {"file": "rna.csv.gz", "unit": "z-score"},
        "mirna": {"file": "mirna.csv", "unit": "RPM"},
        "pathology": pathology,
    }
    write_cohort_toml(folder, CohortFile.model_validate(value))


def test_four_forms_of_tcga_luad_become_a_batch(shared_data: Path, tmp_path: Path) -> None:
    section = {"name_column": "slide_key", "drop": ["slide_map"], "encoder": "HIF"}
    write_tcga(tmp_path, shared_data, "luad", file="hif_luad.csv.gz", **section)
    cohort = load_cohort(tmp_path)
    split = stratified_kfold(cohort.case_ids, cohort.event, seed=0)[0]
    config = PreprocessConfig.model_validate(
        {"modalities": ["pathology", "clinical", "genomic", "mirna"], "genes": "variable", "max_mirna": 200}
    )
    fitted = Preprocess.fit(cohort, split.train, config)
    assert fitted.modalities == config.modalities
    sizes = fitted.sizes
    assert (sizes["d_patch"], sizes["n_mirna"]) == (607, 200)
    assert sizes["n_genes"] > 1000
    assert fitted.clinical.columns[:2] == ("Age", "Age missing")
    assert [name for name in fitted.clinical.columns if name.startswith("Stage")] == [
        "Stage=I", "Stage=II", "Stage=III", "Stage=IV", "Stage missing",
    ]  # fmt: skip
    batch = fitted.collate([fitted.transform(cohort.case(case)) for case in split.test])
    for values in (batch.patches, *batch.vectors.values()):
        assert values.isfinite().all()
    assert cohort.mirna is not None
    here = [case for case in split.test if case in cohort.mirna.index]
    name = fitted.ood.omics["mirna"].scaler.genes[0]
    ours = batch.vectors["mirna"][batch.present["mirna"], 0].numpy()
    assert np.corrcoef(np.log2(cohort.mirna.loc[here, name] + 1), ours)[0, 1] > 0.999
    stopped = [case for case in split.test if any(n.level == "stop" for n in fitted.notices(cohort.case(case)))]
    assert not stopped


def test_several_images_of_a_kirp_patient_are_one_bag(shared_data: Path, tmp_path: Path) -> None:
    write_tcga(tmp_path, shared_data, "kirp", file="kirp_boe64_images.csv.gz", name_column="image", encoder="BoE64")
    cohort = load_cohort(tmp_path)
    split = stratified_kfold(cohort.case_ids, cohort.event, seed=0)[0]
    fitted = Preprocess.fit(cohort, split.train, PreprocessConfig.model_validate({"n_bins": 3}))
    batch = fitted.collate([fitted.transform(cohort.case(case)) for case in split.test])
    counts = pd.read_csv(tmp_path / "kirp_boe64_images.csv.gz", usecols=["case_id"])["case_id"].value_counts()
    assert batch.patch_mask.sum(dim=1).tolist() == [int(counts.get(case, 0)) for case in split.test]
    assert batch.patches.shape[1:] == (counts.reindex(split.test).max(), 2080)


def test_clinical_columns_rank_tcga_brca_like_a_ridge_cox(shared_data: Path, tmp_path: Path) -> None:
    """The floor that data/README.md gives for age, sex and stage by untuned ridge-Cox is .753."""
    lifelines = pytest.importorskip("lifelines")
    from survviz.evaluation import concordance_index

    write_brca(tmp_path, shared_data, bad_rows="leave out")
    cohort = load_cohort(tmp_path)
    config = PreprocessConfig.model_validate({"modalities": ["clinical"], "clinical_tokens": ["Age", "Sex", "Stage"]})
    scores = []
    for split in stratified_kfold(cohort.case_ids, cohort.event, seed=0):
        fitted = Preprocess.fit(cohort, split.train, config)
        train, test = (
            pd.DataFrame([fitted.transform(cohort.case(case)).vectors["clinical"] for case in part], index=list(part))
            for part in (split.train, split.test)
        )
        outcome = train.assign(time=cohort.time[train.index], event=cohort.event[train.index])
        cox = lifelines.CoxPHFitter(penalizer=0.1).fit(outcome, "time", "event")
        risk = cox.predict_log_partial_hazard(test).to_numpy()
        scores.append(concordance_index(risk, cohort.time[test.index].to_numpy(), cohort.event[test.index].to_numpy()))
    assert np.mean(scores) == pytest.approx(0.753, abs=0.03)


def test_the_pan_cancer_folder_is_a_cohort_with_cancer_type(shared_data: Path, tmp_path: Path) -> None:
    for name in ("clinical.csv.gz", "mirna_log2rpm.parquet", "rna_zscore.parquet"):
        shutil.copy(shared_data / "pancancer" / name, tmp_path)
    fields = {
        "Age": {"column": "age_at_diagnosis", "unit": "days"},
        "Sex": "gender",
        "Stage": "tumor_stage",
        "Cancer type": "project_id",
    }
    coding = {"observed": [1], "censored": [0]}
    outcome = {"file": "clinical.csv.gz", "time_unit": "years", "event_coding": coding, "bad_rows": "leave out"}
    value = {
        "name": "pan-cancer",
        "clinical": outcome | {"fields": fields},
        "rna": {"file": "rna_zscore.parquet", "unit": "z-score"},
        "mirna": {"file": "mirna_log2rpm.parquet", "unit": "log2(RPM+1)"},
    }
    write_cohort_toml(tmp_path, CohortFile.model_validate(value))
    cohort = load_cohort(tmp_path)
    assert len(cohort) > 9800
    config = PreprocessConfig.model_validate(
        {"modalities": ["clinical", "genomic", "mirna"], "clinical_tokens": list(fields)}
    )
    fitted = Preprocess.fit(cohort, cohort.case_ids[::2], config)
    assert len(fitted.sizes["clinical_fields"]["Cancer type"]) == 33
    assert not fitted.ood.omics["mirna"].scaler.log2, "the table is logged already"
    batch = fitted.collate([fitted.transform(cohort.case(case)) for case in cohort.case_ids[1:400:2]])
    columns = list(fitted.sizes["clinical_fields"]["Cancer type"])
    assert batch.vectors["clinical"][:, columns].sum(dim=1).tolist() == [1] * 200
    assert 0 < batch.present["mirna"].sum() < 200


def test_every_stage_of_four_tables_is_said_as_a_roman_number_or_as_missing(shared_data: Path) -> None:
    stage = load_templates().select(["Stage"]).fields[0]
    said: set[str] = set()
    for path, column in [
        ("tcga/clinical/tcga_cdr.csv.gz", "ajcc_pathologic_tumor_stage"),
        ("tcga/clinical/survpath_clin_brca.csv", "stage"),
        ("tcga/clinical/survpath_clin_blca.csv", "stage"),
        ("pancancer/clinical.csv.gz", "tumor_stage"),
    ]:
        said |= {stage.say(value) for value in read_table(shared_data / path, as_text=True)[column].unique()}
    words = {sentence.removeprefix("The tumour was stage ").removesuffix(" when it was found.") for sentence in said}
    expected = {f"{roman}{letter}" for roman in ("I", "II", "III", "IV") for letter in ("", "A", "B", "C")}
    assert words <= expected | {"0", "0 (in situ)", "i/ii nos", stage.missing}
    assert {"I", "IIA", "IIIC", "IVA"} <= words


def test_an_absurd_cell_of_a_real_table_does_not_flatten_its_gene(shared_data: Path) -> None:
    table = read_matrix(shared_data / "tcga" / "rna" / "brca_zscore_porpoise.csv.gz")
    assert table.max().max() > 30_000
    scaler = OmicsScaler.fit(table)
    z = scaler.transform_table(table)
    assert np.abs(z).max() <= 6
    assert table["EGFR"].max() > 200
    naive = (table["EGFR"] - table["EGFR"].mean()) / table["EGFR"].std()
    assert np.subtract(*np.percentile(naive, [75, 25])) < 0.1
    assert np.subtract(*np.percentile(z[:, scaler.genes.index("EGFR")], [75, 25])) > 0.5


def test_normal_samples_and_repeats_are_left_out_of_mirna(shared_data: Path) -> None:
    notices: list[Notice] = []
    table = read_matrix(shared_data / "tcga" / "mirna" / "kirc_rpm_rtcga.csv.gz", notices=notices)
    assert table.index.is_unique
    assert table.index.str.len().unique().tolist() == [12]
    texts = {notice.code: notice.text for notice in notices}
    assert texts["table.normal_samples"].startswith("kirc_rpm_rtcga.csv.gz: 71 ")
    assert "2 machines" in texts["table.machines"]


def test_a_full_transcriptome_is_turned_the_right_way_round(shared_data: Path) -> None:
    table = read_matrix(shared_data / "tcga" / "rna" / "stad_rsem_full_rtcga.parquet")
    assert table.shape == (37, 20530)
    assert {"VEGFA", "TP53"} <= set(table.columns)


def test_a_published_split_whose_validation_is_its_test_is_refused(shared_data: Path) -> None:
    table = read_table(shared_data / "chimera_calibration" / "published_split.csv", as_text=True)
    parts = {name: tuple(case for case in table[name] if case) for name in ("train", "val", "test")}
    with pytest.raises(InputError, match="in validation and in test"):
        Split(parts["train"], parts["val"], parts["test"])


def test_published_porpoise_folds_do_not_overlap(shared_data: Path) -> None:
    for path in sorted((shared_data / "tcga" / "splits" / "porpoise" / "kirp").glob("*.csv")):
        table = read_table(path, as_text=True)
        train, test = (tuple(case for case in table[name] if case) for name in ("train", "val"))
        assert len(Split(train, (), test).train) > 100


def test_repeated_slides_in_a_clinical_table_are_found(shared_data: Path, tmp_path: Path) -> None:
    slides = pd.read_csv(shared_data / "tcga" / "clinical" / "porpoise_slides.csv.gz")
    slides[slides["cohort"] == "brca"].to_csv(tmp_path / "clinical.csv", index=False)
    coding = {"observed": [0], "censored": [1]}
    outcome = {"time": "survival_months", "event": "censorship", "time_unit": "months", "event_coding": coding}
    write_cohort_toml(tmp_path, CohortFile.model_validate({"name": "slides", "clinical": outcome}))
    with pytest.raises(InputError, match="appears more than once; keep one row per case"):
        load_cohort(tmp_path)
