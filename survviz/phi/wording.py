"""Names, dates and numbers of people in short texts: file names, ids, values of attributes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files

from survviz.phi.finding import Code

PUBLIC = re.compile(
    r"(?<![A-Z0-9])(?:TCGA-[A-Z0-9]{2}-[A-Z0-9]{4}(?:-[A-Z0-9]{2,4})*|GTEX-[A-Z0-9]{4,5}(?:-\d{4})?|C3[LN]-\d{5}(?:-\d+)*"
    r"|SV\d{2}-\d{4}(?:-DX\d)?(?![A-Z0-9])|[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})",
    re.IGNORECASE,
)
"""Ids of public archives (TCGA, GTEx, CPTAC), of the synthetic sample cohort, and random UUIDs: they name nobody."""

YEAR = r"(?:19|20)\d\d"
MONTH, DAY = r"(?:0[1-9]|1[0-2])", r"(?:0[1-9]|[12]\d|3[01])"
DATE = re.compile(
    rf"(?<!\d)(?:{YEAR}[-./ ]{MONTH}[-./ ]{DAY}|{DAY}[-./ ]{MONTH}[-./ ]{YEAR}|{MONTH}[-./ ]{DAY}[-./ ]{YEAR}"
    rf"|{YEAR}{MONTH}{DAY}(?:[T_ -]?\d{{4,6}})?|{DAY}{MONTH}{YEAR})(?!\d)"
)
BIRTH = re.compile(r"(?<![a-z])(?:dob|d\.o\.b\.?|born|birth\w*|geb\w*|nac\w*|n[eé]e? le)[\W_]*$", re.IGNORECASE)
RECORD = re.compile(
    r"(?<![a-z])(?:mrn|ssn|nhs|pid|patid|pat(?:ient)?[ _-]?(?:id|no|nr|number)|hosp\w*|case[ _-]?no)[\W_]*"
    r"([A-Z]?\d{4,12})",
    re.IGNORECASE,
)
SECURITY = re.compile(r"(?<!\d)\d{3}-\d{2}-\d{4}(?!\d)")
LONG_NUMBER = re.compile(r"(?<![\dA-Za-z.])\d{7,10}(?![\dA-Za-z.])")
ACCESSION = re.compile(
    r"(?<![A-Za-z0-9])"
    r"(?:[A-Z]{1,3}[- ]?(?:19|20)?\d{2}[- /]\d{3,7}|(?:19|20)?\d{2}[- ]?[A-Z]{1,2}[- ]?\d{4,7})(?![A-Za-z0-9])"
)
EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.]+")
CARETS = re.compile(r"(?<![\w^])[^\W\d_]{2,}\^[^\W\d_]{1,}[^\s|;]*")
COMMA = re.compile(r"(?<!\w)[A-Z][^\W\d_]+, ?[A-Z][^\W\d_]+(?!\w)")
TITLED = re.compile(r"[A-Z][a-zà-öø-ÿ'’]+")
PATH = re.compile(r"^(?:/[^/\s]+/.*|[A-Za-z]:[\\/].+|\\\\[^\\]+\\.+|file:/.+)", re.DOTALL)


@cache
def _words(name: str) -> frozenset[str]:
    text = files("survviz.phi").joinpath("resources", name).read_text(encoding="utf-8")
    return frozenset(word for line in text.splitlines() if not line.startswith("#") for word in line.split())


def is_path(text: str) -> bool:
    """Whether a text is an absolute path."""
    return bool(PATH.match(text.strip()))


def personal_parts(text: str, *, plain: bool = False, any_pair: bool = True) -> Iterator[tuple[Code, str]]:
    """What in a text looks like a person's: its kind and the part.

    Args:
        plain: the text is prose or a value among many; bare numbers and pairs of capitalised words then say nothing.
        any_pair: two capitalised words that no laboratory uses are a name even where none is a known given name.
    """
    rest = PUBLIC.sub(" ", text.replace("_", " "))
    for found in EMAIL.finditer(rest):
        yield "contact", found[0]
    for found in DATE.finditer(rest):
        code: Code = "birth-date" if BIRTH.search(rest[: found.start()]) else "date"
        yield code, found[0]
    rest = EMAIL.sub(" ", DATE.sub(" ", rest))
    for found in RECORD.finditer(rest):
        yield "record-number", found[1]
    for found in SECURITY.finditer(rest):
        yield "record-number", found[0]
    rest = SECURITY.sub(" ", RECORD.sub(" ", rest))
    for found in (*CARETS.finditer(rest), *(() if plain else COMMA.finditer(rest))):
        yield "name", found[0]
    rest = COMMA.sub(" ", CARETS.sub(" ", rest))
    if plain:
        return
    for found in ACCESSION.finditer(rest):
        yield "accession-number", found[0]
    for found in LONG_NUMBER.finditer(ACCESSION.sub(" ", rest)):
        yield "record-number", found[0]
    for name in _names(rest, any_pair):
        yield "name", name


def _names(text: str, any_pair: bool) -> Iterator[str]:
    """Runs of capitalised words of which one is a given name, or none a word of laboratories.

    A given name beside initials or in capitals ("DOE JOHN") counts too.
    """
    given, laboratory = _words("given_names.txt"), _words("laboratory_words.txt")
    run: list[str] = []
    for word in [*re.split(r"[\s,.()\[\]-]+", text), ""]:
        is_name = bool(TITLED.fullmatch(word)) or (word.isupper() and word.isalpha() and len(word) > 2)
        if is_name and word.lower() not in laboratory:
            run.append(word)
            continue
        if _is_name(run, given, any_pair):
            yield " ".join(run)
        run = []


def _is_name(run: list[str], given: frozenset[str], any_pair: bool) -> bool:
    if any(word.lower() in given for word in run):
        return len(run) > 1 or run[0].istitle()
    return any_pair and len(run) > 1 and all(word.istitle() for word in run)
