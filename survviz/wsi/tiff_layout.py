"""Which pages of a TIFF file are the slide: its pyramid, its channels, its focal plane."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tifffile

from survviz.errors import SlideError
from survviz.wsi.segments import Page, StoredPage, stored_page

NOT_THE_SLIDE = ("label", "macro", "overview", "thumbnail", "map")
RGB_PHOTOMETRICS = (2, 6)
"""TIFF PhotometricInterpretation: 2 = RGB, 6 = YCbCr."""

PALETTE_PHOTOMETRIC = 3


@dataclass(frozen=True, slots=True)
class Layout:
    """Pages of the slide.

    Attributes:
        series: index of the series among those of the file.
        planes: per level, the page of each channel; one page in all for RGB.
        is_rgb: the samples of a page are red, green, blue.
        descriptions: text of the full-resolution page of each channel.
    """

    series: int
    planes: tuple[tuple[StoredPage, ...], ...]
    is_rgb: bool
    descriptions: tuple[str, ...]

    @property
    def samples(self) -> int:
        """Samples of a page that are shown."""
        return 3 if self.is_rgb else self.planes[0][0].samples

    @property
    def sizes(self) -> tuple[tuple[int, int], ...]:
        """(width, height) of each level."""
        return tuple((level[0].width, level[0].height) for level in self.planes)

    @property
    def channels(self) -> int:
        """Number of channels stored."""
        return len(self.planes[0]) * self.samples


def layout_of(file: tifffile.TiffFile, name: str) -> Layout:
    """Find the pyramid: the largest series that is not a label, macro or thumbnail image.

    Raises:
        SlideError: no series is an image that can be shown.
    """
    candidates = [
        (series.shape[series.axes.index("X")] * series.shape[series.axes.index("Y")], -index)
        for index, series in enumerate(file.series)
        if "X" in series.axes
        and "Y" in series.axes
        and not any(word in (series.name or "").lower().split() for word in NOT_THE_SLIDE)
    ]
    if not candidates:
        raise SlideError(f"{name} is a TIFF file without a slide image. Choose the file that holds the scan itself.")
    index = -max(candidates)[1]
    pages = [_planes(level, name) for level in file.series[index].levels]
    planes = [tuple(stored_page(page) for page in level) for level in pages]
    first = planes[0][0]
    if first.photometric == PALETTE_PHOTOMETRIC:
        raise SlideError(f"{name} stores colours through a palette, which no slide scanner does. Convert it to RGB.")
    return Layout(
        series=index,
        planes=tuple(level for level in planes if len(level) == len(planes[0]) and level[0].samples == first.samples),
        is_rgb=len(planes[0]) == 1 and first.samples >= 3 and first.photometric in RGB_PHOTOMETRICS,
        descriptions=tuple(page.description if isinstance(page, tifffile.TiffPage) else "" for page in pages[0]),
    )


def _planes(level: tifffile.TiffPageSeries, name: str) -> tuple[Page, ...]:
    """One page per channel: middle focal plane, first time point, first of anything else."""
    axes = [(axis, size) for axis, size in zip(level.axes, level.shape, strict=True) if axis not in "YXS"]
    shape = tuple(size for _, size in axes)
    count = int(np.prod(shape, dtype=np.int64))
    pages = [page for page in level.pages if page is not None]
    if not pages or len(pages) != len(level.pages):
        raise SlideError(f"{name} is incomplete: pages of its pyramid are missing. Copy the file again.")
    if len(pages) == 1 and count != 1:
        # Planar files keep their channels as separate samples of one page.
        if pages[0].keyframe is None or pages[0].keyframe.samplesperpixel != count:
            raise SlideError(f"{name} stores several images in one TIFF page. Convert it to OME-TIFF.")
        return (pages[0],)
    grid = np.arange(len(pages)).reshape(shape)
    pick = tuple(slice(None) if axis == "C" else size // 2 if axis == "Z" else 0 for axis, size in axes)
    return tuple(pages[int(i)] for i in np.ravel(grid[pick]))
