"""JSON that a stranger wrote: what cannot be written out again as text is refused where it comes in."""

from __future__ import annotations

import json
import re
from typing import Any

HALF_A_CHARACTER = re.compile(r"\\u[dD][89a-fA-F]")


def read_strict_json(text: str | bytes) -> Any:
    """The document.

    Raises:
        ValueError: it is no JSON in UTF-8, nested too deeply, or holds half of a character (a lone surrogate), which
            no file and no answer can hold.
    """
    words = text if isinstance(text, str) else text.decode("utf-8-sig")
    try:
        document = json.loads(words)
        if HALF_A_CHARACTER.search(words):
            json.dumps(document, ensure_ascii=False).encode()
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    except UnicodeEncodeError as error:
        raise ValueError("it holds half of a character, written as \\ud800 to \\udfff") from error
    return document
