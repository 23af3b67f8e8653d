"""The tissue classes of the planted truth and how they are written down."""

from __future__ import annotations

from enum import IntEnum


class Region(IntEnum):
    """Class of a pixel of a truth mask. `ARTEFACT` covers ink, folds and out-of-focus areas."""

    BACKGROUND = 0
    STROMA = 1
    TUMOUR = 2
    NECROSIS = 3
    LYMPHOCYTES = 4
    FAT = 5
    VESSEL = 6
    NORMAL = 7
    ARTEFACT = 8


COLOURS: dict[Region, tuple[int, int, int]] = {
    Region.BACKGROUND: (255, 255, 255),
    Region.STROMA: (231, 138, 195),
    Region.TUMOUR: (166, 54, 3),
    Region.NECROSIS: (120, 120, 120),
    Region.LYMPHOCYTES: (49, 54, 149),
    Region.FAT: (255, 237, 160),
    Region.VESSEL: (215, 25, 28),
    Region.NORMAL: (102, 194, 165),
    Region.ARTEFACT: (0, 0, 0),
}

TRUTH_MPP = 8.0
"""um per pixel of a truth mask."""


def legend() -> dict[str, dict[str, object]]:
    """Class name -> value in the mask and colour in its palette."""
    return {region.name.lower(): {"value": int(region), "colour": list(COLOURS[region])} for region in Region}
