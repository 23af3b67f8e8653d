"""Colours that survive colour-vision deficiency and H&E: Okabe-Ito for groups, perceptually uniform tables for maps."""

from __future__ import annotations

from functools import lru_cache

import matplotlib
import numpy as np
from numpy.typing import NDArray

from survviz.errors import UnknownNameError

LOW_RISK = "#0072B2"
HIGH_RISK = "#D55E00"
THIS_CASE = "#CC79A7"
GREY = "#8A8F98"
GROUP_COLOURS = {"low": LOW_RISK, "high": HIGH_RISK}
GROUP_DASHES = {"low": "dash", "high": "dot"}
"""Groups differ in line style too, so that a grey print still tells them apart."""

COLOUR_TABLES = {"viridis": "viridis (default)", "cividis": "cividis (colour-vision safe)", "magma": "magma"}


@lru_cache(maxsize=8)
def colour_table(name: str = "viridis") -> NDArray[np.uint8]:
    """(256, 3) colours, low to high.

    Raises:
        UnknownNameError: no such table.
    """
    if name not in COLOUR_TABLES:
        raise UnknownNameError("colour table", name, COLOUR_TABLES)
    table = matplotlib.colormaps[name](np.arange(256), bytes=True)[:, :3].astype(np.uint8)
    table.setflags(write=False)
    return table


def translucent(colour: str, alpha: float) -> str:
    """`#RRGGBB` -> `rgba(r, g, b, alpha)`, as plotly's fills want it."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, {alpha})"
