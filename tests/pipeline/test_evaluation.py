"""A checkpoint on a cohort folder: the bundled one (its training cohort), and a small one that it never saw."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from survviz.data.cohort import Cohort
from survviz.errors import InputError
from survviz.evaluation import concordance_index, kaplan_meier, uno_concordance
from survviz.pipeline import Predictor
from survviz.pipeline.cohort.evaluation import common_curves, evaluate, load_for_evaluation
from survviz.pipeline.cohort.scoring import known_as, score_cohort

ROOT = Path(__file__).parents[2]
TOML = """
name = "Elsewhere"
[clinical]
time = "OS.time"
event = "OS"
time_unit = "months"
event_coding = { observed = ["dead"], censored = ["alive"] }
fields = { Age = "age", Sex = "sex", Stage = "stage", Grade = "grade", Smoking = "smoking", "Cancer type" = "type" }
[rna]
file = "rna.csv"
unit = "log2(TPM + 1)"
[slides]
[features]
encoder = "he-descriptor"
"""


@pytest.fixture
def elsewhere(tmp_path: Path) -> Callable[..., Path]:
    """A folder with 30 bundled cases under new names: two cancer types, a second endpoint, three slides."""

    def build(**change: Callable[[pd.DataFrame], None]) -> Path:
        clinical = pd.read_csv(ROOT / "sample_data" / "clinical.csv").iloc[10:40]
        clinical = clinical.rename(columns={"time_months": "OS.time", "event": "OS"})
        rna = pd.read_csv(ROOT / "sample_data" / "rna.csv.gz")
        rna = rna[rna["case_id"].isin(clinical["case_id"])]
        slides = pd.read_csv(ROOT / "sample_data" / "slides.csv")
        slides = slides[slides["case_id"].isin(clinical["case_id"])].iloc[:3].assign(path="")
        tables = {"clinical": clinical, "rna": rna.copy(), "slides": slides}
        (tmp_path / "features").mkdir()
        for old in slides["slide_id"]:
            source = ROOT / "sample_data" / "features" / f"{old}.h5"
            (tmp_path / "features" / f"{old.replace('SV07', 'NEW')}.h5").write_bytes(source.read_bytes())
        for table in tables.values():
            for column in {"case_id", "slide_id"} & set(table.columns):
                table[column] = table[column].str.replace("SV07", "NEW")
        clinical["type"] = np.where(np.arange(30) % 2, "LUAD", "LUSC")
        clinical["PFI"], clinical["PFI.time"] = clinical["OS"], clinical["OS.time"] / 2
        for name, edit in change.items():
            edit(tables[name])
        (tmp_path / "cohort.toml").write_text(TOML)
        for name, table in tables.items():
            table.to_csv(tmp_path / f"{name}.csv", index=False)
        return tmp_path

    return build


def test_out_of_fold_numbers_are_the_checkpoints_own(predictor: Predictor, cohort: Cohort) -> None:
    found = evaluate(predictor, cohort, training_cases=True)
    own = predictor.checkpoint.reference.metrics
    harrell = found.estimates["harrell_c"]
    assert harrell.value == pytest.approx(own.c_index, abs=1e-9)
    assert (harrell.low, harrell.high) == pytest.approx((own.low, own.high), abs=1e-9)
    assert found.estimates["logrank_p"].value == pytest.approx(own.logrank_p, rel=1e-6)
    assert len(found.predictions) == predictor.checkpoint.reference.n_cases
    assert all(len(one.folds) == 1 for one in found.predictions)
    assert found.protocol.startswith("Out of fold")
    assert found.censoring == "training"
    assert {one.kind for one in found.not_scored} == {"outside"}


def test_training_cases_are_left_out_and_counted(predictor: Predictor, cohort: Cohort) -> None:
    found = evaluate(predictor, cohort, n_resamples=20)
    assert {one.case_id for one in found.predictions} == cohort.holdout
    assert all(one.kind == "training" for one in found.not_scored)
    assert len(found.predictions) + len(found.not_scored) == found.n_cohort == len(cohort)
    assert "the 194 training cases in the folder are left out" in found.protocol


def test_batches_score_as_single_cases_do(predictor: Predictor, cohort: Cohort) -> None:
    for one in score_cohort(predictor, cohort).predictions:
        alone = predictor.predict(cohort.case(one.case_id))
        assert one.risk == pytest.approx(alone.risk, abs=1e-5)
        np.testing.assert_allclose(one.survival, alone.survival, atol=1e-5)
        assert (one.present, one.folds, one.notices) == (alone.present, alone.folds, alone.notices)


def test_a_batch_of_cases_of_different_folds_is_refused(predictor: Predictor, cohort: Cohort, held_out: str) -> None:
    member = next(name for name in cohort.case_ids if name not in cohort.holdout)
    with pytest.raises(InputError, match="2 groups of folds"):
        predictor.predict_batch([cohort.case(held_out), cohort.case(member)], [(), ()])


def test_a_cohort_from_elsewhere_is_external_validation(predictor: Predictor, elsewhere: Callable[..., Path]) -> None:
    cohort = load_for_evaluation(elsewhere())
    found = evaluate(predictor, cohort, anyway=True, n_resamples=50)
    assert found.protocol.startswith("External validation")
    assert len(found.predictions) == found.estimates["harrell_c"].n == 30
    assert found.censoring == "cohort"
    assert found.missing["pathology"] == 27
    risk = np.array([one.risk for one in found.predictions])
    assert found.estimates["harrell_c"].value == concordance_index(risk, found.time, found.event)
    assert set(found.by_stratum) == {"LUAD", "LUSC"}
    assert sum(one.n for one in found.by_stratum.values()) == 30
    assert found.estimates["within_c"].value is not None


def test_censoring_weights_are_of_the_patients_that_are_followed_alike(
    predictor: Predictor, elsewhere: Callable[..., Path]
) -> None:
    cohort = load_for_evaluation(elsewhere())
    found = {
        who: evaluate(predictor, cohort, anyway=True, censoring=who, n_resamples=5) for who in ("auto", "training")
    }
    risk = np.array([one.risk for one in found["auto"].predictions])
    outcomes = found["auto"].time, found["auto"].event
    own = uno_concordance(risk, *outcomes, train_time=outcomes[0], train_event=outcomes[1], tau=60.0)
    training = predictor.checkpoint.reference.curves["all"].outcomes()
    theirs = uno_concordance(risk, *outcomes, train_time=training[0], train_event=training[1], tau=60.0)
    assert [one.estimates["uno_c"].value for one in found.values()] == pytest.approx([own, theirs])
    with pytest.raises(InputError, match="'mine' were asked; expected auto, training, cohort"):
        evaluate(predictor, cohort, censoring="mine")


def test_rows_that_cannot_be_used_are_left_out_with_a_notice(elsewhere: Callable[..., Path]) -> None:
    def spoil(table: pd.DataFrame) -> None:
        table["OS"] = table["OS"].astype(object)
        table.iloc[0, table.columns.get_loc("OS")] = "perhaps"

    cohort = load_for_evaluation(elsewhere(clinical=spoil))
    assert len(cohort) == 29
    assert any("perhaps" in notice.text or "1 of 30" in notice.text for notice in cohort.notices)


def test_another_endpoint_is_read_from_its_columns(elsewhere: Callable[..., Path]) -> None:
    folder = elsewhere()
    survival, progression = load_for_evaluation(folder), load_for_evaluation(folder, "PFI")
    np.testing.assert_allclose(progression.time, survival.time / 2)
    with pytest.raises(InputError, match=r"DSS\.time"):
        load_for_evaluation(folder, "DSS")


def test_a_case_that_cannot_be_read_does_not_stop_the_rest(
    predictor: Predictor, elsewhere: Callable[..., Path]
) -> None:
    folder = elsewhere()
    broken = min((folder / "features").glob("*.h5"))
    broken.write_bytes(b"not a feature file")
    found = evaluate(predictor, load_for_evaluation(folder), anyway=True, n_resamples=10)
    (lost,) = found.not_scored
    assert (lost.kind, broken.stem.startswith(lost.case_id)) == ("error", True)
    assert len(found.predictions) == 29


def test_cases_unlike_the_training_cohort_are_scored_only_on_demand(
    predictor: Predictor, elsewhere: Callable[..., Path]
) -> None:
    def other_unit(table: pd.DataFrame) -> None:
        table[table.columns[1:]] = table[table.columns[1:]].to_numpy()[:, ::-1] * 40 + 300

    cohort = load_for_evaluation(elsewhere(rna=other_unit))
    found = evaluate(predictor, cohort, n_resamples=10)
    unlike = [one for one in found.not_scored if one.kind == "unlike"]
    assert unlike
    assert all("RNA" in one.reason for one in unlike)
    assert len(evaluate(predictor, cohort, anyway=True, n_resamples=10).predictions) == 30
    with pytest.raises(InputError, match=r"None of the .* are unlike the training cohort \(--anyway"):
        evaluate(predictor, cohort.subset([one.case_id for one in unlike]))


def test_without_any_case_to_score_the_reason_is_given(predictor: Predictor, cohort: Cohort) -> None:
    members = cohort.subset([name for name in cohort.case_ids if name not in cohort.holdout][:3])
    with pytest.raises(InputError, match=r"3 are in the training cohort .*--training-cases"):
        evaluate(predictor, members)
    with pytest.raises(InputError, match="6 are not in the training cohort"):
        evaluate(predictor, cohort.subset(sorted(cohort.holdout)), training_cases=True)


def test_one_case_has_predictions_and_reasons_instead_of_metrics(predictor: Predictor, cohort: Cohort) -> None:
    found = evaluate(predictor, cohort.subset([min(cohort.holdout)]))
    assert len(found.predictions) == 1
    assert "at least two cases; 1 given" in found.estimates["harrell_c"].reason


def test_a_training_case_is_known_by_its_own_id_only_where_it_is_no_barcode(predictor: Predictor) -> None:
    assert known_as(predictor.checkpoint, "SV07-0002") == "SV07-0002"
    assert known_as(predictor.checkpoint, "TCGA-AA-0001-01A") is None


def test_training_outcomes_come_back_from_the_curve() -> None:
    random = np.random.default_rng(0)
    time, event = random.integers(0, 9, 60).astype(float), random.random(60) < 0.5
    times, events = kaplan_meier(time, event).outcomes()
    order = np.lexsort((~event, time))
    np.testing.assert_array_equal(times, time[order])
    np.testing.assert_array_equal(events, event[order])


def test_common_curves_keep_every_value_and_end_where_each_ends(predictor: Predictor, cohort: Cohort) -> None:
    predictions = score_cohort(predictor, cohort.subset(cohort.case_ids[:12]), training_cases=True).predictions
    times, curves = common_curves(predictions)
    for one, curve in zip(predictions, curves, strict=True):
        np.testing.assert_allclose(curve[np.searchsorted(times, one.times)], one.survival, atol=1e-12)
        assert np.isnan(curve[times > one.times[-1]]).all()
