"""From somebody's files to a cohort folder: nothing by position, nothing silently, and the same again from the plan."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from survviz.data.cohort import load_cohort
from survviz.data.tables import known_gene_names
from survviz.errors import InputError
from survviz.intake.fixes import DropRows, SetTimeUnit
from survviz.intake.plan import IntakePlan, Report, check, fix_until_done, read_plan
from survviz.intake.reading import Brought, read_sources
from survviz.intake.writing import write
from survviz.units import to_months

N = 40
CASES = [f"TCGA-AA-{i:04d}" for i in range(N)]
GENES = sorted(name for name in known_gene_names() if name.isalnum() and name.isupper())[:25]


def clinical() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "case_id": CASES,
            "OS.time": [400 + 31 * i for i in range(N)],
            "OS": [int(i % 3 == 0) for i in range(N)],
            "DSS.time": [400 + 31 * i for i in range(N)],
            "DSS": ["" if i == 5 else int(i % 6 == 0) for i in range(N)],
            "age_at_diagnosis": [20_000 + 100 * i for i in range(N)],
            "gender": ["MALE", "FEMALE"] * (N // 2),
            "hospital": ["A"] * N,
        }
    )


def expression(cases: list[str]) -> pd.DataFrame:
    values = np.random.default_rng(1).normal(5, 1, (len(cases), len(GENES))).round(3)
    return pd.DataFrame(values, index=pd.Index([f"{case}-01A" for case in cases], name="sample"), columns=GENES)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A clinical table, a second one with stages, and expression of some patients in another order, genes in rows."""
    folder = tmp_path / "files"
    folder.mkdir()
    clinical().to_csv(folder / "clinical.csv", index=False)
    stages = pd.DataFrame({"PATIENT_ID": CASES[::-1], "STAGE": [f"Stage {'I' * (1 + i % 3)}" for i in range(N)]})
    stages.to_csv(folder / "stages.tsv", index=False, sep="\t")
    expression(CASES[30:5:-1]).T.rename_axis("Hugo_Symbol").to_csv(folder / "rna.csv.gz")
    return folder


def mended(folder: Path) -> tuple[Report, Brought]:
    brought = read_sources([folder])
    return fix_until_done(brought, check(brought), ["all-recommended"]), brought


def test_every_value_reaches_its_own_case(files: Path, tmp_path: Path) -> None:
    report, brought = mended(files)
    write(report, brought, tmp_path / "cohort")
    cohort, table = load_cohort(tmp_path / "cohort"), clinical().set_index("case_id")
    assert list(cohort.case_ids) == CASES
    np.testing.assert_allclose(cohort.time, [to_months(days, "days") for days in table["OS.time"]])
    assert list(cohort.event) == [bool(one) for one in table["OS"]]
    assert set(cohort.fields) == {"Age", "Sex", "Stage"}
    np.testing.assert_allclose(cohort.clinical["Age"].astype(float), table["age_at_diagnosis"] / 365.25)
    assert cohort.clinical.loc[CASES[0], "Stage"] == "Stage I"
    assert cohort.clinical.loc[CASES[N - 2], "Stage"] == "Stage II"
    wanted = expression(CASES[30:5:-1])
    assert cohort.rna is not None
    for case in (CASES[6], CASES[30]):
        np.testing.assert_allclose(cohort.rna.loc[case], wanted.loc[f"{case}-01A"], rtol=1e-6)
    assert "hospital" in cohort.clinical


def test_every_endpoint_is_there_under_its_name(files: Path, tmp_path: Path) -> None:
    report, brought = mended(files)
    write(report, brought, tmp_path / "cohort")
    cells = pd.read_csv(tmp_path / "cohort" / "clinical.csv", dtype=str, keep_default_na=False)
    assert list(cells["DSS"])[:7] == ["1", "0", "0", "0", "0", "", "1"]
    assert cells["DSS.time"][5] == ""
    assert list(cells["OS.time"]) == list(cells["time"])


def test_the_same_plan_on_the_same_files_gives_the_same_bytes(files: Path, tmp_path: Path) -> None:
    report, brought = mended(files)
    write(report, brought, tmp_path / "one")
    moved = shutil.copytree(files, tmp_path / "elsewhere")
    again = read_sources([moved])
    write(check(again, read_plan(tmp_path / "one" / "cleaning.json")), again, tmp_path / "two")
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert names == sorted(path.name for path in (tmp_path / "two").iterdir())
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name


def test_a_plan_is_refused_on_other_files(files: Path) -> None:
    report, _ = mended(files)
    (files / "stages.tsv").write_text("PATIENT_ID\tSTAGE\nTCGA-AA-0001\tI\n")
    with pytest.raises(InputError, match=r"stages\.tsv has another content"):
        check(read_sources([files]), report.plan)
    (files / "stages.tsv").unlink()
    with pytest.raises(InputError, match=r"stages\.tsv is not there"):
        check(read_sources([files]), report.plan)


def test_nothing_is_written_while_an_error_stands(files: Path, tmp_path: Path) -> None:
    bad = clinical()
    bad.loc[3, "OS.time"] = -5
    bad.to_csv(files / "clinical.csv", index=False)
    brought = read_sources([files])
    report = check(brought)
    assert not report.ready
    with pytest.raises(InputError, match="negative-times"):
        write(report, brought, tmp_path / "cohort")
    assert not (tmp_path / "cohort").exists()


def test_a_folder_with_files_is_not_written_over(files: Path, tmp_path: Path) -> None:
    report, brought = mended(files)
    with pytest.raises(InputError, match="not empty"):
        write(report, brought, files)
    assert not list(tmp_path.glob(".files*"))


def test_what_was_changed_and_what_stayed_out_is_reported(files: Path, tmp_path: Path) -> None:
    bad = clinical()
    bad.loc[3, "OS.time"] = -5
    bad.to_csv(files / "clinical.csv", index=False)
    strangers = expression([*CASES[:4], "TCGA-ZZ-0001"])
    strangers.to_csv(files / "rna.csv.gz")
    report, brought = mended(files)
    write(report, brought, tmp_path / "cohort")
    document = json.loads((tmp_path / "cohort" / "cleaning.json").read_text())
    changes = [change for step in document["steps"] for change in step["changes"]]
    assert [change["row"] for change in changes if change["after"] == "(left out)"] == ["row 5"]
    assert document["left_out"]["rna.csv.gz"] == ["TCGA-AA-0003-01A", "TCGA-ZZ-0001-01A"]
    words = (tmp_path / "cohort" / "cleaning.md").read_text()
    assert "row 5" in words
    assert "TCGA-ZZ-0001-01A" in words
    assert len(load_cohort(tmp_path / "cohort")) == N - 1


def test_checking_changes_no_file(files: Path) -> None:
    before = {path: path.read_bytes() for path in files.iterdir()}
    mended(files)
    assert {path: path.read_bytes() for path in files.iterdir()} == before


def test_a_person_may_change_the_plan(files: Path) -> None:
    brought = read_sources([files])
    plan = check(brought).plan
    stored = IntakePlan.model_validate_json(plan.model_dump_json())
    assert stored == plan
    assert plan.outcome is not None
    report = check(brought, plan.with_fixes([SetTimeUnit(endpoint="OS", unit="months")]))
    assert report.tables.outcome is not None
    assert report.tables.outcome.main.time_unit == "months"
    again = report.plan.with_fixes([SetTimeUnit(endpoint="OS", unit="months")])
    assert again.fixes == report.plan.fixes
    fewer = check(brought, plan.with_fixes([DropRows(table="clinical.csv", rows=(2, 3))]))
    assert fewer.n_cases == N - 2


def test_slides_and_features_of_an_archive_arrive(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    for name in ("slides", "features"):
        (folder / name).mkdir(parents=True)
    clinical().to_csv(folder / "clinical.csv", index=False)
    (folder / "slides" / f"{CASES[3]}-01Z-00-DX1.svs").write_bytes(b"slide")
    (folder / "slides" / "TCGA-ZZ-0000-DX1.svs").write_bytes(b"stranger")
    (folder / "features" / f"{CASES[3]}-01Z-00-DX1.h5").write_bytes(b"features")
    archive = shutil.make_archive(str(tmp_path / "cohort"), "zip", folder)
    report, brought = mended(Path(archive))
    write(report, brought, tmp_path / "out")
    cohort = load_cohort(tmp_path / "out")
    assert list(cohort.slides["case_id"]) == [CASES[3]]
    assert Path(cohort.slides["path"][0]).read_bytes() == b"slide"
    assert list(cohort.features) == [f"{CASES[3]}-01Z-00-DX1"]
    assert "unmatched-names" in [found.code for found in report.findings]
    assert sorted(path.name for path in (tmp_path / "out" / "slides").iterdir()) == [f"{CASES[3]}-01Z-00-DX1.svs"]


def test_regions_of_a_case_keep_their_names(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    clinical().to_csv(folder / "clinical.csv", index=False)
    regions = pd.DataFrame({"case_id": [CASES[0], CASES[0], CASES[1]], "image": ["a", "b", "a"]})
    for i in range(8):
        regions[f"texture {i}"] = [0.5 + i, 1.5 + i * i, 2.5]
    regions.to_csv(folder / "texture.csv", index=False)
    report, brought = mended(folder)
    write(report, brought, tmp_path / "cohort")
    cohort = load_cohort(tmp_path / "cohort")
    assert cohort.regions is not None
    assert list(cohort.regions.index) == [(CASES[0], "a"), (CASES[0], "b"), (CASES[1], "a")]
    assert cohort.regions.loc[(CASES[0], "b"), "texture 2"] == 5.5


def test_a_cohort_folder_of_ours_is_read_as_it_says(files: Path, tmp_path: Path) -> None:
    report, brought = mended(files)
    write(report, brought, tmp_path / "one")
    own = read_sources([tmp_path / "one"])
    again = check(own)
    assert again.ready
    assert (again.n_cases, again.n_events) == (report.n_cases, report.n_events)
    write(again, own, tmp_path / "two")
    one, two = load_cohort(tmp_path / "one"), load_cohort(tmp_path / "two")
    pd.testing.assert_series_equal(one.time, two.time)
    pd.testing.assert_frame_equal(one.clinical[list(one.fields)], two.clinical[list(two.fields)])
    assert one.rna is not None
    assert two.rna is not None
    pd.testing.assert_frame_equal(one.rna, two.rna)


def test_times_in_two_columns_are_put_together_on_request(tmp_path: Path) -> None:
    dead = [i % 3 == 0 for i in range(N)]
    days = [str(300 + 20 * i) for i in range(N)]
    table = pd.DataFrame(
        {
            "submitter_id": CASES,
            "vital_status": ["Dead" if one else "Alive" for one in dead],
            "days_to_death": [day if one else "'--" for day, one in zip(days, dead, strict=True)],
            "days_to_last_follow_up": ["'--" if one else day for day, one in zip(days, dead, strict=True)],
        }
    )
    path = tmp_path / "clinical.tsv"
    table.to_csv(path, sep="\t", index=False)
    brought = read_sources([path])
    first = check(brought)
    assert [found.code for found in first.findings if found.severity == "error"] == ["time-in-two-columns"]
    report = fix_until_done(brought, first, ["time-in-two-columns"])
    assert report.ready
    write(report, brought, tmp_path / "cohort")
    cohort = load_cohort(tmp_path / "cohort")
    np.testing.assert_allclose(cohort.time, [to_months(float(day), "days") for day in days])
    assert list(cohort.event) == dead
    write(check(brought, read_plan(tmp_path / "cohort" / "cleaning.json")), brought, tmp_path / "again")


def test_other_cancers_can_be_left_out(files: Path) -> None:
    clinical().assign(cancer_type=["LUAD"] * 35 + ["BRCA"] * 5).to_csv(files / "clinical.csv", index=False)
    brought = read_sources([files])
    report = check(brought)
    (other,) = [found for found in report.findings if found.code == "other-cancers"]
    assert "5 of 40 rows" in other.text
    kept = check(brought, report.plan.with_fixes(other.fixes[:1]))
    assert kept.n_cases == 35
