"""Every page with nothing open: it says what it is for and offers the demo case, or the sample cohort."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from survviz.figures.overlay import RESEARCH_USE

OpenPage = Callable[..., AppTest]
FRAME = {"navigation.py", "reader_study.py"}  # the latter is hidden, and needs no case
COHORT_PAGES = {"cohort_patients.py", "stratify.py", "compare.py", "train.py"}
NEVER_EMPTY = {"library.py", "self_check.py", "upload_check.py"}
PAGES = sorted(path.name for path in (Path(__file__).parents[2] / "pages").glob("*.py") if path.name not in FRAME)


@pytest.mark.parametrize("page", PAGES)
def test_every_page_opens_without_a_case_and_says_research_use(open_page: OpenPage, page: str) -> None:
    app = open_page(page)
    assert not app.exception
    assert not app.error
    assert RESEARCH_USE in [text.value for text in app.markdown]


@pytest.mark.parametrize("page", sorted(set(PAGES) - NEVER_EMPTY))
def test_every_empty_page_offers_what_is_bundled_in_one_click(open_page: OpenPage, page: str) -> None:
    labels = [button.label for button in open_page(page).button]
    wanted = "sample cohort" if page in COHORT_PAGES else "demo case"
    assert any(wanted in label for label in labels)


def test_home_states_its_purpose_device_and_models(open_page: OpenPage) -> None:
    app = open_page()
    assert "multimodal survival model" in " ".join(text.value for text in app.markdown)
    captions = " ".join(text.value for text in app.caption)
    assert "found" in captions
    assert "PU" in captions  # CPU or GPU


@pytest.mark.parametrize("key", ["loaded:nobody-has-this", "sample:nobody", "nonsense", "loaded:../../etc/passwd"])
@pytest.mark.parametrize("page", ["slide_attention.py", "risk_survival.py"])
def test_an_address_with_an_unknown_case_is_explained(open_page: OpenPage, page: str, key: str) -> None:
    app = open_page(page, case=key)
    assert not app.exception
    assert len(app.error) == 1
    assert "case" in app.error[0].value.lower()
