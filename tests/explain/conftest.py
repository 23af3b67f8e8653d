"""A case of the bundled cohort as models read it, and small models that can read it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from survviz.data.cohort import load_cohort
from survviz.models import Model, create_model, model_config
from survviz.models.inputs import random_inputs
from survviz.pipeline import Predictor
from survviz.types import Bag, Inputs
from survviz.units import Mpp

ROOT = Path(__file__).parents[2]
SMALL = {"d_embed": 16, "d_attention": 8, "d_hidden": 12, "heads": 2, "landmarks": 4, "d_patch": 7}


@pytest.fixture(scope="session")
def predictor() -> Predictor:
    return Predictor.load(ROOT / "checkpoints" / "demo-survpgc", device="cpu")


@pytest.fixture(scope="session")
def sample_inputs(predictor: Predictor) -> Inputs:
    """A case that no fold has seen, with every modality of the demo checkpoint."""
    cohort = load_cohort(ROOT / "sample_data")
    return predictor.inputs(0, cohort.case(sorted(cohort.holdout)[1]))


@pytest.fixture(scope="session")
def model_for_sample(predictor: Predictor) -> Callable[[str], Model]:
    """Name -> a small model with fresh weights that reads the sample cohort's widths."""
    sizes = {k: v for k, v in predictor.checkpoint.preprocess(0).sizes.items() if k not in ("modalities", "n_bins")}

    def build(name: str) -> Model:
        torch.manual_seed(0)
        known = model_config(name).model_fields
        return create_model(name, **{k: v for k, v in {**SMALL, **sizes}.items() if k in known}).eval()

    return build


@pytest.fixture
def linear() -> Model:
    """log h = w . mean patch, as `cox` on pathology alone."""
    torch.manual_seed(0)
    return create_model("cox", modalities=("pathology",), d_patch=7, output="log-hazard").eval()


@pytest.fixture
def five(linear: Model) -> Inputs:
    """Five patches of noise."""
    return random_inputs(linear.config.reads, (5,))


@pytest.fixture(scope="session")
def grid() -> Callable[..., Bag]:
    """A slide whose patches fill a rectangle."""

    def make(slide_id: str, columns: int, rows: int, side: int = 256) -> Bag:
        y, x = np.divmod(np.arange(columns * rows), columns)
        coords = np.stack([x, y], axis=1).astype(np.int64) * side
        return Bag(slide_id, np.zeros((len(coords), 3), np.float32), coords, side, Mpp(0.5), "he-descriptor")

    return make
