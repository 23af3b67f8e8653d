"""What the name of a tag, attribute, property or column says about its value."""

from __future__ import annotations

import re
from collections.abc import Iterator

from survviz.phi.finding import NOT_COPIED, Code, Finding, mask
from survviz.phi.wording import is_path, personal_parts

RULES: tuple[tuple[Code, str], ...] = (
    ("birth-date", r"\b(?:birth|birthday|dob|born|geburtsdatum)\b"),
    ("date", r"\b(?:date|datetime|day|created|updated|modified|acquired|timestamp|scanned)\b|^(?:time|time zone)$|"
     r"\b(?:scan|acquisition|creation|content|study|series|start|end) time$"),
    ("record-number", r"\b(?:mrn|ssn|medical record|patient (?:id|number|no|nr)|nhs number|insurance)\b"),
    ("accession-number", r"\b(?:accession|case (?:number|no)|lab(?:oratory)? (?:number|no)|requisition)\b"),
    ("barcode", r"\bbarcode|\bbar code"),
    ("name", r"\b(?:patient s? ?name|first ?name|last ?name|sur ?name|given name|family name|full name|middle name|"
     r"maiden name|nachname|vorname)\b|^patient$"),
    ("person", r"\b(?:user|user name|operator|operators|technician|experimenter|artist|author|creator|pathologist|"
     r"physician|last modified by|owner|reviewed by)\b"),
    ("contact", r"\b(?:e ?mail|phone|telephone|address|street|zip ?code|postcode|postal code|fax)\b"),
    ("serial-number", r"\b(?:serial|scan ?scope id|unit number|dsr id|s n|equipment id|device id)\b"),
    ("institution", r"\b(?:institution|institute|hospital|clinic name|host ?computer|hostname|computer|department|"
     r"site name|station name)\b"),
    ("uid", r"^image id$"),
    ("path", r"\b(?:file ?name|savedir|save dir|directory|folder|path|document name|image file)\b"),
    ("hidden-text", r"^(?:comment|comments|user comment|notes?|remarks?)$"),
)  # fmt: skip
_RULES: tuple[tuple[Code, re.Pattern[str]], ...] = tuple((code, re.compile(pattern)) for code, pattern in RULES)
TECHNICAL = re.compile(
    r"\b(?:exposure|dwell|integration|elapsed|shutter|colour|color|icc|level|tile|software|offset|roi|formats|filter|"
    r"channel|camera|objective|optical|band|light|focus|microns|pixel|size)\b"
)
IDS = re.compile(r"\b(?:id|title|label|slide|sample|specimen|case|container|block)\b")
"""Values under these are ids of a few words: a number or a pair of capitalised words there means something."""
TEXTS = re.compile(r"\b(?:name|text|description)\b")
EMPTY = (
    "",
    "none",
    "null",
    "n/a",
    "na",
    "unknown",
    "-",
    "0",
    "anonymous",
    "anonymized",
    "anonymised",
    "removed",
    "[]",
    "survviz",
)


def words_of(key: str) -> str:
    """A key as lower-case words: "ScanScope ID", "scan_scope_id" and "ScanScopeID" are one."""
    parted = re.sub(r"(?<=[a-z\d])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", key)
    return " ".join(re.findall(r"[a-z\d]+", parted.lower()))


def code_of(key: str) -> Code | None:
    """What values under this name are, where the name says so."""
    words = words_of(key)
    if TECHNICAL.search(words):
        return None
    return next((code for code, pattern in _RULES if pattern.search(words)), None)


def findings_of(file: str, where: str, key: str, value: object, *, show: bool) -> Iterator[Finding]:
    """What a value is, by its name or by itself.

    Args:
        where: the place, in words.
        key: the last name of the place.
        show: do not mask.
    """
    text = _text(value)
    if text.lower() in EMPTY or not re.search(r"\w", text):
        return
    if is_path(text):
        yield Finding("path", file, where, shown(text, show))
        return
    code = code_of(key)
    if code == "path":  # a name alone: only where it looks like a person's, which its own words tell
        code, key = None, "title"
    if code is not None:
        yield Finding(code, file, where, shown(text, show), done=NOT_COPIED)
        return
    words = words_of(key)
    is_id = bool(IDS.search(words)) and not TECHNICAL.search(words) and len(text) <= 120
    short = is_id or (bool(TEXTS.search(words)) and len(text) <= 120)
    for found, part in personal_parts(text[:20_000], plain=not short, any_pair=is_id):
        yield Finding(found, file, where, shown(part, show))


def shown(text: str, show: bool) -> str:
    """A value as a report holds it."""
    return " ".join(text.split())[:200] if show else mask(text)


def _text(value: object) -> str:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    return str(value).strip().strip("\0").strip()
