"""A cell's key changes with everything that its result depends on, and with nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from survviz.benchmark.cells import make_cell
from survviz.data.splits import NamedSplit, Split
from survviz.training import TrainConfig
from survviz.types import Modality


def key(
    model: str, *, cohort: str = "content", train: tuple[str, ...] = ("a", "b"), val: tuple[str, ...] = ("c",),
    modalities: tuple[Modality, ...] = ("clinical",), suite_seed: int = 0, **settings: Any,
) -> str:  # fmt: skip
    planned = NamedSplit(0, 0, Split(train, val, ("d",)))
    config = TrainConfig(model=model, modalities=modalities, **settings)
    return make_cell(Path(), cohort, config, modalities, planned, suite_seed=suite_seed, known={}).key


@pytest.mark.parametrize("model", ["cox", "logistic-hazard", "snn-clinic"])
def test_a_key_depends_on_data_splits_seed_and_settings(model: str) -> None:
    found = [
        key(model), key(model, cohort="other content"), key(model, train=("a", "c"), val=("b",)),
        key(model, suite_seed=1), key(model, n_bins=7), key(model, preprocess={"max_genes": 9, "genes": "variable"}),
    ]  # fmt: skip
    assert len(set(found)) == len(found)


def test_a_key_does_not_depend_on_what_the_plan_decides() -> None:
    assert key("snn-clinic") == key("snn-clinic", n_folds=7, seed=9) == key("snn-clinic", threads=3)


def test_the_optimiser_matters_to_networks_alone() -> None:
    assert key("snn-clinic", epochs=3) != key("snn-clinic", epochs=4)
    assert key("cox", epochs=3, lr=0.1, batch_size=2) == key("cox")
    assert key("cox", ridges=(1.0,)) != key("cox")
