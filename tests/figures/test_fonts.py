"""Labels in pictures can be read."""

from __future__ import annotations

import pytest

from survviz.figures.fonts import label_font

NO_SUCH_CHARACTER = "\uffff"


@pytest.mark.parametrize("sign", ["→", "×", "µ", "≥", "≤", "ε"])
def test_signs_of_our_labels_are_in_the_font(sign: str) -> None:
    font = label_font(14)
    assert bytes(font.getmask(sign)) != bytes(font.getmask(NO_SUCH_CHARACTER))
