"""Recipes of the shipped checkpoints: what is described anew keeps its weights, and altered ones are noticed."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.checkpoints import Recipe, build, describe, read_recipes
from survviz.checkpoint import doctor, load_checkpoint
from survviz.data.cohort import Cohort
from survviz.errors import CheckpointError
from survviz.training import TrainConfig
from tests.training.tiny_cohort import tiny_cohort

TEXTS = {"data": {"d": "invented"}, "licences": {"l": "none"}}
CONFIG = {
    "model": "cox", "modalities": ("clinical", "genomic"), "n_folds": 2, "n_bins": 3, "ridges": (1.0, 0.1),
    "preprocess": {"genes": "variable", "max_genes": 12},
}  # fmt: skip


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    return tiny_cohort(tmp_path_factory.mktemp("tiny"))


def recipe(purpose: str) -> Recipe:
    config = TrainConfig.model_validate(CONFIG)
    return Recipe(name="tiny", purpose=purpose, cohort="tiny", data=("d",), licence="l", config=config)


def test_describing_anew_keeps_the_weights_and_agrees(cohort: Cohort, tmp_path: Path) -> None:
    build(recipe("first"), TEXTS, cohort, tmp_path)
    before, weights = load_checkpoint(tmp_path / "tiny"), (tmp_path / "tiny" / "model.safetensors").read_bytes()
    describe(recipe("second"), TEXTS, cohort, tmp_path)
    after = load_checkpoint(tmp_path / "tiny")
    assert (tmp_path / "tiny" / "model.safetensors").read_bytes() == weights
    assert [check for check in doctor(tmp_path / "tiny") if not check.ok] == []
    assert after.config.purpose == "second"
    assert "**second**" in after.card
    assert after.membership == before.membership
    assert after.reference.risks == pytest.approx(before.reference.risks, abs=1e-6)
    assert after.reference.metrics.folds == before.reference.metrics.folds
    first, second = before.reference.clinic, after.reference.clinic
    assert first is not None
    assert second is not None
    assert second.pooled.difference == pytest.approx(first.pooled.difference, abs=0.02)


def test_another_cohort_than_the_one_it_was_trained_on_is_noticed(cohort: Cohort, tmp_path: Path) -> None:
    build(recipe("first"), TEXTS, cohort, tmp_path)
    other = tiny_cohort(tmp_path / "other", seed=1)
    with pytest.raises(CheckpointError, match="otherwise than when it was written"):
        describe(recipe("first"), TEXTS, other, tmp_path)


def test_every_recipe_has_its_texts() -> None:
    recipes, texts = read_recipes()
    assert {name for one in recipes.values() for name in one.data} == texts["data"].keys()
    assert {one.licence for one in recipes.values()} == texts["licences"].keys()
