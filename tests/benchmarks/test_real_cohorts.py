"""Cohort folders that are written from the real tables (marker `real`)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.real_cohorts import brca_gpdbn, gbmlgg, kirc_histology, pancancer, tcga
from benchmarks.real_cohorts.patients import usable
from survviz.data.cohort import load_cohort
from survviz.data.cohort_writing import write_cohort
from survviz.data.omics import OmicsScaler
from survviz.data.split_plans import SplitPlan
from survviz.wsi.features import read_features

pytestmark = pytest.mark.real


@pytest.mark.parametrize(
    ("name", "n", "deaths"),
    [("stad", 330, 130), ("blca", 355, 159), ("kirp", 202, 33), ("kirp-images", 202, 33)],
)
def test_four_modality_cohorts_have_the_published_patients(
    name: str, n: int, deaths: int, shared_data: Path, tmp_path: Path
) -> None:
    """README: STAD 331 (131) counts a patient whose RNA is not in the table of z-scores; the others are the same."""
    write_cohort(tmp_path, tcga.build(shared_data, name))
    cohort = load_cohort(tmp_path)
    assert (len(cohort), int(cohort.event.sum())) == (n, deaths)
    assert cohort.regions is not None
    assert cohort.rna is not None
    assert cohort.mirna is not None
    owners = cohort.regions.index.get_level_values(0)
    assert set(owners) == set(cohort.rna.index) == set(cohort.mirna.index) == set(cohort.case_ids)
    assert len(owners) > 2 * n if name == "kirp-images" else len(owners) < 1.5 * n
    assert np.abs(OmicsScaler.fit(cohort.rna).transform_table(cohort.rna)).max() <= 6
    made = SplitPlan(kind="file", file="splits/porpoise.csv").splits(cohort)
    assert sorted(case for named in made for case in named.split.test) == sorted(cohort.case_ids)


def test_values_are_those_of_the_patient_in_the_source_table(shared_data: Path) -> None:
    built = tcga.build(shared_data, "blca")
    case = built.clinical.index[17]
    source = pd.read_csv(shared_data / "tcga" / "mirna" / "blca_rpm_rtcga.csv.gz")
    rows = source[source["sample_barcode"].str.startswith(f"{case}-01")]
    assert built.matrices["mirna"][0].loc[case, "hsa-mir-21"] in set(rows["hsa-mir-21"])
    outcome = pd.read_csv(shared_data / "tcga" / "clinical" / "tcga_cdr.csv.gz").set_index("case_id").loc[case]
    assert built.clinical.loc[case, ["time", "event"]].tolist() == [outcome["OS.time"], outcome["OS"]]
    assert built.pathology is not None
    assert not {"WES_tmb", "Fig5.(a)", "Fig5.(b)"} & set(built.pathology.columns), "no measured TMB, no risk groups"


def test_of_several_mirna_samples_the_primary_tumour_on_the_newer_machine_is_kept() -> None:
    old, new = "Illumina Genome Analyzer", tcga.NEWER_MACHINE
    rows = [
        ("TCGA-AA-0001-11A-x", 11, new, 1.0),
        ("TCGA-AA-0001-06A-x", 6, new, 2.0),
        ("TCGA-AA-0001-01A-x", 1, old, 3.0),
        ("TCGA-AA-0001-01A-y", 1, new, 4.0),
        ("TCGA-AA-0002-06A-x", 6, old, 5.0),
    ]
    table = pd.DataFrame(rows, columns=["sample_barcode", "sample_type", "machine", "hsa-mir-21"])
    table.insert(0, "case_id", table["sample_barcode"].str[:12])
    kept, said = tcga.one_sample_per_patient(table.sample(frac=1, random_state=0))
    assert kept["hsa-mir-21"].to_dict() == {"TCGA-AA-0001": 4.0, "TCGA-AA-0002": 5.0}
    assert said == "miRNA: 1 normal samples and 2 further samples of a patient left out"


def test_the_pan_cancer_split_tests_the_published_validation_patients(shared_data: Path) -> None:
    built = pancancer.build(shared_data)
    labels = pd.read_csv(shared_data / "pancancer" / "labels.csv.gz").set_index("case_id")
    (named,) = built.splits["published"]
    assert set(labels.loc[list(named.split.test), "group"]) == {"val"}
    assert set(labels.loc[list(named.split.train), "group"]) == {"train"}
    assert not [column for column in built.clinical.columns if "treatment" in column]


def test_kirc_and_gpdbn_have_their_published_splits(shared_data: Path, tmp_path: Path) -> None:
    for name, build, n, deaths, splits in [
        ("kirc", kirc_histology.build, 425, 147, 15),
        ("gpdbn", brca_gpdbn.build, 1015, 146, 5),
    ]:
        write_cohort(tmp_path / name, build(shared_data))
        cohort = load_cohort(tmp_path / name)
        assert (len(cohort), int(cohort.event.sum())) == (n, deaths)
        assert len(SplitPlan(kind="file", file="splits/published.csv").splits(cohort)) == splits


def test_a_glioma_region_is_sixteen_patches_of_128_um_or_one_of_512(shared_data: Path, tmp_path: Path) -> None:
    image = next((shared_data / "gbmlgg" / "roi").glob("TCGA-CS-4938-*.jpg"))
    for encoder, n, side in (("he-descriptor-2um", 16, 64), ("he-descriptor-2um-region", 1, 256)):
        gbmlgg.encode_regions([image], tmp_path / encoder, encoder, 1)
        file = tmp_path / encoder / f"{image.stem}.h5"
        bag = read_features(file)
        assert (len(bag), bag.patch_size_level0, bag.mpp, bag.encoder) == (n, side, 2.0, encoder)
        written = file.stat().st_mtime_ns
        gbmlgg.encode_regions([image], tmp_path / encoder, encoder, 1)
        assert file.stat().st_mtime_ns == written, "what is encoded is not encoded again"
        file.write_bytes(b"cut off")
        gbmlgg.encode_regions([image], tmp_path / encoder, encoder, 1)
        assert len(read_features(file)) == n, "a damaged file is made again"


def test_patients_without_follow_up_are_left_out_and_counted() -> None:
    table = pd.DataFrame({"time": [5, 0, None, 7], "event": [1, 0, 1, None]}, index=list("ABCD"))
    kept, notes = usable(table)
    assert kept.index.tolist() == ["A"]
    assert notes == ("3 patients without outcome or with 0 follow-up left out",)
