"""Files for cBioPortal, by the rules of its File-Formats.md."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from survviz.data.cohort import load_cohort
from survviz.errors import InputError
from survviz.pipeline import Predictor
from survviz.pipeline.cohort.cbioportal import cbioportal_files, cbioportal_zip
from survviz.pipeline.cohort.inference import run_cohort
from survviz.pipeline.cohort.results import CohortResults
from tests.pipeline.cohort_folders import copy_of_sample

N = 8
LINK = "https://survviz.example.org/slide_attention?case=sample:"


def second_endpoint(table: pd.DataFrame) -> pd.DataFrame:
    """With overall survival, unknown for the first."""
    return table.assign(OS=["", *table["event"].iloc[1:]], **{"OS.time": table["time_months"]})


@pytest.fixture(scope="module")
def results(predictor: Predictor, tmp_path_factory: pytest.TempPathFactory) -> CohortResults:
    folder = tmp_path_factory.mktemp("cbioportal")
    cohort = load_cohort(copy_of_sample(folder / "cohort", slice(0, N), clinical=second_endpoint))
    return run_cohort(predictor, cohort, folder / "out")


@pytest.fixture(scope="module")
def files(results: CohortResults) -> dict[str, str]:
    links = {str(case): LINK + str(case) for case in results.table.index}
    return cbioportal_files(results, "my_study", links=links, endpoint="OS")


def test_each_data_file_is_named_by_a_meta_file_of_the_study(files: dict[str, str]) -> None:
    meta = {name: dict(line.split(": ", 1) for line in text.splitlines()) for name, text in files.items()
            if name.startswith("meta_")}  # fmt: skip
    assert {one["data_filename"] for one in meta.values()} == {name for name in files if name.startswith("data_")}
    assert {one["cancer_study_identifier"] for one in meta.values()} == {"my_study"}
    assay = meta["meta_survviz_assay.txt"]
    assert (assay["genetic_alteration_type"], assay["datatype"]) == ("GENERIC_ASSAY", "LIMIT-VALUE")


def test_clinical_file_has_four_lines_of_header_then_names_then_patients(
    files: dict[str, str], results: CohortResults
) -> None:
    lines = files["data_clinical_patient.txt"].splitlines()
    assert [line[0] for line in lines[:4]] == ["#"] * 4
    assert len({line.count("\t") for line in lines}) == 1
    assert all(re.fullmatch("STRING|NUMBER|BOOLEAN", kind) for kind in lines[2][1:].split("\t"))
    assert all(float(one) >= 0 for one in lines[3][1:].split("\t"))
    table = pd.read_csv(io.StringIO("\n".join(lines[4:])), sep="\t").set_index("PATIENT_ID")
    assert all(re.fullmatch(r"[A-Z][A-Z0-9_]*", name) for name in table.columns)
    pd.testing.assert_series_equal(
        table["SURVVIZ_RISK"], results.table["risk"], check_names=False, rtol=1e-5, check_index_type=False
    )
    assert table["SURVVIZ_GROUP"].tolist() == results.table["group"].tolist()


def test_status_begins_with_0_or_1_and_is_empty_where_unknown(files: dict[str, str], results: CohortResults) -> None:
    text = "\n".join(files["data_clinical_patient.txt"].splitlines()[4:])
    table = pd.read_csv(io.StringIO(text), sep="\t", dtype=str, keep_default_na=False).set_index("PATIENT_ID")
    assert (table.loc["SV07-0001", "OS_STATUS"], table.loc["SV07-0001", "OS_MONTHS"]) == ("", "")
    outcome = results.outcomes["OS"]
    assert len(outcome) == N - 1
    for case, row in outcome.to_dict("index").items():
        assert table.loc[str(case), "OS_STATUS"] == ("1:DECEASED" if row["event"] else "0:LIVING")
        assert float(str(table.loc[str(case), "OS_MONTHS"])) == pytest.approx(row["time"])


def test_assay_has_a_column_per_sample_and_na_where_nothing_is(files: dict[str, str], results: CohortResults) -> None:
    table = pd.read_csv(io.StringIO(files["data_survviz_assay.txt"]), sep="\t", keep_default_na=False)
    assert list(table.columns) == ["ENTITY_STABLE_ID", "NAME", "DESCRIPTION", *results.table.index]
    spread = table.set_index("ENTITY_STABLE_ID").loc["survviz_risk_sd"]
    assert spread["SV07-0002"] == "NA"  # scored by one fold
    samples = files["data_clinical_sample.txt"].splitlines()[5:]
    assert [line.split("\t")[1] for line in samples] == list(results.table.index)


def test_links_lead_to_the_cases(files: dict[str, str], results: CohortResults) -> None:
    table = pd.read_csv(io.StringIO(files["data_resource_patient.txt"]), sep="\t")
    assert table["URL"].tolist() == [f"{LINK}{case}" for case in results.table.index]
    assert "data_resource_patient.txt" not in cbioportal_files(results, "my_study")


def test_ids_that_cbioportal_does_not_take_and_links_that_are_none_are_refused(results: CohortResults) -> None:
    with pytest.raises(InputError, match="'my study'"):
        cbioportal_files(results, "my study")
    with pytest.raises(InputError, match="link"):
        cbioportal_files(results, "study", links={"SV07-0001": "javascript:alert(1)"})


def test_same_files_give_the_same_zip(files: dict[str, str], tmp_path: Path) -> None:
    content = cbioportal_zip(files)
    assert content == cbioportal_zip(dict(reversed(files.items())))
    assert set(zipfile.ZipFile(io.BytesIO(content)).namelist()) == set(files)
