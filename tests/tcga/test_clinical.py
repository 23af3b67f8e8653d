"""Outcome and clinical fields: from the GDC's cases in three forms, and the TCGA-CDR."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from survviz.errors import InputError
from survviz.tcga.clinical import outcome_of, read_clinical, row_of

from .conftest import Download

KIRC = ["TCGA-KIRC"]


def case(vital: str | None, *, death: Any = None, last: Any = None, follow_ups: tuple[Any, ...] = ()) -> dict[str, Any]:
    return {
        "submitter_id": "TCGA-B0-0001",
        "demographic": {"vital_status": vital, "days_to_death": death},
        "diagnoses": [{"days_to_last_follow_up": last}],
        "follow_ups": [{"days_to_follow_up": days} for days in follow_ups],
    }


@pytest.mark.parametrize(
    ("value", "outcome"),
    [
        (case("Dead", death=120, last=400, follow_ups=(50,)), (120, True, "")),
        (case("Alive", last=300, follow_ups=(700, None, 20)), (700, False, "")),
        (case("Alive", follow_ups=("650",)), (650, False, "")),
        (case("Alive", last="'--"), (None, False, "")),
        (case("Dead", last=400), (None, True, "")),
        (case("Not Reported", last=400), (None, None, "no vital status")),
        (case(None), (None, None, "no vital status")),
        (case("Alive", death=5, last=9), (None, None, "alive, yet with a day of death")),
        ({"diagnoses": [{"vital_status": "dead", "days_to_death": 12}]}, (12, True, "")),
    ],
)
def test_the_dead_have_a_day_of_death_and_the_living_their_last_follow_up(
    value: dict[str, Any], outcome: tuple[Any, ...]
) -> None:
    assert outcome_of(value) == outcome


def test_patients_without_usable_outcome_are_named_by_reason(gdc: Download) -> None:
    gdc.cases = [
        gdc.clinical("TCGA-B0-0001", 1),
        {**gdc.clinical("TCGA-B0-0003", 3), "demographic": {"vital_status": "Unknown"}},
        {**gdc.clinical("TCGA-B0-0005", 5), "diagnoses": [{"days_to_last_follow_up": 0}]},
        {**gdc.clinical("TCGA-B0-0007", 7), "diagnoses": [{"days_to_last_follow_up": -3}]},
        {**gdc.clinical("TCGA-B0-0009", 9), "diagnoses": []},
    ]
    found = read_clinical(gdc.write_lists(), KIRC)
    assert list(found.table.index) == ["TCGA-B0-0001"]
    assert found.notes == (
        "2 patients left out, 0 or fewer days of follow-up: TCGA-B0-0005, TCGA-B0-0007",
        "1 patients left out, no follow-up time: TCGA-B0-0009",
        "1 patients left out, no vital status: TCGA-B0-0003",
    )


def test_only_the_diagnosis_of_the_project_s_disease_is_read() -> None:
    first = {"ajcc_pathologic_stage": "Stage IV", "age_at_diagnosis": 10000, "classification_of_tumor": "metastasis"}
    second = {"ajcc_pathologic_stage": "Stage I", "age_at_diagnosis": 20000, "classification_of_tumor": "primary"}
    rows = [row_of({"diagnoses": [first, second]}), row_of({"diagnoses": [second, first]})]
    assert rows[0] == rows[1]
    assert rows[0].stages == {"ajcc_pathologic_stage": "Stage I"}
    assert rows[0].age_years == pytest.approx(20000 / 365.25, abs=0.005)
    marked = row_of({"diagnoses": [second, {**first, "diagnosis_is_primary_disease": True}]})
    assert marked.stages == {"ajcc_pathologic_stage": "Stage IV"}


def test_a_cohort_has_one_staging_system_and_older_fields_are_found(gdc: Download) -> None:
    gdc.cases = [gdc.clinical(f"TCGA-B0-000{i}", i) for i in range(4)]
    for one, stages in zip(
        gdc.cases, ({"figo_stage": "Stage IIIC"},) * 3 + ({"ajcc_pathologic_stage": "I"},), strict=True
    ):
        one["diagnoses"][0].pop("ajcc_pathologic_stage")
        one["diagnoses"][0] |= stages
        one["demographic"]["gender"] = one["demographic"].pop("sex_at_birth").upper()
        one["demographic"]["age_at_index"] = 61
        one["diagnoses"][0].pop("age_at_diagnosis")
        one.pop("project")  # carts of before 2020 say neither project nor case, but the lists of files do
        one.pop("submitter_id")
    listed = {f"TCGA-B0-000{i}": "TCGA-KIRC" for i in range(4)}
    table = read_clinical(gdc.write_lists(), KIRC, listed).table
    assert table["stage"].tolist() == ["Stage IIIC"] * 3 + [None]
    assert table["sex"].tolist() == ["female", "male"] * 2
    assert table["age_years"].tolist() == [61.0] * 4


OLD = [
    "case_id", "case_submitter_id", "project_id", "age_at_index", "days_to_death", "gender", "race", "vital_status",
    "age_at_diagnosis", "ajcc_pathologic_stage", "days_to_last_follow_up", "tumor_grade", "treatment_type",
]  # fmt: skip
NEW = [
    "cases.case_id", "cases.submitter_id", "project.project_id", "demographic.age_at_index",
    "demographic.days_to_death", "demographic.sex_at_birth", "demographic.race", "demographic.vital_status",
    "diagnoses.age_at_diagnosis", "diagnoses.ajcc_pathologic_stage", "diagnoses.days_to_last_follow_up",
    "diagnoses.tumor_grade", "treatments.treatment_type",
]  # fmt: skip


@pytest.mark.parametrize("header", [OLD, NEW], ids=["older cart", "newer cart"])
def test_clinical_tsv_with_a_row_per_treatment_says_what_the_json_says(
    gdc: Download, header: list[str], tmp_path: Path
) -> None:
    gdc.cases = [gdc.clinical(f"TCGA-B0-000{i}", i) for i in range(4)]
    expected = read_clinical(gdc.write_lists(), KIRC)
    rows = []
    for one in gdc.cases:
        who, what = one["demographic"], one["diagnoses"][0]
        cells = ["u", one["submitter_id"], "TCGA-KIRC", "'--", who.get("days_to_death", "'--"), who["sex_at_birth"]]
        cells += [who["race"], who["vital_status"], what["age_at_diagnosis"], what["ajcc_pathologic_stage"]]
        cells += [what["days_to_last_follow_up"] or "'--", what["tumor_grade"]]
        rows += [[*cells, treatment] for treatment in ("Radiation Therapy, NOS", "Pharmaceutical Therapy, NOS")]
    cart = tmp_path / "cart"
    cart.mkdir()
    pd.DataFrame(rows, columns=header).to_csv(cart / "clinical.tsv", sep="\t", index=False)
    pd.testing.assert_frame_equal(read_clinical(cart, KIRC).table, expected.table)
    later = pd.DataFrame({"cases.submitter_id": ["TCGA-B0-0001"] * 2, "follow_ups.days_to_follow_up": [900, "'--"]})
    later.to_csv(cart / "follow_up.tsv", sep="\t", index=False)
    assert read_clinical(cart, KIRC).table.loc["TCGA-B0-0001", "time"] == 900


def cdr(**changed: Any) -> dict[str, Any]:
    row = {"bcr_patient_barcode": "TCGA-B0-0001", "type": "KIRC", "age_at_initial_pathologic_diagnosis": 70}
    row |= {"gender": "FEMALE", "race": "BLACK OR AFRICAN AMERICAN", "ajcc_pathologic_tumor_stage": "Stage II"}
    row |= {"clinical_stage": "[Not Applicable]", "histological_grade": "G4", "OS": 1, "OS.time": 77, "Redaction": ""}
    return row | changed


@pytest.mark.parametrize("name", ["TCGA-CDR-SupplementalTableS1.xlsx", "tcga_cdr.csv"])
def test_the_cdr_gives_the_outcome_and_fills_gaps(gdc: Download, name: str) -> None:
    gdc.cases = [gdc.clinical(f"TCGA-B0-000{i}", i) for i in (1, 3, 5)]
    gdc.cases[0]["demographic"]["race"] = "not reported"
    rows = [
        cdr(),
        cdr(bcr_patient_barcode="TCGA-B0-0003", OS="#N/A"),
        cdr(bcr_patient_barcode="TCGA-B0-0006"),
        cdr(bcr_patient_barcode="TCGA-B0-0008", Redaction="Redacted"),
        cdr(bcr_patient_barcode="TCGA-B0-0010", type="KIRP"),
    ]
    folder = gdc.write_lists()
    table = pd.DataFrame(rows)
    (table.to_excel if name.endswith("xlsx") else table.to_csv)(folder / name, index=False)
    found = read_clinical(folder, KIRC)
    assert found.table["time"].to_dict() == {"TCGA-B0-0001": 77, "TCGA-B0-0005": 505, "TCGA-B0-0006": 77}
    assert found.table["event"].tolist() == [1, 0, 1]
    assert found.table.loc["TCGA-B0-0001", ["race", "grade", "stage"]].tolist() == [
        "black or african american", "G2", "Stage III",
    ]  # fmt: skip
    assert found.table.loc["TCGA-B0-0006", ["sex", "stage", "age_years"]].tolist() == ["female", "Stage II", 70]
    assert found.notes == (
        "outcome of 4 patients by the TCGA-CDR, of 1 others by the GDC's cases",
        "1 patients left out, no vital status in the TCGA-CDR: TCGA-B0-0003",
        "1 patients left out, redacted: TCGA-B0-0008",
    )


def test_the_same_patient_twice_is_said_and_with_other_values_refused(gdc: Download) -> None:
    gdc.cases = [gdc.clinical("TCGA-B0-0001", 1), gdc.clinical("TCGA-B0-0001", 1)]
    found = read_clinical(gdc.write_lists(), KIRC)
    assert found.notes == ("1 patients are in the clinical files twice, with the same values: used once",)
    gdc.cases[1]["diagnoses"][0]["days_to_last_follow_up"] = 9
    with pytest.raises(InputError, match="two entries with different values"):
        read_clinical(gdc.write_lists(), KIRC)


def test_another_project_and_a_project_without_outcome_are_refused(gdc: Download) -> None:
    gdc.cases = [{**gdc.clinical("TCGA-B0-0001", 1), "diagnoses": []}]
    folder = gdc.write_lists()
    with pytest.raises(InputError, match=r"None of the 1 patients .* is of TCGA-LUAD"):
        read_clinical(folder, ["TCGA-LUAD"])
    with pytest.raises(InputError, match="No patient of TCGA-KIRC has a usable outcome"):
        read_clinical(folder, KIRC)


def test_an_answer_of_the_interface_is_read_as_a_cart_is(gdc: Download, tmp_path: Path) -> None:
    gdc.cases = [gdc.clinical(f"TCGA-B0-000{i}", i) for i in range(3)]
    answer = tmp_path / "answer"
    answer.mkdir()
    (answer / "cases.json").write_text(json.dumps({"data": {"hits": gdc.cases, "pagination": {"total": 3}}}))
    pd.testing.assert_frame_equal(read_clinical(answer, KIRC).table, read_clinical(gdc.write_lists(), KIRC).table)


@pytest.mark.real
def test_the_real_cdr_gives_the_published_patients(shared_data: Path) -> None:
    """Deaths and patients of KIRC as the table has them (537 patients, 177 deaths in the TCGA-CDR)."""
    folder = shared_data / "tcga" / "clinical"
    found = read_clinical(folder, KIRC).table
    source = pd.read_csv(folder / "tcga_cdr.csv.gz").query("cancer == 'KIRC'").set_index("case_id")
    kept = source[source["OS"].isin([0, 1]) & (source["OS.time"] > 0) & source["Redaction"].isna()].sort_index()
    assert found["time"].to_dict() == kept["OS.time"].to_dict()
    assert found["event"].to_dict() == kept["OS"].astype(int).to_dict()
