"""The figure: what it says, and that pixels and words agree between PNG and SVG."""

from __future__ import annotations

import base64
import io
import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from survviz.errors import InputError
from survviz.figures.colours import colour_table
from survviz.figures.figure import MARGIN, Panel, figure, provenance_lines
from survviz.figures.patch_map import RESEARCH_USE, PatchMap
from survviz.figures.scaling import Look
from survviz.figures.sheet import Picture, to_png, to_svg

SVG = "{http://www.w3.org/2000/svg}"
GREY = np.full((320, 480, 3), 230, dtype=np.uint8)


def words_of(svg: str) -> str:
    return " ".join(text.text or "" for text in ET.fromstring(svg).iter(f"{SVG}text"))


def test_svg_says_what_is_shown_and_where_it_comes_from(patch_map: PatchMap) -> None:
    words = words_of(to_svg(figure([Panel(GREY, (96, 64), patch_map, Look(threshold=0.5))])))
    for expected in (
        "Stage",
        "attention clinic → pathology",
        "Attention ÷ uniform",
        "≤ 1/16×",
        "≥ 16×",
        "Patches below 1× are not drawn.",
        patch_map.semantics,
        "Case CASE-1",
        "slide slide-1",
        "0.5 µm per pixel (declared by the file)",
        "checkpoint demo",
        "encoder he-descriptor",
        "6 patches of 32 px",
        RESEARCH_USE,
        "10 µm",
    ):
        assert expected in words


def test_svg_needs_nothing_from_elsewhere(patch_map: PatchMap) -> None:
    svg = to_svg(figure([Panel(GREY, (96, 64), patch_map)]))
    for address in re.findall(r"(?:href|src)=\"([^\"]*)\"|url\(([^)]*)\)", svg):
        assert "".join(address).startswith(("data:", "#"))


def test_picture_in_the_svg_is_the_blended_slide(patch_map: PatchMap) -> None:
    panel = Panel(GREY, (96, 64), patch_map, Look(scale="raw", opacity=1))
    image = ET.fromstring(to_svg(figure([panel]))).find(f"{SVG}image")
    assert image is not None
    data = base64.b64decode(image.attrib["href"].split(",")[1])
    pixels = np.asarray(Image.open(io.BytesIO(data)), dtype=int)
    assert (pixels.shape[1], pixels.shape[0]) == (480, 320)
    assert np.abs(pixels[240, 80] - colour_table()[255]).max() <= 3


def test_hot_square_is_at_its_pixel_in_the_png(patch_map: PatchMap) -> None:
    sheet = figure([Panel(GREY, (96, 64), patch_map, Look(scale="raw", opacity=1))])
    image = np.asarray(Image.open(io.BytesIO(to_png(sheet))))
    assert image.shape[:2] == (sheet.height, sheet.width)
    picture = next(shape for shape in sheet.shapes if isinstance(shape, Picture))
    hot = (image == colour_table()[255]).all(axis=2)[: round(picture.y + picture.height)]
    rows, columns = np.nonzero(hot)
    assert (columns.min(), columns.max() + 1) == (MARGIN, MARGIN + 160)
    assert (rows.min(), rows.max() + 1) == (picture.y + 160, picture.y + 320)


def test_scale_bar_has_the_length_that_it_states(patch_map: PatchMap) -> None:
    sheet = figure([Panel(np.full((300, 500, 3), 90, np.uint8), (50_000, 30_000), patch_map)])
    assert "5 mm" in words_of(to_svg(sheet))
    image = np.asarray(Image.open(io.BytesIO(to_png(sheet)))).astype(int)
    bar = (image[62:362, 24:524] == 255).all(axis=2).sum(axis=1).max()
    assert bar == pytest.approx(5000 / (0.5 * 100), abs=3)  # 5,000 um at 50 um per pixel


def test_slide_without_a_pixel_size_has_no_scale_bar(patch_map: PatchMap) -> None:
    unknown = replace(patch_map, provenance=replace(patch_map.provenance, mpp=None, mpp_source=""))
    words = words_of(to_svg(figure([Panel(GREY, (96, 64), unknown)])))
    assert "mm" not in words
    assert "pixel size not known" in words


def test_two_panels_stand_side_by_side_on_one_scale_each(patch_map: PatchMap, signed_map: PatchMap) -> None:
    sheet = figure([Panel(GREY, (96, 64), patch_map), Panel(GREY, (96, 64), signed_map)])
    left, right = (shape for shape in sheet.shapes if isinstance(shape, Picture))
    assert right.x >= left.x + left.width
    words = words_of(to_svg(sheet))
    assert "Violet patches push the estimate down, orange ones push it up." in words
    assert "cause" not in words


def test_maps_of_two_checkpoints_are_named_by_theirs(patch_map: PatchMap) -> None:
    named = [replace(patch_map, provenance=replace(patch_map.provenance, checkpoint=name)) for name in ("one", "two")]
    words = words_of(to_svg(figure([Panel(GREY, (96, 64), one) for one in named])))
    for expected in ("checkpoint one · attention", "checkpoint two · attention", "checkpoint one and two"):
        assert expected in words
    assert "checkpoint one · attention" not in words_of(to_svg(figure([Panel(GREY, (96, 64), named[0])])))


def test_slide_alone_can_stand_beside_its_map(patch_map: PatchMap) -> None:
    first = Panel(GREY, (96, 64), patch_map)
    sheet = figure([first, replace(first, patch_map=None)])
    bare = [shape for shape in sheet.shapes if isinstance(shape, Picture)][1]
    np.testing.assert_array_equal(bare.pixels, GREY)


def test_figure_without_a_map_is_refused(patch_map: PatchMap) -> None:
    with pytest.raises(InputError, match="at least one map"):
        figure([Panel(GREY, (96, 64), None)])


def test_names_in_several_drawings_of_a_page_differ(patch_map: PatchMap) -> None:
    sheet = figure([Panel(GREY, (96, 64), patch_map, Look(threshold=0.2))])
    first, second = (set(re.findall(r" id=\"([^\"]+)\"", to_svg(sheet, prefix))) for prefix in ("a", "b"))
    assert first
    assert not first & second


def test_no_date_is_written_unless_it_is_given(patch_map: PatchMap) -> None:
    assert not re.search(r"20\d\d", " ".join(provenance_lines(patch_map)))
    dated = replace(patch_map, provenance=replace(patch_map.provenance, date="2026-11-21"))
    assert "2026-11-21" in " ".join(provenance_lines(dated))


def test_words_of_strangers_are_escaped(patch_map: PatchMap) -> None:
    svg = to_svg(figure([Panel(GREY, (96, 64), replace(patch_map, token="<script>&", slide_id="a<b"))]))
    assert "<script>" not in svg
    ET.fromstring(svg)
