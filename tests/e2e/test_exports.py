"""Files and the report from the foot of the rail, as a person takes them."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pydicom
import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.figures.qupath import check_collection

if TYPE_CHECKING:
    from playwright.sync_api import Locator

    from tests.e2e.conftest import Visit

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("viewer")]

EXPORT, REPORT = "Files made from the map on show", "What goes into the report of this case"
HOT, PATCH, SIZE = (4096, 3072), 512, (8192, 6144)


def open_menu(visit: Visit, title: str) -> Locator:
    """One of the two menus, opened."""
    visit.viewer()
    visit.page.locator(f".export-panel summary[title='{title}']").click()
    return visit.page.locator(".export-panel details[open] .menu-body")


def download(visit: Visit, name: str) -> tuple[str, bytes]:
    """Name and content of a file of the open menu."""
    with visit.page.expect_download() as started:
        visit.page.locator(".menu-body a.file").get_by_text(name, exact=True).click()
    return started.value.suggested_filename, Path(started.value.path()).read_bytes()


def test_figure_has_the_hot_square_where_it_is_on_the_slide(visit: Visit) -> None:
    viewer = visit.viewer()
    viewer.get_by_label("Scale").select_option("raw")
    viewer.get_by_label("Opacity of the map").fill("1")
    open_menu(visit, EXPORT)
    name, body = download(visit, "PNG")
    assert name.startswith("survviz_figure_attention_clinical-pathology_hot")
    assert "square" not in name  # the slide's file name
    image = np.asarray(Image.open(io.BytesIO(body)), int)
    hot = (np.abs(image - [253, 231, 37]).max(axis=2) <= 2)[: round(image.shape[0] * 0.85)]  # without the colour bar
    rows, columns = np.nonzero(hot)
    margin, pixel = 24 * 1.6, 1600 / SIZE[0]  # the picture is 1,600 pixels wide, words are 1.6 times as large
    assert columns.min() == pytest.approx(margin + HOT[0] * pixel, abs=1)
    assert columns.max() + 1 == pytest.approx(margin + (HOT[0] + PATCH) * pixel, abs=1)
    assert rows.max() + 1 - rows.min() == PATCH * pixel


def test_qupath_and_dicom_files_are_of_the_map_on_show(visit: Visit) -> None:
    open_menu(visit, EXPORT)
    name, body = download(visit, "Tiles")
    assert name.endswith(".geojson.gz")
    found = check_collection(json.loads(gzip.decompress(body)))
    assert len(found) == 192
    assert found[0]["geometry"]["coordinates"][0][0] == list(HOT)
    assert "survviz: contribution risk → pathology, all" in found[0]["properties"]["measurements"]
    _, body = download(visit, "Set (zip)")
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        heat = pydicom.dcmread(io.BytesIO(archive.read("heatmap.dcm")))
    frames = np.frombuffer(heat.FloatPixelData, "<f4").reshape(-1, heat.Rows, heat.Columns)
    frame, row, column = np.unravel_index(frames.argmax(), frames.shape)
    across = -(-heat.TotalPixelMatrixColumns // heat.Columns)
    step = SIZE[0] / heat.TotalPixelMatrixColumns
    assert ((frame % across) * heat.Columns + column) * step == HOT[0]
    assert ((frame // across) * heat.Rows + row) * step == HOT[1]


def test_what_cannot_be_made_is_greyed_out_with_its_reason(visit: Visit) -> None:
    visit.viewer()
    visit.page.get_by_text("Without the slide file").click()
    expect(visit.page.locator(".viewer")).to_contain_text("patch grid")
    menu = open_menu(visit, EXPORT)
    expect(menu.locator(".file-row.off")).to_have_count(3)
    expect(menu.locator(".file-row.off").first).to_contain_text("the slide file is not at hand")


def test_link_of_a_file_is_of_no_use_to_another_browser(
    visit: Visit, open_page: Callable[..., Visit], url: str
) -> None:
    href = open_menu(visit, EXPORT).locator("a.file").first.get_attribute("href")
    assert href
    assert visit.context.request.get(url + href).status == 200
    assert open_page(url).context.request.get(url + href).status == 404


def test_what_was_collected_is_still_there_after_a_reload_until_it_is_removed(visit: Visit) -> None:
    runs = visit.runs()
    visit.viewer()
    page = visit.page
    page.get_by_role("button", name="Add map to report").click()
    menu = open_menu(visit, REPORT)
    menu.get_by_role("button", name="Add the 12 highest patches").click()
    expect(menu.locator(".items li")).to_have_count(2)
    menu.get_by_role("button", name="Add this map").click()
    expect(page.locator(".export-status")).to_contain_text("in the report already")
    menu.get_by_label("Remark on Hot").or_(menu.locator(".items input").first).first.fill("See the edge.")
    page.keyboard.press("Tab")
    assert visit.runs() == runs
    page.reload()
    menu = open_menu(visit, REPORT)
    expect(menu.locator(".items li")).to_have_count(2)
    expect(menu.locator(".items input").first).to_have_value("See the edge.")
    menu.get_by_role("button", name="Remove").first.click()
    expect(menu.locator(".items li")).to_have_count(1)


def test_escape_closes_the_menu(visit: Visit) -> None:
    menu = open_menu(visit, EXPORT)
    expect(menu).to_be_visible()
    visit.page.keyboard.press("Escape")
    expect(menu).to_be_hidden()
