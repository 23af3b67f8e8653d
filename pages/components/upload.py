"""Files of any size, streamed to the owner's folder on the server; the script never holds their bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from streamlit.components import v2

from pages.components.assets import boot, web_root, web_version
from pages.components.owner import current_owner
from survviz.server import list_unfinished, room_for_upload

_upload = v2.component("survviz_upload", js=boot("upload.js"))


def file_upload(*, label: str, accept: Sequence[str], hint: str = "", key: str) -> str | None:
    """Offer an upload; returns the file's name in the rerun in which it has arrived, else None.

    Uploads of these kinds that a closed tab left unfinished are listed, to go on with or to discard.
    `survviz.server.uploaded_file(owner, name)` gives a finished one's path.

    Args:
        label: what is wanted.
        accept: suffixes, for example ".svs".
        hint: a second line, for example what the file is used for.
        key: stable name of this field.
    """
    owner = current_owner()
    data = {
        "root": web_root(),
        "version": web_version(),
        "label": label,
        "hint": hint,
        "accept": list(accept),
        "limit": room_for_upload(owner),
        "unfinished": [asdict(one) for one in list_unfinished(owner) if one.name.lower().endswith(tuple(accept))],
    }
    result = _upload(key=key, data=data, on_event_change=lambda: None)
    return result.event["name"] if result.event else None
