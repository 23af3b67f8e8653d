"""One thing that could name a patient: what it is, where it lies, why it matters, what survviz does with it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

Code: TypeAlias = Literal[
    "name",
    "birth-date",
    "record-number",
    "accession-number",
    "contact",
    "person",
    "institution",
    "barcode",
    "label-image",
    "macro-image",
    "burned-in",
    "path",
    "date",
    "serial-number",
    "uid",
    "private-attribute",
    "place",
    "hidden-text",
    "not-checked",
]

NEVER_READ = "Never decoded, never shown, in no exported file."
NOT_COPIED = "Not read into a case, in no exported file."

SHOWN = "Shown as it is; check the pixels yourself."
REFERRED = "Maps and annotations exported as DICOM refer to their slide by it; in no other file."
DROPPED = "Dropped on reading, in no exported file."

WORDS: Mapping[Code, tuple[str, str, str]] = {
    "name": ("a person's name", "A name identifies a patient, or whoever treated them.", NOT_COPIED),
    "birth-date": ("a date of birth", "With the sex and a place it often singles out one person.", NOT_COPIED),
    "record-number": ("a number of a patient", "Anyone with the hospital's records can look it up.", NOT_COPIED),
    "accession-number": ("an accession number", "The laboratory's list leads from it to the patient.", NOT_COPIED),
    "contact": ("an address, telephone number or e-mail", "It leads to a person directly.", NOT_COPIED),
    "person": ("a user or operator", "It names a person of the laboratory.", NOT_COPIED),
    "institution": ("an institution or computer", "It says where the patient was treated.", NOT_COPIED),
    "barcode": ("a barcode", "Barcodes of slides carry accession numbers, sometimes names.", NOT_COPIED),
    "label-image": ("a label image", "Labels show names, accession numbers and barcodes.", NEVER_READ),
    "macro-image": ("a macro image", "The photograph of the whole glass shows its label too.", NEVER_READ),
    "burned-in": ("writing in the pixels", "What is written into an image cannot be removed as text.", SHOWN),
    "path": ("a path of folders", "Folders are often named after patients, users or hospitals.", DROPPED),
    "date": ("a date of care", "Dates of care identify patients together with other sources.", NOT_COPIED),
    "serial-number": ("a serial number", "It says which hospital's machine made the file.", NOT_COPIED),
    "uid": ("an identifier of the archive", "The archive leads from it to the patient.", REFERRED),
    "private-attribute": ("private attributes", "Nobody but the maker knows what they hold.", NOT_COPIED),
    "place": ("a position on earth", "It says where the file was made.", NOT_COPIED),
    "hidden-text": ("text beside the data", "Comments and document properties are easily forgotten.", NOT_COPIED),
    "not-checked": (
        "something that could not be looked at", "What was not read may hold anything.", "Nothing is assumed of it.",
    ),
}  # fmt: skip
"""Code -> what it is, why it matters, what survviz does with it."""

IN_A_NAME = "Ids that look personal are replaced by a pseudonym in everything that is exported of a case (docs/phi.md)."
IN_A_TABLE = "Columns that no model names are not read; but ids of patients stay as they are in tables of cohorts."
LINKED: frozenset[Code] = frozenset(("date", "serial-number", "uid", "private-attribute", "hidden-text"))
"""What does not name a person alone, but does together with another list."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that could name a patient.

    Attributes:
        file: as it was given; files of a folder by their place below it.
        where: the place in the file: tag, attribute, column, page.
        value: masked unless somebody asked for it; "" where there is none (images).
        count: how often it is there.
        done: what survviz does with it.
    """

    code: Code
    file: str
    where: str
    value: str = ""
    count: int = 1
    done: str = ""

    @property
    def what(self) -> str:
        """What it is, in words."""
        return WORDS[self.code][0]

    @property
    def why(self) -> str:
        """Why it matters."""
        return WORDS[self.code][1]

    @property
    def handled(self) -> str:
        """What survviz does with it."""
        return self.done or WORDS[self.code][2]

    @property
    def names_somebody(self) -> bool:
        """Whether it leads to a person by itself, as a date or a serial number does not."""
        return self.code not in LINKED

    def to_json(self) -> dict[str, str | int | bool]:
        """Everything, in words."""
        return {
            "code": self.code, "file": self.file, "where": self.where, "what": self.what, "value": self.value,
            "count": self.count, "why": self.why, "done": self.handled, "names_somebody": self.names_somebody,
        }  # fmt: skip


def mask(value: str) -> str:
    """The first character of each word, the rest as dots; long texts are cut."""
    short = " ".join(value.split())[:60]
    return re.sub(r"\w+", lambda found: found[0][0] + "•" * min(len(found[0]) - 1, 8), short)


def merge(found: Iterable[Finding]) -> list[Finding]:
    """Each once: the same code and value of a file counts at the place where it was first seen; severest first."""
    kept: dict[tuple[str, str, str], Finding] = {}
    for one in found:
        value = "" if one.code in ("label-image", "macro-image") else one.value or one.where
        key = (one.file, one.code, value)
        if key not in kept:
            kept[key] = one
    order = list(WORDS)
    return sorted(kept.values(), key=lambda one: (one.file, order.index(one.code), one.where))
