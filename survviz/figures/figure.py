"""The figure of one map, or of two side by side: slide, colours, legend, scale bar, meaning, source, research use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from survviz import __version__
from survviz.errors import InputError
from survviz.figures.fonts import wrapped
from survviz.figures.legend import bar_ticks, bar_title, direction, ends_note, map_title, scale_note, threshold_text
from survviz.figures.overlay import Size, bar_length_um, blend
from survviz.figures.patch_map import RESEARCH_USE, PatchMap
from survviz.figures.scaling import Look, Summary, summarise
from survviz.figures.sheet import Box, Gradient, Picture, Sheet, Text

MARGIN = 24
GAP = 24
NARROWEST = 420
BAR = 400
QUIET = "#4a4f57"


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture of a figure.

    Attributes:
        thumbnail: (h, w, 3) picture of the whole slide.
        slide_size: (width, height) of level 0 in pixels.
        patch_map: None = the slide alone.
        summary: ends of the scales over all slides of the case; by default over this map alone.
    """

    thumbnail: NDArray[np.uint8]
    slide_size: Size
    patch_map: PatchMap | None
    look: Look = field(default_factory=Look)
    summary: Summary | None = None

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """The slide under its map."""
        if self.patch_map is None:
            return self.thumbnail
        return blend(self.thumbnail, self.patch_map, self.slide_size, self.look, self.summary)


def provenance_lines(patch_map: PatchMap) -> list[str]:
    """Where a map comes from, in a few short lines."""
    source = patch_map.provenance
    mpp = f"{source.mpp:.4g} µm per pixel" if source.mpp else "pixel size not known"
    by = {"file": " (declared by the file)", "person": " (given by a person)"}.get(source.mpp_source, "")
    first = [f"Case {source.case_id}" if source.case_id else "", f"slide {patch_map.slide_id}", f"{mpp}{by}"]
    second = [
        f"checkpoint {source.checkpoint}" if source.checkpoint else "",
        f"survviz {__version__}",
        f"encoder {source.encoder}" if source.encoder else "",
        f"{len(patch_map):,} patches of {patch_map.patch_size_level0} px (level 0)",
        source.date,
    ]
    return [" · ".join(part for part in line if part) for line in (first, second)]


def figure(panels: Sequence[Panel], *, dense: float = 1.0) -> Sheet:
    """Draw one panel, or several side by side.

    Args:
        dense: pixels of the thumbnails per pixel of the sheet; 2 for paper.

    Raises:
        InputError: there is no panel, or none of them has a map.
    """
    shown = [panel.patch_map for panel in panels if panel.patch_map is not None]
    if not shown:
        raise InputError("A figure needs at least one map; choose one that has been computed.")
    sizes = [(panel.thumbnail.shape[1] / dense, panel.thumbnail.shape[0] / dense) for panel in panels]
    widths = [max(NARROWEST, width) for width, _ in sizes]
    tallest = max(height for _, height in sizes)
    width = 2 * MARGIN + sum(widths) + GAP * (len(panels) - 1)
    sheet = Sheet(width, 0, title=" | ".join(map_title(one) for one in shown))
    below, left = 0.0, float(MARGIN)
    whose = list(dict.fromkeys(one.provenance.checkpoint for one in shown))
    for panel, room, size in zip(panels, widths, sizes, strict=True):
        below = max(below, _draw_panel(sheet, panel, left, room, size, tallest, named=len(whose) > 1))
        left += room + GAP
    y = below + 10
    both = replace(shown[0], provenance=replace(shown[0].provenance, checkpoint=" and ".join(filter(None, whose))))
    for line in provenance_lines(both):
        for part in wrapped(line, 11, width - 2 * MARGIN):
            sheet.add(Text(MARGIN, y, part, 11, QUIET))
            y += 15
    sheet.add(Text(MARGIN, y + 6, RESEARCH_USE, 12, bold=True))
    sheet.height = round(y + 22)
    return sheet


def _draw_panel(
    sheet: Sheet, panel: Panel, left: float, room: float, size: tuple[float, float], tallest: float, *, named: bool
) -> float:
    """Draw one panel into its column, with the name of its checkpoint where there are two; returns where it ends."""
    title = _title(panel, named)
    sheet.add(
        Text(left, 30, _cut(title[0], 15, room), 15, bold=True), Text(left, 49, _cut(title[1], 12, room), 12, QUIET)
    )
    top = 62.0
    sheet.add(Picture(left, top, *size, panel.pixels, sheet.title))
    _draw_scale_bar(sheet, panel, left, top, size)
    y = top + tallest + 22
    if panel.patch_map is None:
        return y
    summary = panel.summary or summarise([panel.patch_map])
    y = _draw_legend(sheet, panel, panel.patch_map, summary, left, y)
    notes = [
        ends_note(panel.patch_map),
        threshold_text(panel.patch_map, panel.look, summary),
        scale_note(panel.patch_map, panel.look, summary),
    ]
    if summary.flat:
        notes.insert(0, "This map is almost flat; colours show tiny differences.")
    for words in (" ".join(filter(None, notes)), panel.patch_map.semantics):
        for line in wrapped(words, 11.5, room):
            sheet.add(Text(left, y, line, 11.5))
            y += 16
        y += 4
    return y


def _title(panel: Panel, named: bool) -> tuple[str, str]:
    if panel.patch_map is None:
        return "Slide without a map", ""
    one = panel.patch_map
    details = [part for part in (one.provenance.head, one.provenance.fold) if part]
    whose = [f"checkpoint {one.provenance.checkpoint}"] if named else []
    return one.token_words[:1].upper() + one.token_words[1:], " · ".join(
        [*whose, f"{one.kind} {direction(one)}", f"slide {one.slide_id}", *details]
    )


def _cut(words: str, size: float, room: float) -> str:
    """The first line of words that fits, with an ellipsis where that is not all."""
    lines = wrapped(words, size, room - size)
    return words if len(lines) <= 1 else f"{lines[0]} …"


def _draw_legend(sheet: Sheet, panel: Panel, patch_map: PatchMap, summary: Summary, left: float, y: float) -> float:
    """Colour bar with its numbers; returns where it ends."""
    at = panel.look.threshold
    hidden = None
    if at > 0:
        hidden = (0.5 - at / 2, 0.5 + at / 2) if patch_map.nature == "signed" else (0.0, at)
    sheet.add(Text(left, y, bar_title(patch_map, panel.look), 12))
    sheet.add(Gradient(left, y + 7, BAR, 13, panel.look.table_of(patch_map.nature), hidden))
    for tick in bar_ticks(patch_map, panel.look, summary):
        anchor = "start" if tick.at == 0 else "end" if tick.at == 1 else "middle"
        x = left + tick.at * BAR
        sheet.add(Box(min(x, left + BAR - 1), y + 20, 1, 4, "#1a1d21"), Text(x, y + 36, tick.text, 11.5, anchor=anchor))
    return y + 58


def _draw_scale_bar(sheet: Sheet, panel: Panel, left: float, top: float, size: tuple[float, float]) -> None:
    """A white bar with a dark edge in the lower right corner, and its length; none without a pixel size."""
    mpp = panel.patch_map.provenance.mpp if panel.patch_map else None
    width, height = size
    if mpp is None or width < 60:
        return
    um_per_pixel = mpp * panel.slide_size[0] / width
    length_um = bar_length_um(width / 4 * um_per_pixel)
    pixels = length_um / um_per_pixel
    label = f"{length_um / 1000:g} mm" if length_um >= 1000 else f"{length_um:g} µm"
    x, y = left + width - 14 - pixels, top + height - 20
    sheet.add(Box(x, y, pixels, 6, "#ffffff", "#000000"))
    sheet.add(Text(x + pixels / 2, y - 6, label, 13, "#000000", "middle", halo="#ffffff"))
