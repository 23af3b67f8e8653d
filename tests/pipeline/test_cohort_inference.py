"""A cohort scored in parts: what comes out is what the predictor says of each case, however often it was killed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from survviz.data.cohort import Cohort, load_cohort
from survviz.errors import CancelledError, InputError
from survviz.pipeline import Predictor
from survviz.pipeline.cohort.evaluation import load_for_evaluation
from survviz.pipeline.cohort.inference import infer, run_cohort
from survviz.pipeline.cohort.part_runs import CASES_PER_PART
from survviz.pipeline.cohort.results import PATIENTS, CohortResults, find_results
from tests.pipeline.cohort_folders import ROOT, SAMPLE, copy_of_sample

CHECKPOINT = ROOT / "checkpoints" / "demo-survpgc"


@pytest.fixture(scope="module")
def whole(predictor: Predictor, cohort: Cohort, tmp_path_factory: pytest.TempPathFactory) -> CohortResults:
    """The bundled cohort, scored once."""
    return run_cohort(predictor, cohort, tmp_path_factory.mktemp("whole") / "out")


@pytest.mark.parametrize("row", [0, 1, 2, 7, 61, 199])
def test_each_row_is_what_the_predictor_says_of_the_case_alone(
    whole: CohortResults, predictor: Predictor, cohort: Cohort, row: int
) -> None:
    case_id = str(whole.table.index[row])
    alone, found = predictor.predict(cohort.case(case_id), allow_unlike=True), whole.table.loc[case_id]
    assert found["risk"] == pytest.approx(alone.risk, abs=1e-5)
    assert found["percentile"] == pytest.approx(alone.percentile)
    assert found["group"] == alone.group
    assert [found[name] for name in ("S_12", "S_36", "S_60")] == pytest.approx(
        [at.survival for at in alone.horizons], abs=1e-5
    )
    assert [name for name in predictor.modalities if found[f"has_{name}"]] == list(alone.present)
    assert found["folds"] == " ".join(str(fold + 1) for fold in alone.folds)
    np.testing.assert_allclose(np.interp(alone.times, whole.times, whole.survival[row]), alone.survival, atol=1e-5)


def test_training_cases_are_scored_out_of_fold_and_held_out_ones_by_all_folds(
    whole: CohortResults, cohort: Cohort
) -> None:
    unseen = set(whole.table.index[whole.table["standing"] == "unseen"])
    assert unseen == cohort.holdout
    assert whole.n_out_of_fold == len(cohort) - len(cohort.holdout)
    assert (whole.table.loc[sorted(unseen), "folds"] == "1 2 3 4 5").all()


def test_out_of_fold_risks_give_the_c_index_of_the_card(whole: CohortResults, predictor: Predictor) -> None:
    own = whole.table.index[whole.table["standing"] == "out of fold"]
    kept = predictor.checkpoint.reference.risks
    np.testing.assert_allclose(np.sort(whole.table.loc[own, "risk"]), kept, atol=1e-4)


def test_cancelled_run_goes_on_after_its_finished_parts(
    whole: CohortResults, predictor: Predictor, cohort: Cohort, tmp_path: Path
) -> None:
    def stop(done: int, _: int) -> None:
        if done > CASES_PER_PART + 10:
            raise CancelledError("Cancelled.")

    with pytest.raises(CancelledError):
        run_cohort(predictor, cohort, tmp_path / "out", progress=stop)
    (part,) = (tmp_path / "out" / "parts").glob("*.safetensors")
    before = part.stat().st_mtime_ns
    seen: list[int] = []
    found = run_cohort(predictor, cohort, tmp_path / "out", progress=lambda done, _: seen.append(done))
    assert min(seen) == CASES_PER_PART
    assert before < (tmp_path / "out" / PATIENTS).stat().st_mtime_ns
    pd.testing.assert_frame_equal(found.table, whole.table)
    assert not (tmp_path / "out" / "parts").exists()


KILL = """
import os, signal, sys
from survviz.pipeline.cohort.inference import infer
def kill(done, total):
    if done > 140:
        os.kill(os.getpid(), signal.SIGKILL)
infer(sys.argv[1], sys.argv[2], sys.argv[3], device="cpu", progress=kill)
"""


def test_killed_process_leaves_what_the_next_one_goes_on_from(
    whole: CohortResults, cohort: Cohort, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-c", KILL, str(CHECKPOINT), str(cohort.folder), str(out)]
    assert subprocess.run(command, cwd=ROOT, env=dict(os.environ), check=False).returncode == -9
    assert len(list((out / "parts").glob("*.safetensors"))) == 1
    found = infer(CHECKPOINT, cohort.folder, out, device="cpu")
    pd.testing.assert_frame_equal(found.table, whole.table)
    np.testing.assert_allclose(found.survival, whole.survival, atol=1e-6)


def test_damaged_part_is_made_again(predictor: Predictor, tmp_path: Path) -> None:
    cohort = load_cohort(copy_of_sample(tmp_path / "cohort", slice(0, 4)))
    first = run_cohort(predictor, cohort, tmp_path / "a")
    (tmp_path / "b" / "parts").mkdir(parents=True)
    shutil.copy(tmp_path / "a" / "run.json", tmp_path / "b")
    (tmp_path / "b" / "parts" / "0000000.safetensors").write_bytes(b"half of it")
    pd.testing.assert_frame_equal(run_cohort(predictor, cohort, tmp_path / "b").table, first.table)


def test_case_that_cannot_be_read_is_a_row_and_the_others_are_as_without_it(
    whole: CohortResults, predictor: Predictor, tmp_path: Path
) -> None:
    folder = copy_of_sample(tmp_path / "cohort", slice(0, 6))
    (folder / "features").unlink()
    shutil.copytree(SAMPLE / "features", folder / "features")
    (folder / "features" / "SV07-0002-DX1.h5").write_bytes(b"no features")
    found = run_cohort(predictor, load_for_evaluation(folder), tmp_path / "out")
    (refused,) = found.not_scored.to_dict("records")
    assert (refused["case_id"], refused["kind"]) == ("SV07-0002", "error")
    assert "SV07-0002-DX1" in refused["reason"]
    others = [f"SV07-000{i}" for i in (1, 3, 4, 5, 6)]
    np.testing.assert_allclose(found.table.loc[others, "risk"], whole.table.loc[others, "risk"], atol=1e-5)


def test_rows_without_an_outcome_are_listed(predictor: Predictor, tmp_path: Path) -> None:
    def spoil(table: pd.DataFrame) -> pd.DataFrame:
        table.iloc[1, table.columns.get_loc("time_months")] = "-3"
        table.iloc[2, table.columns.get_loc("event")] = "perhaps"
        return table

    cohort = load_for_evaluation(copy_of_sample(tmp_path / "cohort", slice(0, 6), clinical=spoil))
    found = run_cohort(predictor, cohort, tmp_path / "out")
    assert list(found.table.index) == ["SV07-0001", "SV07-0004", "SV07-0005", "SV07-0006"]
    assert dict(zip(found.not_scored["case_id"], found.not_scored["kind"], strict=True)) == {
        "SV07-0002": "outcome",
        "SV07-0003": "outcome",
    }


def test_every_endpoint_with_a_time_column_is_kept_and_unknown_outcomes_are_not(
    predictor: Predictor, tmp_path: Path
) -> None:
    def second(table: pd.DataFrame) -> pd.DataFrame:
        table = table.assign(**{"PFI": ["dead", "alive", "", "alive"], "PFI.time": ["3.5", "7", "9", "-1"]})
        return table.assign(remark="as.time")

    cohort = load_for_evaluation(copy_of_sample(tmp_path / "cohort", slice(0, 4), clinical=second))
    found = run_cohort(predictor, cohort, tmp_path / "out")
    assert list(found.outcomes) == ["event", "PFI"]
    assert found.outcomes["PFI"].to_dict("index") == {
        "SV07-0001": {"time": 3.5, "event": True},
        "SV07-0002": {"time": 7.0, "event": False},
    }


def test_own_endpoint_has_the_name_of_the_one_that_says_the_same(predictor: Predictor, tmp_path: Path) -> None:
    def overall(table: pd.DataFrame) -> pd.DataFrame:
        others = {"PFI": "alive", "PFI.time": "4", "OS": table["event"], "OS.time": table["time_months"]}
        return table.assign(**others)

    cohort = load_for_evaluation(copy_of_sample(tmp_path / "cohort", slice(0, 4), clinical=overall))
    found = run_cohort(predictor, cohort, tmp_path / "out")
    assert list(found.outcomes) == ["OS", "PFI"]


def test_what_is_saved_is_what_is_loaded(predictor: Predictor, tmp_path: Path) -> None:
    """Also ids that look like numbers, and cells that look missing."""

    def rename(table: pd.DataFrame) -> pd.DataFrame:
        names = {"SV07-0001": "007", "SV07-0002": "1e5", "SV07-0003": "NA-3"}
        return table.assign(case_id=[names[case] for case in table["case_id"]])

    def remark(table: pd.DataFrame) -> pd.DataFrame:
        return rename(table).assign(remark=["None of it", "", "3"])

    folder = copy_of_sample(tmp_path / "cohort", slice(0, 3), clinical=remark, slides=rename, rna=rename, mirna=rename)
    found = run_cohort(predictor, load_for_evaluation(folder), tmp_path / "out")
    assert sorted(found.table.index) == ["007", "1e5", "NA-3"]
    assert found.clinical.loc[["007", "1e5", "NA-3"], "remark"].tolist() == ["None of it", None, 3.0]
    again = CohortResults.load(found.save(tmp_path / "copy"))
    pd.testing.assert_frame_equal(again.table, found.table)
    pd.testing.assert_frame_equal(again.clinical, found.clinical)
    np.testing.assert_array_equal(again.survival, found.survival)
    assert again.table.dtypes.to_dict() == found.table.dtypes.to_dict()


def test_results_are_found_again_until_a_table_changes(tmp_path: Path) -> None:
    folder = copy_of_sample(tmp_path / "cohort", slice(0, 3))
    found = infer(CHECKPOINT, folder, device="cpu")
    assert find_results(found.checkpoint_sha256, folder) == found.folder
    assert find_results("0" * 64, folder) is None
    os.utime(folder / "clinical.csv", (2e9, 2e9))
    assert find_results(found.checkpoint_sha256, folder) is None


def test_folder_with_other_results_or_other_files_is_refused(predictor: Predictor, tmp_path: Path) -> None:
    run_cohort(predictor, load_cohort(copy_of_sample(tmp_path / "a", slice(0, 3))), tmp_path / "out")
    other = load_cohort(copy_of_sample(tmp_path / "b", slice(3, 6)))
    with pytest.raises(InputError, match="something else"):
        run_cohort(predictor, other, tmp_path / "out")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("text")
    with pytest.raises(InputError, match="not empty"):
        run_cohort(predictor, other, tmp_path / "mine")


def test_table_in_a_linear_unit_is_logged_first(whole: CohortResults, predictor: Predictor, tmp_path: Path) -> None:
    def linear(table: pd.DataFrame) -> pd.DataFrame:
        names = [name for name in table.columns if name != "case_id"]
        return table.assign(**{name: 2 ** table[name].astype(float) - 1 for name in names})

    folder = copy_of_sample(tmp_path / "cohort", slice(0, 6), rna=linear)
    text = (folder / "cohort.toml").read_text().replace("log2(TPM + 1)", "TPM")
    (folder / "cohort.toml").write_text(text)
    found = run_cohort(predictor, load_for_evaluation(folder), tmp_path / "out")
    assert found.document["converted"] == [["RNA", "TPM", "log2(TPM + 1)"]]
    np.testing.assert_allclose(found.table["risk"], whole.table["risk"].iloc[:6], atol=1e-4)
