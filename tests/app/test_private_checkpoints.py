"""Every page of a case works with a checkpoint that knows nobody of its training patients."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from survviz.checkpoint import doctor
from tests.app.conftest import ROOT

OpenPage = Callable[..., AppTest]
PRIVATE = ROOT / "checkpoints" / "private"
NAMES = sorted(path.parent.name for path in PRIVATE.glob("*/config.json"))
CHOSEN = "private-eps2-seed0"

pytestmark = pytest.mark.xdist_group("demo")


def test_there_is_one_for_each_epsilon_and_seed() -> None:
    assert sorted(f"private-eps{epsilon}-seed{seed}" for epsilon in (1, 2, 4, 8, "inf") for seed in range(3)) == NAMES


@pytest.mark.parametrize("name", [CHOSEN, "private-epsinf-seed0"])
def test_doctor_finds_nothing_and_it_is_small(name: str) -> None:
    assert [one for one in doctor(PRIVATE / name) if not one.ok] == []
    assert sum(path.stat().st_size for path in (PRIVATE / name).iterdir()) <= 300_000


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_doctor_certifies_each(name: str) -> None:
    assert [one for one in doctor(PRIVATE / name) if not one.ok] == []


@pytest.mark.parametrize("page", ["risk_survival.py", "why_this_risk.py", "slide_attention.py"])
def test_a_case_opens_with_it(open_page: OpenPage, demo: str, page: str) -> None:
    app = open_page(page, case=demo, model=CHOSEN)
    assert not app.exception
    assert not app.error


def test_the_estimate_says_that_training_patients_are_unknown(open_page: OpenPage, demo: str) -> None:
    app = open_page("risk_survival.py", case=demo, model=CHOSEN)
    said = " ".join(str(one.value) for kind in (app.markdown, app.info, app.caption, app.warning) for one in kind)
    assert "knows nobody of its training patients" in said
