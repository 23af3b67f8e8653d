"""Broken outcome tables."""

from __future__ import annotations

import pandas as pd

from tests.intake.corpus.broken import Broken, one_table
from tests.intake.corpus.good import N, case_ids, clinical, csv

TABLE = clinical()


def _with(**columns: list[str]) -> dict[str, bytes]:
    return {"clinical.csv": csv(TABLE.assign(**columns))}


def _renamed(names: dict[str, str], **columns: list[str]) -> dict[str, bytes]:
    return {"clinical.csv": csv(TABLE.assign(**columns).rename(columns=names))}


def _repeat(rows: list[int], **changes: str) -> dict[str, bytes]:
    more = TABLE.iloc[rows].assign(**changes)
    return {"clinical.csv": csv(pd.concat([TABLE, more]))}


SCIENTIFIC = [f"{i + 1}.23E+05" for i in range(N)]
DATES = [f"{i % 12 + 1}-Mar" if i < 3 else case for i, case in enumerate(case_ids())]
DEAD = ["Dead" if event == "0" else "Alive" for event in TABLE["OS"]]
FLIPPED = ["Dead" if (event == "1") != (i == 4) else "Alive" for i, event in enumerate(TABLE["OS"])]

OUTCOMES = (
    one_table("id empty", "missing-id", "1 row", rows=1, case_id={3: ""}),
    one_table("id is a word for missing", "missing-id", "2 rows", rows=2, case_id={3: "NA", 5: "[Not Available]"}),
    one_table(
        "ids turned into numbers by a spreadsheet",
        "spoilt-ids",
        "spreadsheet",
        "1.23E+05",
        severity="warning",
        mended=False,
        case_id=SCIENTIFIC,
    ),
    one_table("ids turned into dates", "spoilt-ids", "1-Mar", severity="warning", mended=False, rows=3, case_id=DATES),
    Broken("several slides per patient", _repeat([2, 2, 9]), "several-rows-per-case", ("2 cases", "P003"), rows=3),
    Broken("two rows contradict", _repeat([2], OS="9"), "conflicting-rows", ("1 case", "OS", "P003"), rows=2),
    Broken("two rows with other ages", _repeat([7], age="41"), "conflicting-rows", ("age", "P008"), rows=2),
    one_table("time missing", "missing-outcome", "2 of 40", "row 4", rows=2, OS__time={2: "", 8: "NA"}),
    one_table("event missing", "missing-outcome", "1 of 40", "row 4", rows=1, OS={2: "[Not Available]"}),
    one_table("time is a word", "not-a-time", "'soon'", rows=1, OS__time={2: "soon"}),
    one_table("time is a date", "not-a-time", "2019-05-01", rows=1, OS__time={5: "2019-05-01"}),
    one_table("time is infinite", "not-a-time", "infinite", rows=1, OS__time={5: "inf"}),
    one_table("negative time", "negative-times", "-5", "-999", rows=2, OS__time={2: "-5", 3: "-999"}),
    one_table("follow-up of no days", "zero-times", "2 cases", "half a day", rows=2, OS__time={2: "0", 7: "0.0"}),
    one_table("a life of 500 years", "impossible-times", "182625", rows=1, OS__time={2: "182625"}),
    Broken(
        "days called months",
        _renamed({"OS.time": "OS_MONTHS", "OS": "OS_STATUS"}, **{"OS.time": [str(30 * i + 400) for i in range(N)]}),
        "time-unit",
        ("followed for more than", "days"),
        mended=False,
    ),
    one_table("an event of 2", "unknown-event-codes", "'2'", rows=1, OS={2: "2"}),
    one_table("an unknown event word", "unknown-event-codes", "unclear", rows=1, OS={2: "unclear"}),
    Broken("inverted by vital status", _with(vital_status=DEAD), "inverted-coding", ("vital_status", "opposite")),
    Broken(
        "one patient dead and alive",
        _with(vital_status=FLIPPED),
        "vital-status",
        ("1 row", "disagree"),
        severity="warning",
        rows=1,
        mended=False,
    ),
    one_table("nobody died", "no-events", "None of 40", mended=False, OS=["0"] * N),
    one_table("everybody died", "only-events", "All 40", severity="warning", mended=False, OS=["1"] * N),
    one_table("three died", "few-events", "Only 3", severity="warning", mended=False, OS=["1"] * 3 + ["0"] * (N - 3)),
    Broken(
        "entered after the end",
        _with(entry_time=["9999" if i == 3 else "0" for i in range(N)]),
        "entry-after-end",
        ("1 case", "at or after the end"),
        rows=1,
    ),
    Broken(
        "entry missing",
        _with(entry_time=["" if i == 3 else "0" for i in range(N)]),
        "missing-entry",
        ("1 row",),
        rows=1,
    ),
    Broken(
        "progression after death",
        _with(
            **{
                "PFI": list(TABLE["OS"]),
                "PFI.time": [str(int(t) + 500 * (i == 3)) for i, t in enumerate(TABLE["OS.time"])],
            }
        ),
        "endpoint-after-death",
        ("1 case", "PFI"),
        severity="warning",
        rows=1,
        mended=False,
    ),
    Broken(
        "died of it but alive",
        _with(**{"DSS": ["1" if i == 1 else e for i, e in enumerate(TABLE["OS"])], "DSS.time": list(TABLE["OS.time"])}),
        "endpoint-contradiction",
        ("1 case", "DSS"),
        severity="warning",
        rows=1,
        mended=False,
    ),
    Broken(
        "another endpoint half missing",
        _with(**{"PFI": ["" if i % 2 else e for i, e in enumerate(TABLE["OS"])], "PFI.time": list(TABLE["OS.time"])}),
        "missing-endpoint",
        ("20 of 40",),
        severity="note",
        rows=20,
        mended=False,
    ),
    Broken(
        "no outcome at all",
        {"clinical.csv": csv(TABLE[["case_id", "age", "sex"]])},
        "no-outcome",
        ("OS.time",),
        mended=False,
    ),
    Broken(
        "decimal commas in a comma file",
        _with(**{"OS.time": [f"{float(t) + 0.5:.1f}".replace(".", ",") for t in TABLE["OS.time"]]}),
        "not-a-time",
        ("decimals",),
    ),
)
