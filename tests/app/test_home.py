"""Home: three cards, each of which leads where it says; and leaving a page whose widgets are in the address."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

PAGES = Path(__file__).parents[2] / "pages"

LEAVING = """
import streamlit as st
from pages.components import go

def first():
    st.number_input("Landmark, months", 0.0, 600.0, 0.0, key="landmark", bind="query-params")
    if st.button("Leave"):
        go.to("second.py"{address})

st.navigation([st.Page(first, default=True), st.Page("second.py")]).run()
"""


@pytest.mark.parametrize(("key", "title"), [("demo", "Slide & attention"), ("check", "Upload & check"),
                                            ("compare", "Compare"), ("load", "Load case")])  # fmt: skip
def test_every_card_leads_where_it_says(open_page: Callable[..., AppTest], key: str, title: str) -> None:
    app = open_page().button(key=key).click().run()
    assert not app.exception
    assert [one.value for one in app.title] == [title]


@pytest.mark.parametrize(("address", "arrives"), [("", {}), (', {"cohort": "mine"}', {"cohort": "mine"})])
def test_a_page_is_left_while_its_widgets_are_in_the_address(
    tmp_path: Path, address: str, arrives: dict[str, str]
) -> None:
    (tmp_path / "second.py").write_text("import streamlit as st\nst.title('Second')\n")
    (tmp_path / "app.py").write_text(LEAVING.format(address=address))
    app = AppTest.from_file(str(tmp_path / "app.py"), default_timeout=30)
    app.query_params["landmark"] = "6"
    assert app.run().number_input[0].value == 6
    app.button[0].click().run()
    assert not app.exception
    assert [one.value for one in app.title] == ["Second"]
    assert dict(app.query_params) == arrives


def test_no_page_is_left_in_another_way() -> None:
    bare = [path.name for path in PAGES.rglob("*.py") if re.search(r"\bst\.switch_page\(", path.read_text("utf-8"))]
    assert bare == ["go.py"]
