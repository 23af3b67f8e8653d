"""A small study on invented maps; no slide file is needed below the page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from survviz.study import Study, StudyMap, write_map

QUESTIONS = [
    {"name": "region", "kind": "region", "text": "Where?"},
    {"name": "useful", "kind": "rating", "text": "Useful?", "low": "no", "high": "yes"},
    {"name": "tissue", "kind": "choice", "text": "What?", "options": ["tumour", "stroma"]},
    {"name": "words", "kind": "text", "text": "Anything else?", "optional": True},
]


def hills(side: int = 24, seed: int = 0) -> StudyMap:
    """A smooth map on a round piece of tissue."""
    y, x = np.mgrid[:side, :side]
    inside = np.hypot(x - side / 2, y - side / 2) < side * 0.47
    coords = np.column_stack([x[inside], y[inside]]).astype(np.int64) * 256
    rng = np.random.default_rng(seed)
    at = rng.uniform(0.2, 0.8, 2) * side * 256
    values = 0.05 + np.exp(-(((coords - at) / (side * 50)) ** 2).sum(axis=1))
    return StudyMap(coords, values / values.mean(), 256, "attention of the model")


@pytest.fixture
def make_study(tmp_path: Path) -> Callable[..., Study]:
    """A study of n cases with their maps; keywords replace its entries."""

    def make(cases: int = 6, readers: int = 3, **entries: Any) -> Study:
        names = [f"TCGA-AA-{number:04}" for number in range(cases)]
        for number, name in enumerate([*names, "TCGA-TU-TOR1"]):
            write_map(tmp_path / "maps" / f"{name}.safetensors", hills(seed=number))
        row = {name: {"name": name, "slide": f"{name}.svs", "map": f"maps/{name}.safetensors"} for name in names}
        tutorial = {"name": "TCGA-TU-TOR1", "slide": "t.svs", "map": "maps/TCGA-TU-TOR1.safetensors"}
        values = {
            "id": "test", "title": "A test", "consent": "Agree?", "tutorial": tutorial, "cases": list(row.values()),
            "questions": QUESTIONS, "conditions": {"real": 0.5, "shuffled": 0.25, "uniform": 0.25}, "seed": 1,
            "readers": [f"r{number}" for number in range(readers)], "folder": tmp_path,
        }  # fmt: skip
        return Study.model_validate(values | entries)

    return make
