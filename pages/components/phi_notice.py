"""What a file says about a person, before it is used: a line, and the list behind it; values are never shown."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import streamlit as st

from pages.components.literal import literal
from survviz.errors import SurvvizError
from survviz.phi import Finding, check_paths


@st.cache_data(show_spinner="Looking for personal data …", max_entries=128)
def _findings(path: str, stamp: float, size: int) -> list[Finding]:
    """Of one file, read in a child process; `stamp` and `size` are there to miss the memory when it has changed."""
    return check_paths([path])


def show(path: str | Path, *, key: str) -> None:
    """Say what in a file could name a patient; nothing where there is nothing.

    Args:
        key: stable name of this notice on its page.
    """
    try:
        stat = Path(path).stat()
        found = _findings(str(path), stat.st_mtime, stat.st_size)
    except (SurvvizError, OSError):
        return  # whoever opens the file says what is wrong with it
    if not found:
        return
    kinds = list(dict.fromkeys(one.what for one in found))
    direct = any(one.names_somebody for one in found)
    icon = ":material/shield_person:" if direct else ":material/privacy_tip:"
    words = ", ".join(kinds[:3]) + (f" and {len(kinds) - 3} more" if len(kinds) > 3 else "")
    with st.expander(f"This file holds {literal(words)}", icon=icon, key=f"phi_{key}"):
        st.caption(
            "Found in the file, not in its pixels. Values are shown by their first letters only. "
            "Nothing of it is read into a case or leaves in an exported file, unless the last column says so."
        )
        st.dataframe(_table(found), hide_index=True, width="stretch", key=f"phi_table_{key}")


def _table(found: list[Finding]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "What": one.what,
            "Where": one.where,
            "Value": one.value or "-",
            "Times": one.count,
            "Why it matters": one.why,
            "What happens with it": one.handled,
        }
        for one in found
    )
