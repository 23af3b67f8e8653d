"""Colours that survive colour-vision deficiency and H&E: Okabe-Ito for groups, perceptually uniform tables for maps.

The tables of maps are those of the browser (survviz/server/web/colormaps.js); a test compares them.
"""

from __future__ import annotations

from functools import lru_cache

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

COLOUR_TABLES = {
    "viridis": "Viridis",
    "cividis": "Cividis – colour-vision safe",
    "jet": "Jet – legacy (CLAM figures)",
}
"""For maps of one sign. Magma is left out: it comes close to the colours of H&E."""

SIGNED_TABLE = "puor"
"""For signed maps, over a slide turned grey: violet lowers, orange raises."""


@lru_cache(maxsize=8)
def colour_table(name: str = "viridis") -> NDArray[np.uint8]:
    """(256, 3) colours, low to high.

    Raises:
        UnknownNameError: no such table.
    """
    if name == "jet":
        table = _jet()
    elif name == SIGNED_TABLE or name in COLOUR_TABLES:
        import matplotlib  # 11 MB, which the server does without until a colour is asked for

        known = matplotlib.colormaps["PuOr_r" if name == SIGNED_TABLE else name]
        table = np.rint(255 * known(np.arange(256))[:, :3]).astype(np.uint8)  # `bytes=True` would cut, not round
    else:
        raise UnknownNameError("colour table", name, (*COLOUR_TABLES, SIGNED_TABLE))
    table.setflags(write=False)
    return table


def _jet() -> NDArray[np.uint8]:
    """Not even in lightness: it draws edges where there are none. Only to compare with figures made by CLAM."""
    t = np.arange(256)[:, None] / 255
    ramps = np.clip(1.5 - np.abs(4 * t - np.array([3, 2, 1])), 0, 1)
    return np.rint(255 * ramps).astype(np.uint8)


def translucent(colour: str, alpha: float) -> str:
    """`#RRGGBB` -> `rgba(r, g, b, alpha)`, as plotly's fills want it."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, {alpha})"
