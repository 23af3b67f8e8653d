"""Generated parts of the documentation are what the code says now."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

from survviz.models import list_models

ROOT = Path(__file__).parents[2]


def test_the_page_of_models_is_up_to_date() -> None:
    """After a change of a card or a size: `.venv/bin/python docs/make_models.py`."""
    spec = importlib.util.spec_from_file_location("make_models", ROOT / "docs" / "make_models.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    page = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
    assert module.written(page) == page


def test_every_model_was_measured() -> None:
    """After a new model: `.venv/bin/python -m benchmarks.models --only NAME`."""
    results = json.loads((ROOT / "benchmarks" / "results" / "models.json").read_text(encoding="utf-8"))
    assert {row["name"] for row in results["models"]} == set(list_models())
