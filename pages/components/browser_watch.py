"""What the browser itself saw: violations of the content-security policy, and hosts that the page asked."""

from __future__ import annotations

from typing import Any

import streamlit as st
from streamlit.components import v2

from pages.components.assets import boot, web_root, web_version
from survviz.selfcheck import Row

_watch = v2.component("survviz_selfcheck", js=boot("selfcheck.js"))
GROUP = "This browser"


def watch(*, key: str) -> list[Row]:
    """Draw one line, and return what it has told as rows; none before it has told anything."""

    def keep() -> None:
        if event := st.session_state[key].event:
            st.session_state[f"{key}_told"] = event

    _watch(key=key, data={"root": web_root(), "version": web_version()}, on_event_change=keep)
    told: dict[str, Any] | None = st.session_state.get(f"{key}_told")
    if told is None:
        return []
    refused, foreign = list(told["refused"]), list(told["foreign"])
    return [
        Row(
            GROUP, "Violations of the policy", "fail" if refused else "ok", ", ".join(refused) or "none on this page",
            "An extension of the browser, or a changed file, wants what the policy forbids." if refused else "",
        ),
        Row(
            GROUP, "Other hosts", "fail" if foreign else "ok", ", ".join(foreign) or "none asked by this page",
            "Something outside survviz (an extension, a proxy) makes this page ask them." if foreign else "",
        ),
    ]  # fmt: skip
