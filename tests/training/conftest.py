"""One small trained checkpoint for all tests of this folder."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from survviz.data.cohort import Cohort
from survviz.training import TrainConfig, TrainReport, cross_validate


def tiny_module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("tiny_cohort", Path(__file__).parent / "tiny_cohort.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    return tiny_module().tiny_cohort(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def quick(tiny: Cohort) -> TrainConfig:
    """Seconds, not minutes."""
    return TrainConfig(
        model_settings={"d_embed": 16, "d_attention": 8, "d_programme": 4, "d_head": 8},
        preprocess={"programmes": str(tiny.folder / "sets.gmt")},
        epochs=3,
        n_folds=2,
        n_bins=3,
    )


@pytest.fixture(scope="session")
def report(tiny: Cohort, quick: TrainConfig, tmp_path_factory: pytest.TempPathFactory) -> TrainReport:
    out = tmp_path_factory.mktemp("checkpoints") / "tiny-survpgc"
    return cross_validate(tiny, quick, out, purpose="test of the trainer")
