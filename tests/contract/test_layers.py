"""Imports between packages only point down (docs/architecture.md)."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "survviz"

BASE = {"errors", "units", "types", "workspace", "spreadsheets"}
ALLOWED: dict[str, set[str]] = {
    "errors": set(),
    "units": {"errors"},
    "types": {"errors", "units"},
    "workspace": {"errors"},
    "spreadsheets": set(),
    "deployment": {"errors", "workspace"},
    "cluster": {"errors"},
    "remote": {"errors", "workspace"},
    "wsi": BASE,
    "data": BASE | {"wsi", "remote"},
    "phi": BASE | {"wsi"},
    "losses": {"errors", "types"},
    "evaluation": {"errors", "types"},
    "models": {"errors", "types"},
    "checkpoint": BASE | {"data", "models", "losses", "evaluation", "privacy"},
    "explain": {"errors", "types", "models"},
    "training": BASE | {"data", "losses", "evaluation", "models", "checkpoint", "privacy"},
    "figures": BASE | {"evaluation"},
    "pipeline": BASE
    | {"cluster", "remote", "wsi", "data", "evaluation", "models", "checkpoint", "explain", "privacy"}
    | {"phi"},
    "study": {"errors", "types", "workspace", "evaluation"},
    "benchmark": BASE
    | {"cluster", "remote", "data", "losses", "evaluation", "models", "checkpoint", "training", "figures"},
    "sample": BASE | {"wsi", "data", "evaluation"},
    "tcga": BASE | {"data"},
    "intake": BASE | {"data"},
    "privacy": BASE,
    "jobs": BASE
    | {"wsi", "data", "evaluation", "models", "checkpoint", "explain", "training", "pipeline"}
    | {"deployment"},
    "server": BASE | {"remote", "wsi", "data", "evaluation", "figures", "pipeline", "jobs", "deployment", "phi"},
    "administration": BASE | {"deployment", "jobs", "server"},
}
ALLOWED["selfcheck"] = BASE | {"wsi", "data", "figures", "checkpoint", "pipeline", "server"}
ALLOWED["cli"] = set(ALLOWED)


def imports(path: Path) -> set[str]:
    """Full names of the modules that a file imports, inside functions too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


FILES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_down(path: Path) -> None:
    layer = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if layer == "__init__":
        return
    assert layer in ALLOWED, f"{layer} is not in the table of layers"
    for name in imports(path):
        top, _, rest = name.partition(".")
        if top == "survviz" and rest and not rest.startswith("__version__"):
            target = rest.split(".")[0]
            assert target == layer or target in ALLOWED[layer], f"{layer} must not import {name}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_package_does_not_know_streamlit(path: Path) -> None:
    assert not any(name.split(".")[0] == "streamlit" for name in imports(path))


def test_models_know_no_data_and_no_loss() -> None:
    assert not ALLOWED["models"] & {"data", "losses", "training", "wsi"}
