"""A model that was trained on tables of pathology features: it predicts, and says why it has no map."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from survviz.cli.cases import CaseFiles, run_explain, run_predict
from survviz.data.cohort import Cohort, load_cohort
from survviz.errors import InputError
from survviz.pipeline import Predictor
from survviz.pipeline.explanation.truth import localisation
from survviz.training import TrainConfig, cross_validate

TOML = """\
name = "regions"

[clinical]
time_unit = "months"
event_coding = { observed = [1], censored = [0] }

[pathology]
file = "hif.csv"
name_column = "image"
encoder = "hif"
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A cohort folder and a checkpoint folder."""
    folder = tmp_path_factory.mktemp("regions")
    random = np.random.default_rng(0)
    ids = [f"R-{i:02d}" for i in range(30)]
    clinical = pd.DataFrame({"case_id": ids, "time": random.uniform(1, 60, 30), "event": [0, 1] * 15})
    clinical.assign(age=random.integers(40, 80, 30), stage=["I", "II", "III"] * 10).to_csv(
        folder / "clinical.csv", index=False
    )
    rows = [(case, f"{case}-{j}") for i, case in enumerate(ids) for j in range(1 + i % 3) if i != 4]
    table = pd.DataFrame(rows, columns=["case_id", "image"])
    table = table.assign(**{f"f{k}": random.normal(size=len(rows)) for k in range(5)})
    table.to_csv(folder / "hif.csv", index=False)
    (folder / "cohort.toml").write_text(TOML)
    settings = {"d_embed": 8, "d_attention": 8, "d_head": 8}
    run = TrainConfig(model="survpgc", model_settings=settings, n_folds=2, n_bins=2, epochs=1, batch_size=8)
    cross_validate(load_cohort(folder), run, folder / "model")
    return folder, folder / "model"


@pytest.fixture(scope="module")
def cohort(trained: tuple[Path, Path]) -> Cohort:
    return load_cohort(trained[0])


@pytest.fixture(scope="module")
def predictor(trained: tuple[Path, Path]) -> Predictor:
    return Predictor.load(trained[1], device="cpu")


def files(cohort: Path, case_id: str) -> CaseFiles:
    return CaseFiles(
        slides=[], features=[], cohort=cohort, clinical=None, rna=None, case_id=case_id, mpp=None, weights=None
    )


def test_a_case_of_feature_vectors_is_predicted(predictor: Predictor, cohort: Cohort) -> None:
    prediction = predictor.predict(cohort.case("R-02"))
    assert prediction.present == ("pathology", "clinical")
    assert np.isfinite(prediction.risk)
    assert predictor.predict(cohort.case("R-04")).present == ("clinical",)


def test_a_map_is_refused_in_words(predictor: Predictor, cohort: Cohort) -> None:
    assert ("clinical", "pathology") in predictor.directions()
    with pytest.raises(InputError, match="R-02 came as 3 feature vectors without a place on a slide: there is no map"):
        predictor.explain_tokens(cohort.case("R-02"))
    with pytest.raises(InputError, match="as 1 feature vector without"):
        predictor.explain(cohort.case("R-00"))


def test_slides_are_not_what_the_model_takes(predictor: Predictor) -> None:
    with pytest.raises(InputError, match="does not take slides; it takes pathology as a table of features"):
        _ = predictor.encoder


def test_the_command_line_predicts_without_a_map_and_says_so(trained: tuple[Path, Path], tmp_path: Path) -> None:
    folder, checkpoint = trained
    run_predict(checkpoint, files(folder, "R-02"), tmp_path, device="cpu", anyway=True, as_json=True)
    assert [path.name for path in tmp_path.iterdir()] == ["prediction.json"]
    with pytest.raises(InputError, match="there is no map"):
        run_explain(checkpoint, files(folder, "R-02"), tmp_path, device="cpu", as_json=True)


def test_maps_cannot_be_compared_with_regions_that_have_no_place(
    predictor: Predictor, cohort: Cohort, tmp_path: Path
) -> None:
    from dataclasses import replace

    (tmp_path / "truth").mkdir()
    (tmp_path / "truth" / "regions.json").write_text('{"classes": {"tumour": {"value": 1}}}')
    with pytest.raises(InputError, match="No case of the cohort has patches"):
        localisation(predictor, replace(cohort, folder=tmp_path), [("tumour",)])


def test_the_card_says_what_pathology_is(predictor: Predictor) -> None:
    assert "a table of 5 features per region (hif)" in predictor.checkpoint.card
