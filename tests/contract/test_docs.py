"""Generated parts of the documentation are what the code says now."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from survviz.models import list_models

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _scripts_find_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """As when Python runs a script of docs/."""
    monkeypatch.syspath_prepend(str(ROOT / "docs"))


def test_the_page_of_models_is_up_to_date() -> None:
    """After a change of a card or a size: `.venv/bin/python docs/make_models.py`."""
    page = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
    assert script("make_models").written(page) == page


def test_the_page_of_the_benchmark_is_up_to_date() -> None:
    """After a run: `.venv/bin/python docs/make_benchmark.py OUT`."""
    page = (ROOT / "docs" / "benchmark.md").read_text(encoding="utf-8")
    assert script("make_benchmark").written(page) == page


def test_the_page_of_privacy_is_up_to_date() -> None:
    """After a run of a benchmark of privacy: `.venv/bin/python docs/make_privacy.py`."""
    page = (ROOT / "docs" / "privacy.md").read_text(encoding="utf-8")
    assert script("make_privacy").written(page) == page


def test_the_page_of_performance_is_up_to_date() -> None:
    """After `python -m benchmarks --write`: `.venv/bin/python docs/make_performance.py`."""
    page = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    assert script("make_performance").written(page) == page


def test_the_page_of_scale_is_up_to_date() -> None:
    """After `python -m benchmarks.growth`: `.venv/bin/python docs/make_scale.py`."""
    page = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
    assert script("make_scale").written(page) == page


def test_every_model_was_measured() -> None:
    """After a new model: `python -m benchmarks.models --only NAME`, `python -m benchmarks --write --only models/NAME`,
    and an entry in benchmarks/suites/models.toml.
    """
    timed = {name.removeprefix("models/") for name in results("latest")["groups"] if name.startswith("models/")}
    assert timed == set(list_models())
    assert {row["name"] for row in results("models")["models"]} == set(list_models())
    (cohort,) = results("sample")["cohorts"]
    assert set(list_models()) <= {row["model"] or row["name"] for row in cohort["rows"]}


def script(name: str) -> ModuleType:
    """A script of docs/ as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def results(name: str) -> dict[str, Any]:
    """A committed result."""
    return json.loads((ROOT / "benchmarks" / "results" / f"{name}.json").read_text(encoding="utf-8"))
