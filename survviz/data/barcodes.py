"""TCGA barcodes: `TCGA-XX-XXXX` names the patient; what follows names the sample."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

PATTERN = re.compile(r"^(TCGA[-.][A-Z0-9]{2}[-.][A-Z0-9]{4})(?:[-.](\d{2})[A-Z]?)?(?:[-._].*)?$", re.IGNORECASE)


def tcga_case(name: str) -> str | None:
    """The 12-character patient barcode at the start of a name, or None if it is not a TCGA barcode."""
    match = PATTERN.match(name.strip())
    return match.group(1).upper().replace(".", "-") if match else None


def tcga_site(name: str) -> str | None:
    """The tissue source site of a TCGA barcode (`A2` of `TCGA-A2-A0CM`), or None if it is not a TCGA barcode."""
    case = tcga_case(name)
    return case.split("-")[1] if case else None


def tcga_sample_type(name: str) -> int | None:
    """The sample type of a barcode: 1 primary tumour, 6 metastasis, 11 normal tissue; None if it is not given."""
    match = PATTERN.match(name.strip())
    return int(match.group(2)) if match and match.group(2) else None


def is_normal_sample(name: str) -> bool:
    """Whether a barcode names normal tissue or blood (sample types 10 to 14)."""
    return 10 <= (tcga_sample_type(name) or 0) <= 14


@dataclass(frozen=True, slots=True)
class SampleChoice:
    """Which of several TCGA samples stand for their patients, by their position.

    Attributes:
        kept: patient barcode -> the one sample that is used.
        normal: samples of normal tissue or blood.
        spare: further tumour samples of a patient.
    """

    kept: Mapping[str, int]
    normal: tuple[int, ...]
    spare: tuple[int, ...]


def one_sample_per_case(barcodes: Sequence[str], *, rank: Sequence[int] | None = None) -> SampleChoice:
    """Choose one tumour sample per patient.

    Normal tissue is left out. Of several samples the primary tumour is kept, then the lowest sample type (so that a
    cohort of metastases, as melanoma, keeps its type 06); among those the lowest rank, then the first barcode, then the
    first position.

    Args:
        barcodes: of samples or aliquots; all must be TCGA barcodes.
        rank: lower is better, for example 0 for a newer machine; all equal if not given.
    """
    ranks = rank or [0] * len(barcodes)
    normal = tuple(i for i, name in enumerate(barcodes) if is_normal_sample(name))
    tumour = sorted(
        set(range(len(barcodes))) - set(normal),
        key=lambda i: (tcga_sample_type(barcodes[i]) or 0, ranks[i], barcodes[i], i),
    )
    kept: dict[str, int] = {}
    for i in tumour:
        kept.setdefault(str(tcga_case(barcodes[i])), i)
    return SampleChoice(dict(sorted(kept.items())), normal, tuple(sorted(set(tumour) - set(kept.values()))))


def case_of(name: str, case_ids: frozenset[str] | set[str]) -> str | None:
    """The known case that a slide or sample name belongs to.

    The name itself, its TCGA patient barcode, or the longest case id that it starts with, followed by `-`, `_`, `.`
    or a blank. None if there is no such case.
    """
    name = name.strip()
    if name in case_ids:
        return name
    barcode = tcga_case(name)
    if barcode in case_ids:
        return barcode
    for end in range(len(name) - 1, 0, -1):
        if name[end] in "-_. " and name[:end] in case_ids:
            return name[:end]
    return None
