"""A private checkpoint: what it costs, what it holds of whom, and that a killed run costs nothing more."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file

from survviz.checkpoint import doctor, load_checkpoint
from survviz.checkpoint.layout import CARD, CONFIG, PREPROCESS, WEIGHTS
from survviz.data.cohort import Cohort
from survviz.errors import CancelledError, InputError, PrivacyError
from survviz.pipeline.predictor import Predictor
from survviz.privacy.ledger import Ledger
from survviz.training.private_checkpoint import PrivateReport, train_private
from survviz.training.private_config import PrivateConfig
from survviz.training.private_folder import KEY
from tests.training.private_cohort import PROTECTED, private_cohort, private_settings

DELTA = 1e-3


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    return private_cohort(tmp_path_factory.mktemp("cohorts") / "hidden")


@pytest.fixture(scope="module")
def config(cohort: Cohort) -> PrivateConfig:
    return private_settings(cohort)


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    return Ledger("training", cap_epsilon=40, cap_delta=1e-2, folder=tmp_path_factory.mktemp("books") / "ledger")


@pytest.fixture(scope="module")
def report(
    cohort: Cohort, config: PrivateConfig, ledger: Ledger, tmp_path_factory: pytest.TempPathFactory
) -> PrivateReport:
    out = tmp_path_factory.mktemp("made") / "private"
    return train_private(cohort, config, out, epsilon=4, delta=DELTA, ledger=ledger)


def test_the_guarantee_is_at_most_what_was_asked_for_and_lies_in_the_checkpoint(report: PrivateReport) -> None:
    checkpoint = load_checkpoint(report.folder)
    assert checkpoint.config.guarantee == report.guarantee
    assert report.guarantee.spec.epsilon is not None
    assert 3.9 < report.guarantee.spec.epsilon <= 4
    assert (report.guarantee.patients, report.guarantee.batch, report.guarantee.steps) == (PROTECTED, 20, 30)


def test_the_ledger_is_charged_once(report: PrivateReport, ledger: Ledger) -> None:
    (entry,) = (one for one in ledger.entries("hidden") if one.session == "private")
    assert (entry.act, entry.epsilon, entry.delta) == ("training", report.guarantee.spec.epsilon, DELTA)
    assert report.charged


def test_no_training_patient_is_in_the_folder(report: PrivateReport, cohort: Cohort) -> None:
    """Reference, curves and baselines come from the others, and there is no list of hashes."""
    document = json.loads((report.folder / PREPROCESS).read_text())
    assert document["membership"]["test_fold"] == {}
    assert document["reference"]["n_cases"] == 20
    protected = cohort.time.iloc[:PROTECTED]
    times = set(document["reference"]["curves"]["all"]["times"])
    others = set(cohort.time.iloc[PROTECTED:])
    assert times <= others | {0.0}
    assert not times & (set(protected) - others)
    assert document["folds"][0]["ood"]["public"]


def test_other_outcomes_and_records_of_the_protected_change_nothing_but_weights(
    report: PrivateReport, cohort: Cohort, config: PrivateConfig, ledger: Ledger, tmp_path: Path
) -> None:
    """Everything that was fitted is the same whoever is protected; what depends on the weights is the reference."""
    from dataclasses import replace

    clinical = cohort.clinical.copy()
    clinical.loc[clinical.index[:PROTECTED], "Age"] = 33.0
    other = replace(cohort, clinical=clinical)
    found = train_private(other, config, tmp_path / "other", epsilon=4, delta=DELTA, ledger=ledger)
    mine, theirs = (json.loads((one.folder / PREPROCESS).read_text()) for one in (report, found))
    assert mine["folds"] == theirs["folds"]
    first, second = (load_file(one.folder / WEIGHTS) for one in (report, found))
    frozen = [name for name in first if not name.startswith(("fold0.shortcut", "fold0.output_layer"))]
    assert frozen
    assert all(bool((first[name] == second[name]).all()) for name in frozen)


def test_doctor_certifies_it_again_and_notices_a_lie(report: PrivateReport, tmp_path: Path) -> None:
    assert [one for one in doctor(report.folder) if not one.ok] == []
    folder = tmp_path / "lie"
    folder.mkdir()
    for path in report.folder.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    document = json.loads((folder / CONFIG).read_text())
    document["guarantee"]["spec"]["epsilon"] = 1.0
    (folder / CONFIG).write_text(json.dumps(document))
    (wrong,) = (one for one in doctor(folder) if not one.ok)
    assert wrong.name == "privacy"
    assert "its constants give epsilon = 3.9" in wrong.detail


def test_the_card_says_guarantee_constants_composition_and_who_is_not_protected(report: PrivateReport) -> None:
    text = " ".join((report.folder / CARD).read_text().split())
    for part in (
        report.guarantee.spec.bound, "add", "noise multiplier", "It does not protect", "composes",
        "reference patients, whom no model was trained on and whom nothing protects", "of which 46 learn",
    ):  # fmt: skip
        assert part in text, part
    for part in ("out-of-fold", "No formal privacy guarantee", "inner validation", "training cohort and"):
        assert part not in text, part


def test_a_case_is_predicted_and_compared_with_the_reference(report: PrivateReport, cohort: Cohort) -> None:
    predictor = Predictor.load(report.folder, device="cpu")
    for case_id in ("P00", "P59"):
        found = predictor.predict(cohort.case(case_id))
        assert 0 <= found.percentile <= 100
        assert found.group in ("low", "high")
        assert np.isfinite(found.survival).all()
        assert not [notice for notice in found.notices if notice.code == "training.member"]


def test_a_killed_run_goes_on_without_paying_again_or_drawing_other_noise(
    cohort: Cohort, config: PrivateConfig, ledger: Ledger, tmp_path: Path
) -> None:
    def stop(done: int, _: int) -> None:
        if done == 27:
            raise KeyboardInterrupt

    out, partial = tmp_path / "killed", tmp_path / "killed.partial"
    with pytest.raises(KeyboardInterrupt):
        train_private(cohort, config, out, epsilon=4, delta=DELTA, ledger=ledger, progress=stop)
    assert not out.exists()
    assert (partial / KEY).stat().st_mode & 0o077 == 0
    key, spent = (partial / KEY).read_bytes(), ledger.balance("hidden").spent_epsilon
    found = train_private(cohort, config, out, epsilon=4, delta=DELTA, ledger=ledger)
    assert found.resumed
    assert not found.charged
    assert ledger.balance("hidden").spent_epsilon == spent
    assert not partial.exists()
    whole = _with_key(cohort, config, key)
    for name, value in load_file(out / WEIGHTS).items():
        assert bool((whole[name.removeprefix("fold0.")] == value).all()), name


def test_an_unfinished_run_is_not_finished_with_other_data_or_without_its_key(
    cohort: Cohort, config: PrivateConfig, ledger: Ledger, tmp_path: Path
) -> None:
    def stop(done: int, _: int) -> None:
        raise CancelledError

    out = tmp_path / "changed"
    with pytest.raises(CancelledError):
        train_private(cohort, config, out, epsilon=4, delta=DELTA, ledger=ledger, progress=stop)
    with pytest.raises(PrivacyError, match="under the same noise would show the difference"):
        train_private(cohort, config, out, epsilon=1, delta=DELTA, seed=1, ledger=ledger)
    (tmp_path / "changed.partial" / KEY).unlink()
    with pytest.raises(PrivacyError, match="lost its key"):
        train_private(cohort, config, out, epsilon=4, delta=DELTA, ledger=ledger)
    assert train_private(cohort, config, out, epsilon=4, delta=DELTA, ledger=ledger, restart=True).charged


def test_past_the_cap_nothing_is_trained(cohort: Cohort, config: PrivateConfig, tmp_path: Path) -> None:
    poor = Ledger("training", cap_epsilon=1, cap_delta=1e-2, folder=tmp_path / "ledger")
    with pytest.raises(PrivacyError, match="hard cap of 1"):
        train_private(cohort, config, tmp_path / "refused", epsilon=4, delta=DELTA, ledger=poor)
    assert not (tmp_path / "refused").exists()
    assert poor.entries("hidden") == []


def test_without_noise_the_checkpoint_says_no_finite_epsilon(
    cohort: Cohort, config: PrivateConfig, ledger: Ledger, tmp_path: Path
) -> None:
    before = ledger.balance("hidden")
    found = train_private(cohort, config, tmp_path / "clear", epsilon=float("inf"), delta=DELTA, ledger=ledger)
    assert found.guarantee.spec.bound == "no finite epsilon"
    assert not found.charged
    assert ledger.balance("hidden") == before
    assert "no finite epsilon" in (found.folder / CARD).read_text()
    assert [one for one in doctor(found.folder) if not one.ok] == []


def test_a_wrong_public_number_of_patients_is_refused(cohort: Cohort, config: PrivateConfig, tmp_path: Path) -> None:
    wrong = config.model_copy(update={"patients": 4000})
    with pytest.raises(InputError, match="Correct `patients`"):
        train_private(cohort, wrong, tmp_path / "wrong", epsilon=2, delta=1e-5)


def _with_key(cohort: Cohort, config: PrivateConfig, key: bytes) -> dict:
    """Weights of the same run, uninterrupted."""
    from survviz.training.private_checkpoint import private_split
    from survviz.training.private_run import PrivateTrainer

    trainer, split = PrivateTrainer(cohort, config), private_split(cohort, config)
    run = trainer.start(split.train, seed=0, noise_multiplier=trainer.noise_multiplier(4, DELTA), key=key)
    run.run()
    return run.model.state_dict()
