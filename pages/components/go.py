"""To another page of the app."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn

import streamlit as st


def to(page: str, address: Mapping[str, str] | None = None) -> NoReturn:
    """Leave for another page; nothing after this runs.

    Where widgets of this page are in the address (`bind="query-params"`), Streamlit refuses `st.switch_page` unless it
    is said what the address shall hold: so it always is.

    Args:
        page: its file in `pages`.
        address: query parameters to arrive with; None = none.
    """
    st.switch_page(page, query_params=dict(address or {}))
