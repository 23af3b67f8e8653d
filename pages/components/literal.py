"""Text of somebody's file where Streamlit expects Markdown: a name must not become a picture, a link or a formula."""

from __future__ import annotations

JOINER = "\u2060"
"""Is not seen, and ends an address."""
SIGNS = "\\`*_$[]<>#~|:!"


def literal(text: str) -> str:
    """The same text, every sign of Markdown escaped, and addresses that do not become links."""
    for sign in SIGNS:
        text = text.replace(sign, f"\\{sign}")
    text = text.replace("//", f"{JOINER}//").replace("www.", f"www{JOINER}.")
    return " ".join(text.split())
