"""One font for labels in pictures: DejaVu Sans, which ships with matplotlib and has arrows, times signs and Greek."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from PIL import ImageFont

FONT_NAME = "DejaVu Sans"


def font_file(*, bold: bool = False) -> Path:
    """The font as a TrueType file."""
    import matplotlib  # 11 MB, which the server does without until somebody exports a figure

    return Path(matplotlib.get_data_path()) / "fonts" / "ttf" / ("DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf")


@lru_cache(maxsize=32)
def label_font(size: float = 14, *, bold: bool = False) -> ImageFont.FreeTypeFont:
    """DejaVu Sans at a size in pixels."""
    return ImageFont.truetype(font_file(bold=bold), size)


def text_width(words: str, size: float, *, bold: bool = False) -> float:
    """Width of a line in pixels."""
    return label_font(size, bold=bold).getlength(words)


def wrapped(words: str, size: float, width: float) -> list[str]:
    """Lines of at most `width` pixels, broken at spaces; a longer word stays whole."""
    lines: list[str] = []
    for word in words.split():
        if lines and text_width(f"{lines[-1]} {word}", size) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines
