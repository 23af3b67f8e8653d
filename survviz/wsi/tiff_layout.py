"""Which pages of a TIFF file are the slide: its pyramid, its channels, its focal plane."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tifffile

from survviz.errors import SlideError
from survviz.wsi.segments import Page

NOT_THE_SLIDE = ("label", "macro", "overview", "thumbnail", "map")
RGB_PHOTOMETRICS = (2, 6)
"""TIFF PhotometricInterpretation: 2 = RGB, 6 = YCbCr."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Pages of the slide.

    Attributes:
        series: index of the series among those of the file.
        sizes: (width, height) of each level.
        planes: per level, the page of each channel; one page in all for RGB.
        is_rgb: the samples of a page are red, green, blue.
        samples: samples per pixel of a page.
    """

    series: int
    sizes: tuple[tuple[int, int], ...]
    planes: tuple[tuple[Page, ...], ...]
    is_rgb: bool
    samples: int

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
    levels = file.series[index].levels
    planes = tuple(_planes(level, name) for level in levels)
    keyframe = planes[0][0].keyframe
    samples = keyframe.samplesperpixel
    is_rgb = len(planes[0]) == 1 and samples >= 3 and int(keyframe.photometric) in RGB_PHOTOMETRICS
    if int(keyframe.photometric) == 3:
        raise SlideError(f"{name} stores colours through a palette, which no slide scanner does. Convert it to RGB.")
    sizes = tuple((page[0].keyframe.imagewidth, page[0].keyframe.imagelength) for page in planes)
    usable = [
        i for i, (page, size) in enumerate(zip(planes, sizes, strict=True)) if len(page) == len(planes[0]) and min(size)
    ]
    return Layout(
        series=index,
        sizes=tuple(sizes[i] for i in usable),
        planes=tuple(planes[i] for i in usable),
        is_rgb=is_rgb,
        samples=3 if is_rgb else samples,
    )


def _planes(level: tifffile.TiffPageSeries, name: str) -> tuple[Page, ...]:
    """One page per channel: middle focal plane, first time point, first of anything else."""
    axes = [(axis, size) for axis, size in zip(level.axes, level.shape, strict=True) if axis not in "YXS"]
    shape = tuple(size for _, size in axes)
    pages = level.pages
    if len(pages) == 1 and int(np.prod(shape, dtype=np.int64)) != 1:
        # Planar files keep their channels as separate samples of one page.
        keyframe = pages[0].keyframe if pages[0] is not None else None
        if keyframe is None or keyframe.samplesperpixel != int(np.prod(shape, dtype=np.int64)):
            raise SlideError(f"{name} stores several images in one TIFF page. Convert it to OME-TIFF.")
        return (pages[0],)
    grid = np.arange(len(pages)).reshape(shape)
    pick = tuple(slice(None) if axis == "C" else size // 2 if axis == "Z" else 0 for axis, size in axes)
    chosen = tuple(pages[int(i)] for i in np.ravel(grid[pick]))
    if not chosen or any(page is None for page in chosen):
        raise SlideError(f"{name} is incomplete: pages of its pyramid are missing. Copy the file again.")
    return chosen
