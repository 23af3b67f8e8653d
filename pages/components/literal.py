"""Text of somebody's file where Streamlit expects Markdown: a name must not become a picture, a link or a formula."""

from __future__ import annotations

SIGNS = "\\`*_$[]<>#~|:!"


def literal(text: str) -> str:
    """The same text, every sign of Markdown escaped."""
    for sign in SIGNS:
        text = text.replace(sign, f"\\{sign}")
    return " ".join(text.split())
