"""A cohort's folder: what is read, what is refused, and in which words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from survviz.data.cohort import Cohort, load_cohort, read_cohort_toml, write_cohort_toml
from survviz.errors import InputError
from survviz.types import Bag
from survviz.units import DAYS_PER_MONTH
from survviz.wsi.features import write_features


def edit(folder: Path, old: str, new: str) -> None:
    path = folder / "cohort.toml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_cohort_is_keyed_by_case(cohort: Cohort) -> None:
    assert len(cohort) == 40
    assert cohort.case_ids[0] == "C000"
    assert cohort.fields == ("Age", "Sex", "Stage")
    assert cohort.event.sum() == 20
    assert cohort.time.index.equals(cohort.clinical.index)
    assert cohort.holdout == {"C039"}
    assert cohort.rna is not None
    assert len(cohort.rna) == 32


def test_times_are_converted_to_months(cohort: Cohort, cohort_folder: Path) -> None:
    raw = pd.read_csv(cohort_folder / "clinical.csv").set_index("patient")["follow_up"]
    np.testing.assert_allclose(cohort.time.to_numpy(), raw.to_numpy() / DAYS_PER_MONTH)


def test_missing_modalities_are_none_or_empty(cohort: Cohort) -> None:
    case = cohort.case("C000")
    assert case.rna is None
    assert case.bags == ()
    assert case.clinical is not None
    assert cohort.case("C002").clinical == {"Age": cohort.clinical.loc["C002", "Age"], "Sex": "F", "Stage": None}
    texts = [item.text for item in cohort.notices if item.code == "cohort.missing"]
    assert texts == [
        "8 of 40 cases have no RNA; they are used without.",
        "6 of 40 cases have no encoded slides; they are used without.",
    ]


def test_all_slides_of_a_case_are_read_in_the_order_of_the_table(cohort: Cohort) -> None:
    assert [bag.slide_id for bag in cohort.case("C003").bags] == ["C003_a", "C003_b"]
    assert cohort.case("C003", bags=False).bags == ()


def test_values_follow_the_case_and_not_the_row(cohort_folder: Path, cohort: Cohort) -> None:
    rna = pd.read_csv(cohort_folder / "rna.csv.gz").sample(frac=1, random_state=1)
    rna.to_csv(cohort_folder / "rna.csv.gz", index=False)
    clinical = pd.read_csv(cohort_folder / "clinical.csv", dtype=str, keep_default_na=False).iloc[::-1]
    clinical.to_csv(cohort_folder / "clinical.csv", index=False)
    shuffled = load_cohort(cohort_folder)
    for case in ("C001", "C017", "C038"):
        one, other = shuffled.case(case), cohort.case(case)
        assert (one.rna, one.clinical) == (other.rna, other.clinical)
        assert shuffled.time[case] == cohort.time[case]


def test_a_subset_holds_only_its_cases(cohort: Cohort) -> None:
    part = cohort.subset(["C003", "C001", "C039"])
    assert part.case_ids == ("C003", "C001", "C039")
    assert set(part.slides["slide_id"]) == {"C003_a", "C003_b", "C001_a", "C039_a"} == set(part.features)
    assert part.holdout == {"C039"}
    with pytest.raises(InputError, match="no case X"):
        cohort.subset(["X"])
    with pytest.raises(InputError, match="twice"):
        cohort.subset(["C001", "C001"])


def test_an_unknown_case_is_refused(cohort: Cohort) -> None:
    with pytest.raises(InputError, match="no case 'X'"):
        cohort.case("X")


def test_every_bad_row_is_reported_at_once(cohort_folder: Path) -> None:
    table = pd.read_csv(cohort_folder / "clinical.csv", dtype=str, keep_default_na=False)
    table.loc[1, "follow_up"] = "-3"
    table.loc[2, "follow_up"] = "0"
    table.loc[3, "follow_up"] = "NA"
    table.loc[4, "follow_up"] = "1,5"
    table.loc[5, "status"] = "lost"
    table.loc[6, "status"] = ""
    table.loc[7, "patient"] = "C008"
    table.loc[9, "age_years"] = "25000"
    table.loc[10, "patient"] = ""
    table.loc[11, "follow_up"] = "inf"
    table.to_csv(cohort_folder / "clinical.csv", index=False)
    with pytest.raises(InputError) as caught:
        load_cohort(cohort_folder)
    lines = str(caught.value).splitlines()
    assert lines[0] == "clinical.csv has 11 of 40 rows that cannot be used (row 1 is the header):"
    for number, part in [
        (3, "follow_up is -3; expected days above 0"),
        (4, "follow_up is 0"),
        (5, "follow_up is missing"),
        (6, "write decimals with a point"),
        (7, "status is 'lost', which event_coding does not list (observed: dead; censored: alive)"),
        (8, "status is missing"),
        (9, "'C008' appears more than once"),
        (10, "'C008' appears more than once"),
        (11, "Age: 25000 was given; expected 0 to 120"),
        (12, "the case id (patient) is empty"),
        (13, "expected days above 0"),
    ]:
        assert any(line.strip().startswith(f"row {number}:") and part in line for line in lines), (number, part)


def test_bad_rows_can_be_left_out_and_are_then_said(cohort_folder: Path) -> None:
    table = pd.read_csv(cohort_folder / "clinical.csv", dtype=str, keep_default_na=False)
    table.loc[1, "follow_up"] = "0"
    table.to_csv(cohort_folder / "clinical.csv", index=False)
    edit(cohort_folder, 'time_unit = "days"', 'time_unit = "days"\nbad_rows = "leave out"')
    loaded = load_cohort(cohort_folder)
    assert "C001" not in loaded.case_ids
    assert any(notice.code == "cohort.rows" and "1 of 40" in notice.text for notice in loaded.notices)


def test_unknown_and_missing_entries_of_the_toml_are_all_named(cohort_folder: Path) -> None:
    edit(cohort_folder, 'time_unit = "days"', 'time_units = "days"')
    with pytest.raises(InputError) as caught:
        load_cohort(cohort_folder)
    assert "2 problems" in str(caught.value)
    assert "clinical.time_unit: is required" in str(caught.value)
    assert "clinical.time_units: is not a known name; did you mean 'time_unit'?" in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('time = "follow_up"', 'time = "days"', "lacks the column for time = 'days'"),
        ('time_unit = "days"', 'time_unit = "weeks"', "clinical.time_unit"),
        ('censored = ["alive"]', 'censored = ["alive", "dead"]', "as observed and as censored"),
        ('Age = "age_years"', 'Age = "alter"', "Age is in column 'alter'"),
        ('Age = "age_years"', 'Agee = "age_years"', "Did you mean 'Age'"),
        ('holdout = ["C039"]', 'holdout = ["C999"]', "C999"),
        ('encoder = "test-encoder"', 'folder = "nowhere"', "does not exist"),
        ('file = "rna.csv.gz"', 'file = "none.csv"', "does not exist"),
        ('name = "Small"', "name = Small", "not valid TOML"),
    ],
)
def test_a_wrong_toml_is_explained(cohort_folder: Path, old: str, new: str, said: str) -> None:
    edit(cohort_folder, old, new)
    with pytest.raises(InputError, match=said.replace("(", r"\(")):
        load_cohort(cohort_folder)


def test_a_folder_without_toml_is_no_cohort(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no cohort\.toml"):
        load_cohort(tmp_path)


def test_event_codes_may_be_numbers_or_booleans(cohort_folder: Path) -> None:
    table = pd.read_csv(cohort_folder / "clinical.csv", dtype=str, keep_default_na=False)
    table["status"] = ["1.0" if i % 2 else "0" for i in range(len(table))]
    table.to_csv(cohort_folder / "clinical.csv", index=False)
    edit(cohort_folder, 'observed = ["dead"], censored = ["alive"]', "observed = [1], censored = [0, false]")
    assert load_cohort(cohort_folder).event.sum() == 20


def test_an_age_in_days_is_converted_when_said(cohort_folder: Path, cohort: Cohort) -> None:
    table = pd.read_csv(cohort_folder / "clinical.csv")
    table["age_years"] = table["age_years"] * 365.25
    table.to_csv(cohort_folder / "clinical.csv", index=False)
    edit(cohort_folder, 'Age = "age_years"', 'Age = { column = "age_years", unit = "days" }')
    assert load_cohort(cohort_folder).clinical["Age"].tolist() == pytest.approx(cohort.clinical["Age"].tolist())


def test_fields_are_found_by_their_usual_names_when_none_is_given(cohort_folder: Path) -> None:
    file = read_cohort_toml(cohort_folder)
    clinical = file.clinical.model_copy(update={"fields": {}})
    write_cohort_toml(cohort_folder, file.model_copy(update={"clinical": clinical}))
    assert load_cohort(cohort_folder).fields == ("Age", "Sex", "Stage")


def test_slides_are_matched_by_name_without_a_slide_table(cohort_folder: Path) -> None:
    file = read_cohort_toml(cohort_folder)
    write_cohort_toml(cohort_folder, file.model_copy(update={"slides": None}))
    loaded = load_cohort(cohort_folder)
    assert loaded.slide_ids("C003") == ("C003_a", "C003_b")


def test_bad_rows_of_the_slide_table_are_listed(cohort_folder: Path) -> None:
    path = cohort_folder / "slides.csv"
    path.write_text("case_id,slide_id,mpp\nC001,s1,0.5\nC002,s1,0.5\nC003,,0.5\nC004,s4,700\nC005,s5,half\n")
    with pytest.raises(InputError) as caught:
        load_cohort(cohort_folder)
    for part in (
        "4 bad rows",
        "row 3: slide 's1' is also in row 2",
        "row 4: case_id or slide_id is empty",
        "row 5: mpp",
        "row 6: mpp",
    ):
        assert part in str(caught.value)


def test_features_of_another_encoder_are_refused(cohort_folder: Path) -> None:
    edit(cohort_folder, 'encoder = "test-encoder"', 'encoder = "uni"')
    with pytest.raises(InputError, match="'test-encoder', but 'uni'"):
        load_cohort(cohort_folder).case("C001")


def test_toml_survives_writing_and_reading(cohort_folder: Path) -> None:
    file = read_cohort_toml(cohort_folder)
    write_cohort_toml(cohort_folder / "again", file)
    assert read_cohort_toml(cohort_folder / "again") == file


def test_genomic_tokens_are_read_without_pickle(cohort_folder: Path) -> None:
    folder = cohort_folder / "tokens"
    folder.mkdir()
    np.save(folder / "C001.npy", np.ones((4, 8), dtype=np.float32))
    np.save(folder / "C002.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with (cohort_folder / "cohort.toml").open("a") as file:
        file.write('\n[genomic_tokens]\nfolder = "tokens"\nnames = ["a", "b", "c", "d"]\n')
    loaded = load_cohort(cohort_folder)
    tokens = loaded.case("C001").genomic_tokens
    assert tokens is not None
    assert tokens.shape == (4, 8)
    with pytest.raises(InputError, match=r"C002\.npy"):
        loaded.case("C002")


def test_a_damaged_feature_file_is_an_input_error(cohort_folder: Path) -> None:
    (cohort_folder / "features" / "C001_a.h5").write_bytes(b"no h5")
    with pytest.raises(InputError):
        load_cohort(cohort_folder).case("C001")


def test_slides_of_unknown_cases_are_left_out_and_said(cohort_folder: Path, make_bag: type[Bag]) -> None:
    write_features(cohort_folder / "features" / "X1.h5", make_bag("X1", 0))
    with (cohort_folder / "slides.csv").open("a") as file:
        file.write("X1,X1\n")
    loaded = load_cohort(cohort_folder)
    assert "X1" not in set(loaded.slides["slide_id"])
    assert any(notice.code == "cohort.unused_slides" for notice in loaded.notices)
