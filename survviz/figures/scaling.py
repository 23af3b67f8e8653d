"""Values of a map -> places on a colour bar, exactly as in the browser (survviz/server/web/scales.js, drawing.js).

The default for attention is log2 of *times uniform* clipped to +-4: a flat map then looks flat. Percentiles always
paint a tenth of the patches hot, whatever the map; they are offered under their own name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from survviz.errors import InputError, UnknownNameError
from survviz.figures.colours import COLOUR_TABLES, SIGNED_TABLE, colour_table
from survviz.figures.patch_map import Nature, PatchMap

SCALES: dict[Nature, tuple[str, ...]] = {
    "share": ("fold", "rank", "raw"),
    "signed": ("linear", "rank"),
    "spread": ("linear", "rank"),
}
"""Scales that fit each nature of map, the default first."""

CLIP = 0.99
"""Linear scales end at this quantile of the sizes, so that one patch does not bleach all others."""

FLAT_SHARE = 0.9
ZERO = 0.5
"""Where 0 lies on a signed scale."""


@dataclass(frozen=True, slots=True)
class Look:
    """How a viewer draws a map.

    Attributes:
        scale: one of `SCALES`; None = the default of the map's nature.
        range: the log scale of attention goes from 2**-range to 2**range times uniform.
        colormap: table of maps of one sign; signed maps are always violet to orange.
        threshold: place on the scale (0 to 1) below which patches are transparent; of signed maps, share of the range
            on both sides of 0. 0 hides nothing.
        opacity: of the map over the slide.
        smooth: blend neighbouring patches.
    """

    scale: str | None = None
    range: float = 4.0
    colormap: str = "viridis"
    threshold: float = 0.0
    opacity: float = 0.45
    smooth: bool = False

    def __post_init__(self) -> None:
        for name, value, low, high in (
            ("opacity", self.opacity, 0, 1),
            ("threshold", self.threshold, 0, 1),
            ("range", self.range, 0.1, 16),
        ):
            if not low <= value <= high:
                raise InputError(f"A {name} of {value:g} was given; expected {low:g} to {high:g}.")
        if self.colormap not in COLOUR_TABLES:
            raise UnknownNameError("colour table", self.colormap, COLOUR_TABLES)

    def scale_of(self, nature: Nature) -> str:
        """The scale in use.

        Raises:
            UnknownNameError: the map has no such scale.
        """
        scale = self.scale or SCALES[nature][0]
        if scale not in SCALES[nature]:
            raise UnknownNameError("colour scale", scale, SCALES[nature])
        return scale

    def table_of(self, nature: Nature) -> NDArray[np.uint8]:
        """(256, 3) colours in use."""
        return colour_table(SIGNED_TABLE if nature == "signed" else self.colormap)


@dataclass(frozen=True, slots=True)
class Summary:
    """Ends of scales and ranks, over all slides of the case.

    Attributes:
        known: (n,) sorted values.
        sizes: (n,) sorted absolute values.
        clip: where linear scales end.
        effective: exp(entropy), how many equally weighted patches would be as concentrated.
        top_share: share held by the top 1 % of the patches.
    """

    known: NDArray[np.float64]
    sizes: NDArray[np.float64]
    clip: float
    effective: float
    top_share: float

    @property
    def max(self) -> float:
        """The highest value."""
        return float(self.known[-1]) if len(self.known) else 0.0

    @property
    def flat(self) -> bool:
        """The map is almost flat: colours show tiny differences."""
        return len(self.known) > 1 and self.effective > FLAT_SHARE * len(self.known)


def summarise(parts: Sequence[PatchMap]) -> Summary:
    """Over the same map of every slide of a case."""
    values = np.concatenate([part.values for part in parts]).astype(np.float64) if parts else np.empty(0)
    known = np.sort(values[np.isfinite(values)])
    sizes = np.sort(np.abs(known))
    total = sizes.sum()
    positive = sizes[sizes > 0] / total if total > 0 else np.empty(0)
    clip = 1.0
    if len(sizes):
        clip = float(sizes[int(np.ceil(CLIP * (len(sizes) - 1)))] or sizes[-1] or 1.0)
    top = max(1, int(len(sizes) / 100 + 0.5))
    return Summary(
        known=known,
        sizes=sizes,
        clip=clip,
        effective=float(np.exp(-(positive * np.log(positive)).sum())) if len(positive) else 0.0,
        top_share=float(sizes[-top:].sum() / total) if total > 0 else 0.0,
    )


def ranks_among(values: NDArray[np.floating], known: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share (0 to 1) of the other sorted values that lie below each value, ties averaged; NaN stays NaN."""
    values = np.asarray(values, dtype=np.float64)
    if len(known) <= 1:
        return np.where(np.isfinite(values), 1.0, np.nan)
    below = np.searchsorted(known, values, side="left")
    up_to = np.searchsorted(known, values, side="right")
    return np.where(np.isfinite(values), (below + up_to - 1) / 2 / (len(known) - 1), np.nan)


def colour_places(patch_map: PatchMap, look: Look, summary: Summary) -> NDArray[np.float32]:
    """(N,) place of each patch on the colour bar; what lies outside 0 to 1 is drawn in the end colours.

    Raises:
        UnknownNameError: the map has no such scale.
    """
    values, scale = patch_map.values.astype(np.float64), look.scale_of(patch_map.nature)
    with np.errstate(divide="ignore", invalid="ignore"):
        if scale == "fold":
            places = (np.log2(values) + look.range) / (2 * look.range)
        elif scale == "raw":
            places = values / summary.max if summary.max else np.zeros(len(values))
        elif patch_map.nature == "signed":
            if scale == "linear":
                places = ZERO + values / summary.clip / 2
            else:
                places = ZERO + np.sign(values) * ranks_among(np.abs(values), summary.sizes) / 2
        elif scale == "linear":
            places = values / summary.clip
        else:
            places = ranks_among(values, summary.known)
    return np.where(np.isfinite(values), places, np.nan).astype(np.float32)


def is_shown(places: NDArray[np.float32], nature: Nature, threshold: float) -> NDArray[np.bool_]:
    """(N,) whether the threshold leaves a patch visible; a patch without a value never is."""
    if threshold == 0:
        return ~np.isnan(places)
    return (np.abs(places - ZERO) * 2 if nature == "signed" else places) >= threshold


def colours_of(patch_map: PatchMap, look: Look, summary: Summary, *, threshold: bool = True) -> NDArray[np.uint8]:
    """(N, 4) colour of each patch; alpha is 255, or 0 where it is hidden."""
    places = colour_places(patch_map, look, summary)
    entry = np.floor(255 * np.clip(np.nan_to_num(places).astype(np.float64), 0, 1) + 0.5).astype(int)
    colours = np.zeros((len(places), 4), dtype=np.uint8)
    colours[:, :3] = look.table_of(patch_map.nature)[entry]
    colours[:, 3] = 255 * is_shown(places, patch_map.nature, look.threshold if threshold else 0.0)
    return colours
