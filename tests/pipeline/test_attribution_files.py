"""The files of a cohort's attributions: against the attributions themselves, and by hand where a case is odd."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from survviz.data.cohort import Cohort
from survviz.errors import InputError
from survviz.jobs.kinds import find_kind
from survviz.pipeline import Predictor
from survviz.pipeline.cohort.attribution import CohortAttribution, attribute_cohort, modality_shares
from survviz.pipeline.cohort.attribution_files import (
    BY_CASE,
    DOCUMENT,
    DRIVERS,
    FEATURES,
    FILES,
    SHARES,
    SWARMS,
    compute_attribution_files,
    driver_rows,
    write_attribution_files,
)
from survviz.pipeline.explanation.attribution import CaseAttribution
from survviz.pipeline.explanation.pieces import Piece
from survviz.types import Modality

ROOT = Path(__file__).parents[2]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def by_hand(case_id: str, **values: float) -> CaseAttribution:
    names: list[Modality] = [name for name in ("pathology", "clinical", "genomic") if name in values]
    pieces = tuple(Piece.of((name, "modality", name), np.array([values[name]]), "") for name in names)
    one = np.zeros(1)
    return CaseAttribution(
        case_id, "by hand", "shapley", "risk", "risk score", "no modality", "", 0.0, 0.0, one, one, pieces, (), 0.0,
        (0,), 0.0,
    )  # fmt: skip


@pytest.fixture(scope="module")
def found(predictor: Predictor, cohort: Cohort, held_out: str, member: str) -> CohortAttribution:
    return attribute_cohort(predictor, cohort.subset([held_out, member]), method="relevance")


@pytest.fixture(scope="module")
def folder(found: CohortAttribution, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("attribution")
    assert write_attribution_files(found, folder) == list(FILES)
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    return folder


def test_document_names_what_was_asked_and_holds_the_shares(found: CohortAttribution, folder: Path) -> None:
    document = json.loads((folder / DOCUMENT).read_text())
    assert (document["method"], document["target"], document["baseline"]) == (
        "relevance",
        "risk score",
        "training mean",
    )
    assert document["n_cases"] == 2
    expected = modality_shares(found.cases)
    assert [row["share"] for row in document["shares"]] == pytest.approx([one.share for one in expected])
    assert [row["modality"] for row in rows(folder / SHARES)] == [one.modality for one in expected]


def test_every_piece_of_every_case_is_a_row(found: CohortAttribution, folder: Path) -> None:
    by_case = rows(folder / BY_CASE)
    assert len(by_case) == sum(len(case.pieces) for case in found.cases)
    sizes = [float(row["mean_size"]) for row in rows(folder / FEATURES) if row["level"] == "programme"]
    assert sizes == sorted(sizes, reverse=True)


def test_swarms_hold_values_and_own_numbers_of_the_same_cases(found: CohortAttribution, folder: Path) -> None:
    swarms = json.loads((folder / SWARMS).read_text())
    age = next(one for one in swarms["sentence"] if one["name"] == "Age")
    for case in found.cases:
        piece = next(one for one in case.of("sentence") if one.name == "Age")
        at = age["case_ids"].index(case.case_id)
        assert (age["values"][at], age["own_numbers"][at]) == (piece.value, piece.own_number)
        assert f"{piece.own_number:g}" == piece.own
    sex = next(one for one in swarms["sentence"] if one["name"] == "Sex")
    assert sex["own_numbers"] == [None, None]


def test_own_numbers_are_those_that_the_words_say(found: CohortAttribution) -> None:
    for piece in found.cases[0].of("gene"):
        assert piece.own == f"z = {piece.own_number:+.1f}"
    for piece in found.cases[0].of("programme"):
        assert piece.own.startswith(f"mean z = {piece.own_number:+.1f} over")


def test_driver_is_the_modality_that_adds_most_whichever_way() -> None:
    cases = (by_hand("a", clinical=-3.0, genomic=1.0), by_hand("b", clinical=0.0), by_hand("c", genomic=2.0))
    drivers = driver_rows(CohortAttribution("three", cases, ("X", "X", "Y"), ()))
    assert [(row["driven_by"], row["share"]) for row in drivers] == [("clinical", 0.75), ("none", None), ("genomic", 1)]
    assert [(row["group"], row["clinical"], row["genomic"]) for row in drivers] == [
        ("X", -3.0, 1.0), ("X", 0.0, None), ("Y", None, 2.0),
    ]  # fmt: skip


def test_methods_of_modalities_leave_no_feature(tmp_path: Path) -> None:
    write_attribution_files(CohortAttribution("one", (by_hand("a", clinical=1.0),), (), ()), tmp_path)
    assert (tmp_path / FEATURES).read_text() == ""
    assert json.loads((tmp_path / SWARMS).read_text()) == {}
    assert [row["driven_by"] for row in rows(tmp_path / DRIVERS)] == ["clinical"]


def test_job_keeps_the_files_by_what_was_asked(tmp_path: Path) -> None:
    sample = ROOT / "sample_data"
    text = (sample / "cohort.toml").read_text()
    (tmp_path / "cohort.toml").write_text(text.partition("[rna]")[0] + "[slides]\n")
    for name in ("clinical.csv", "slides.csv"):
        pd.read_csv(sample / name, nrows=2, dtype=str).to_csv(tmp_path / name, index=False)
    (tmp_path / "features").symlink_to(sample / "features")
    asked = {"checkpoint": str(ROOT / "checkpoints" / "demo-survpgc"), "cohort": str(tmp_path), "method": "shapley"}
    seen: list[tuple[int, int]] = []
    model, run, _ = find_kind("attribution")
    folders = [
        Path(run(model.model_validate(asked | more), lambda *at: seen.append(at))["folder"])
        for more in ({}, {}, {"target": "survival:36"})
    ]
    assert folders[0] == folders[1] != folders[2]
    assert seen[-1] == (2, 2)
    assert len(rows(folders[0] / DRIVERS)) == 2
    assert json.loads((folders[2] / DOCUMENT).read_text())["target"] == "survival at 36 months"


def test_folder_of_no_cohort_is_refused_in_words(tmp_path: Path) -> None:
    demo = ROOT / "checkpoints" / "demo-survpgc"
    with pytest.raises(InputError, match=r"cohort\.toml"):
        compute_attribution_files(demo, tmp_path, "shapley", "risk", "training mean")
