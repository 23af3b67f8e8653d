"""Ids that may leave: as they are, or, where they look like a person's, as pseudonyms that only this machine makes."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from survviz.phi.wording import is_path, personal_parts
from survviz.workspace import secret_key

LETTERS = str.maketrans("0123456789", "ghijklmnop")
"""A pseudonym has no digits, so that none looks like a date."""


@lru_cache(maxsize=4096)
def looks_personal(name: str) -> bool:
    """Whether an id holds a name, a date, or a number of a patient. Ids of TCGA and other public archives do not."""
    return is_path(name) or next(personal_parts(name), None) is not None


def exported_id(name: str, kind: str = "slide") -> str:
    """The id under which a slide or case leaves the app: the same, or a pseudonym where it looks personal.

    The pseudonym is keyed with the key of this workspace: the same id gives the same one, and nobody without the key
    can find the id by trying.

    Args:
        kind: what a pseudonym begins with, "slide" or "case".
    """
    name = Path(name).name if is_path(name) else name
    if not looks_personal(name):
        return name
    digest = hmac.new(secret_key(), f"{kind}/{name}".encode(), hashlib.sha256).hexdigest()
    return f"{kind}-{digest[:12].translate(LETTERS)}"


def without_ids(text: str, slides: Iterable[str] = (), cases: Iterable[str] = ()) -> str:
    """A text in which ids that look personal are replaced, as in a notice about a slide."""
    known = [(name, "slide") for name in slides] + [(name, "case") for name in cases]
    for name, kind in sorted(set(known), key=lambda one: -len(one[0])):
        text = text.replace(name, exported_id(name, kind)) if name else text
    return text
