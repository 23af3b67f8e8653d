"""The app as Streamlit's own test harness runs it, and the bundled demo that the pages open."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "pages" / "navigation.py"

if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))


@pytest.fixture(autouse=True)
def main_module(monkeypatch: pytest.MonkeyPatch) -> None:
    """AppTest leaves the page as `__main__`, which every process spawned by a later test would then run."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])


@pytest.fixture
def open_page() -> Callable[..., AppTest]:
    """`open_page("risk_survival.py", case="sample:X")` runs one page of the app with query parameters."""

    def run(page: str = "home.py", **query: str) -> AppTest:
        app = AppTest.from_file(str(SCRIPT), default_timeout=120)
        app.switch_page(page)
        for name, value in query.items():
            app.query_params[name] = value
        return app.run()

    return run


@pytest.fixture
def demo() -> str:
    """Key of the bundled demo case."""
    from pages.components.cases import demo_key

    return demo_key()
