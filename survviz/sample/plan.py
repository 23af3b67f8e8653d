"""What a slide shall show: the numbers that the renderer turns into pixels."""

from __future__ import annotations

from dataclasses import dataclass

MPP = 0.5
"""um per pixel of every sample slide (20x)."""

ARTEFACTS = ("pen-green", "pen-black", "pen-blue", "pen-red", "fold", "blur", "shadow", "stitch", "dust", "coverslip")


@dataclass(frozen=True, slots=True)
class SlidePlan:
    """One slide, fully determined by these values.

    Attributes:
        width, height: level-0 pixels at 0.5 um.
        seed: seeds the layout, the cells and the artefacts.
        pleomorphism: 0 (small, round, alike) to 1 (large, odd, dark, mitotic) nuclei in the tumour. Prognostic.
        lymphocytes: 0 (hardly any) to 1 (brisk) lymphocytes among the tumour cells. Prognostic.
        tumour_share: share of the tissue that is tumour. Prognostic, together with hypoxia.
        necrosis, fat, normal, vessels: amounts from 0 to 1. Not prognostic.
        gland_atypia: 0 to 1, reactive atypia of the normal glands: their nuclei grow as large, dark and odd as those of
            a tumour of that pleomorphism. Not prognostic.
        inflammation: 0 to 1, aggregates of lymphocytes in the stroma, infiltrate between the glands. Not prognostic.
        squamous: keratinising nests when true, else nests with small lumina. Not prognostic.
        stain: seeds the stain of the batch.
        artefacts: names out of `ARTEFACTS`.
    """

    slide_id: str
    width: int
    height: int
    seed: int
    pleomorphism: float
    lymphocytes: float
    tumour_share: float
    necrosis: float = 0.3
    fat: float = 0.3
    normal: float = 0.3
    vessels: float = 0.4
    gland_atypia: float = 0.3
    inflammation: float = 0.3
    squamous: bool = False
    stain: int = 0
    artefacts: tuple[str, ...] = ()
