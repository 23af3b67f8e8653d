"""Which columns hold the outcome, and what their cells mean, in the conventions that people use."""

from __future__ import annotations

import pandas as pd
import pytest

from survviz.intake.coding import coding_in_words, guess_coding
from survviz.intake.outcome import guess_outcome
from survviz.intake.tables import Coding, FieldSource

N = 40
TIMES = [str(10 + 7 * i) for i in range(N)]
SEEN = [i % 3 == 0 for i in range(N)]
IDS = [f"TCGA-AA-{i:04d}" for i in range(N)]


def table(**columns: list[str]) -> pd.DataFrame:
    return pd.DataFrame({"case_id": IDS, **columns}, dtype=object)


def words(yes: str, no: str) -> list[str]:
    return [yes if seen else no for seen in SEEN]


LIVING = words("1:DECEASED", "0:LIVING")


@pytest.mark.parametrize(
    ("columns", "time", "event", "observed", "unit"),
    [
        ({"OS.time": TIMES, "OS": words("1.0", "0.0")}, "OS.time", "OS", {"1"}, "months"),
        ({"OS_MONTHS": TIMES, "OS_STATUS": LIVING}, "OS_MONTHS", "OS_STATUS", {"1:deceased"}, "months"),
        ({"time": TIMES, "event": words("1", "0")}, "time", "event", {"1"}, "months"),
        ({"survival_months": TIMES, "censorship": words("0", "1")}, "survival_months", "censorship", {"0"}, "months"),
        ({"AVAL_DAYS": TIMES, "CNSR": words("0", "1")}, "AVAL_DAYS", "CNSR", {"0"}, "days"),
        ({"os_days": TIMES, "vital_status": words("Dead", "Alive")}, "os_days", "vital_status", {"dead"}, "days"),
        ({"futime": TIMES, "fustat": words("1", "0")}, "futime", "fustat", {"1"}, "months"),
        ({"time_years": TIMES, "died": words("yes", "no")}, "time_years", "died", {"yes"}, "years"),
        ({"time": TIMES, "status": words("2", "1")}, "time", "status", {"2"}, "months"),
        ({"survivalA": TIMES, "censorA.0yes.1no": words("1", "0")}, "survivalA", "censorA.0yes.1no", {"1"}, "months"),
    ],
)  # fmt: skip
def test_conventions_are_recognised(
    columns: dict[str, list[str]], time: str, event: str, observed: set[str], unit: str
) -> None:
    guess = guess_outcome({"a.csv": table(**columns)})
    assert guess.outcome is not None
    main = guess.outcome.main
    assert (guess.outcome.id, main.name, main.time, main.event) == ("case_id", "OS", time, event)
    assert set(main.coding.observed) == observed
    if unit != "months" or "onths" in time.lower():
        assert main.time_unit == unit
    assert f"= event, {sum(SEEN)} of {N}" in " ".join(guess.words)


def test_endpoints_are_kept_apart_and_overall_survival_comes_first() -> None:
    cells = table(
        PFI=words("1", "0"), **{"PFI.time": TIMES, "OS": words("1", "0"), "OS.time": TIMES},
        survival_months_dss=TIMES, censorship_dss=words("0", "1"),
    )  # fmt: skip
    outcome = guess_outcome({"a.csv": cells}).outcome
    assert outcome is not None
    assert {one.name: (one.time, one.event) for one in outcome.endpoints} == {
        "OS": ("OS.time", "OS"),
        "DSS": ("survival_months_dss", "censorship_dss"),
        "PFI": ("PFI.time", "PFI"),
    }
    assert outcome.main.name == "OS"


def test_times_known_only_of_the_dead_are_no_follow_up() -> None:
    cells = table(days_to_death=TIMES, vital_status=words("Dead", "Alive"), age_at_diagnosis=TIMES)
    guess = guess_outcome({"a.csv": cells})
    assert guess.outcome is None
    assert [found.code for found in guess.findings] == ["no-outcome"]


def test_an_event_in_unknown_words_is_asked_for_not_guessed() -> None:
    guess = guess_outcome({"a.csv": table(time=TIMES, event=words("A", "B"))})
    assert guess.outcome is None
    assert [found.code for found in guess.findings] == ["event-coding"]
    assert "'A'" in guess.findings[0].text


def test_fields_come_from_other_tables_too_and_ages_in_days_are_told() -> None:
    first = table(time=TIMES, event=words("1", "0"), age_at_diagnosis=[str(20_000 + i) for i in range(N)])
    second = table(AJCC_PATHOLOGIC_TUMOR_STAGE=["Stage II"] * N, SEX=["Female"] * N, site=["A2"] * N)
    outcome = guess_outcome({"a.csv": first, "b.csv": second}).outcome
    assert outcome is not None
    assert outcome.fields == {
        "Age": FieldSource(table="a.csv", column="age_at_diagnosis", unit="days"),
        "Sex": FieldSource(table="b.csv", column="SEX"),
        "Stage": FieldSource(table="b.csv", column="AJCC_PATHOLOGIC_TUMOR_STAGE"),
    }


def test_patients_name_the_cases_before_samples_do() -> None:
    cells = table(time=TIMES, event=words("1", "0")).rename(columns={"case_id": "_PATIENT"})
    cells.insert(0, "sample", [f"{case}-01" for case in IDS])
    outcome = guess_outcome({"a.csv": cells}).outcome
    assert outcome is not None
    assert outcome.id == "_PATIENT"


def test_the_coding_is_said_in_words() -> None:
    cells = pd.Series(["1:DECEASED"] * 214 + ["0:LIVING"] * 280 + [""] * 4)
    coding = guess_coding("os_status", cells)
    assert coding == Coding(observed=("1:deceased",), censored=("0:living",))
    assert coding_in_words(coding, cells) == "1:deceased = event, 214 of 498; 0:living = censored; 4 are neither"


@pytest.mark.parametrize("value", ["1", "0"])
def test_a_column_of_one_value_still_has_two_sides(value: str) -> None:
    coding = guess_coding("event", pd.Series([value] * 5))
    assert coding is not None
    assert coding.observed == ("1",)
