"""A file of any size, streamed to the owner's folder on the server; the script never holds its bytes."""

from __future__ import annotations

from collections.abc import Sequence

from streamlit.components import v2

from pages.components.assets import boot, web_root, web_version

_upload = v2.component("survviz_upload", js=boot("upload.js"))


def file_upload(*, label: str, accept: Sequence[str], hint: str = "", key: str) -> str | None:
    """Offer an upload; returns the file's name in the rerun in which it has arrived, else None.

    `survviz.server.uploaded_file(owner, name)` gives its path.

    Args:
        label: what is wanted.
        accept: suffixes, for example ".svs".
        hint: a second line, for example what the file is used for.
        key: stable name of this field.
    """
    data = {"root": web_root(), "version": web_version(), "label": label, "hint": hint, "accept": list(accept)}
    result = _upload(key=key, data=data, on_event_change=lambda: None)
    return result.event["name"] if result.event else None
