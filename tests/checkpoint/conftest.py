"""A checkpoint of a few seconds, and copies of it to damage."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

import pytest

from survviz.training import TrainConfig, TrainReport, cross_validate

TINY = Path(__file__).parents[1] / "training" / "tiny_cohort.py"


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> TrainReport:
    spec = importlib.util.spec_from_file_location("tiny_cohort", TINY)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    cohort = module.tiny_cohort(tmp_path_factory.mktemp("cohort"))
    config = TrainConfig(
        model_settings={"d_embed": 16, "d_attention": 8, "d_programme": 4, "d_head": 8},
        preprocess={"programmes": str(cohort.folder / "sets.gmt")},
        epochs=1,
        n_folds=3,
        n_bins=3,
    )
    return cross_validate(cohort, config, tmp_path_factory.mktemp("out") / "tiny", purpose="test of the format")


@pytest.fixture
def copy(trained: TrainReport, tmp_path: Path) -> Path:
    """A checkpoint that a test may damage."""
    assert trained.folder is not None
    return Path(shutil.copytree(trained.folder, tmp_path / "copy"))
