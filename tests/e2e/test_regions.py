"""Regions and stories in a real browser: the whole app with its demo case."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Download, Page, Response, expect
from shapely.geometry import shape

from survviz.evaluation.coverage import coverage
from survviz.evaluation.enrichment import enrichment

ROOT = Path(__file__).parents[2]
MAP = ".viewer[data-map*=':']"
PATIENT_MS = 240_000
PATCH = 256

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("app")]


@pytest.fixture
def page(browser: Browser, app_url: str) -> Iterator[Page]:
    """A new visitor on the demo case, once its first map is on show."""
    context = browser.new_context(viewport={"width": 1440, "height": 1000})
    page = context.new_page()
    page.set_default_timeout(PATIENT_MS)
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(app_url)
    page.get_by_role("button", name="Explore the demo case").click()
    page.locator(MAP).wait_for()
    yield page
    context.close()
    assert complaints == []


def tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name).click()


def drag(page: Page, start: tuple[int, int], end: tuple[int, int]) -> None:
    """From and to, in CSS pixels of the stage."""
    box = page.locator(".stage").first.bounding_box()
    assert box
    page.mouse.move(box["x"] + start[0], box["y"] + start[1])
    page.mouse.down()
    page.mouse.move(box["x"] + end[0], box["y"] + end[1], steps=4)
    page.mouse.up()


def draw_rectangle(page: Page) -> dict[str, Any]:
    """Draws one, and returns what was asked of the server and answered."""
    page.get_by_role("radio", name="Rectangle").click()
    with page.expect_response(re.compile(r"/regions/[^/]+\.json$")) as waiting:
        drag(page, (300, 220), (460, 360))
    answer = waiting.value
    token = answer.url.rsplit("/", 1)[1].removesuffix(".json")
    return {"token": token, "asked": json.loads(answer.request.post_data or "{}"), "table": answer.json()}


def cells(page: Page, name: str) -> list[str]:
    row = page.locator(f".region-table tr[data-name='{name}']").first
    expect(row.locator("td").nth(1)).to_be_visible()
    return row.locator("td").all_inner_texts()


def test_a_drawn_rectangle_has_the_numbers_of_python(page: Page) -> None:
    tab(page, "Regions")
    drawn = draw_rectangle(page)
    root = re.match(r"https?://[^/]+", page.url)
    assert root
    values = np.frombuffer(page.request.get(f"{root[0]}/sv/maps/{drawn['token']}.bin").body(), "<f4")
    (feature,) = drawn["asked"]["features"]
    row = drawn["table"]["rows"][0]
    found = enrichment(values, coverage(demo_coords(), PATCH, [shape(feature["geometry"])]).toarray()[0])
    assert row["share_of_map"] == pytest.approx(found.share_of_map, rel=1e-6)
    assert row["share_of_area"] == pytest.approx(found.share_of_area, rel=1e-6)
    shown = cells(page, "Region 1")
    assert found.enrichment is not None
    assert float(shown[2].removesuffix("×")) == pytest.approx(found.enrichment, rel=0.06)


def demo_coords() -> np.ndarray:
    from survviz.data.cohort import load_cohort

    (bag,) = load_cohort(ROOT / "sample_data").case("SV07-0001").bags
    return bag.coords


def test_the_table_follows_the_map(page: Page) -> None:
    tab(page, "Regions")
    draw_rectangle(page)
    before = cells(page, "Region 1")
    tab(page, "Map")
    with page.expect_response(re.compile(r"/regions/[^/]+\.json$")):
        page.get_by_role("radio", name="Genomic → pathology").click()
    tab(page, "Regions")
    expect(page.locator(".region-table.asking")).to_have_count(0)
    after = cells(page, "Region 1")
    assert after != before
    assert after[1] == before[1]  # the area is the same


def test_regions_are_there_after_a_reload_and_what_is_exported_is_what_was_imported(page: Page, tmp_path: Path) -> None:
    tab(page, "Regions")
    ring = [[2000.25, 2000], [4000, 2000.125], [4100, 3900], [2000.25, 2000]]
    hole = [[3000, 2500], [3200, 2500], [3200, 2700], [3000, 2500]]
    feature = {
        "type": "Feature",
        "id": "6c1d5a7e-3b6a-4d3f-9a53-0d8c6f8a2b11",
        "geometry": {"type": "Polygon", "coordinates": [ring, hole]},
        "properties": {"objectType": "annotation", "name": "mine", "classification": "Tumor"},
    }
    path = tmp_path / "mine.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    with page.expect_response(lambda answer: answer.request.method == "PUT" and "/regions-of/" in answer.url):
        page.get_by_label("Annotation file").set_input_files(path)
    page.reload()
    page.locator(MAP).wait_for()
    tab(page, "Regions")
    cells(page, "mine")
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Export", exact=True).first.click()
    (back,) = read(waiting.value)["features"]
    assert back["geometry"] == feature["geometry"]
    assert back["id"] == feature["id"]
    assert any(name.endswith("enrichment") for name in back["properties"]["measurements"])


def read(download: Download) -> Any:
    return json.loads(Path(download.path()).read_text())


def test_a_file_that_is_none_says_so(page: Page, tmp_path: Path) -> None:
    tab(page, "Regions")
    path = tmp_path / "notes.json"
    path.write_text("hello")
    page.get_by_label("Annotation file").set_input_files(path)
    expect(page.get_by_text("notes.json is no JSON")).to_be_visible()


def test_the_truth_is_one_click_away(page: Page) -> None:
    tab(page, "Regions")
    page.get_by_role("button", name="Show truth").click()
    for name in ("tumour", "artefact", "lymphocytes"):
        assert len(cells(page, name)) == 4
    page.locator(".region-table tr[data-name='tumour'] button").click()
    expect(page.get_by_text("tumour (truth)")).to_be_visible()
    page.get_by_role("button", name="Hide truth").click()
    expect(page.locator(".region-table tr")).to_have_count(0)


def test_what_the_risk_would_be_without_a_region_is_answered(page: Page) -> None:
    tab(page, "Regions")
    draw_rectangle(page)
    page.get_by_role("button", name="What if this region were removed?").click()
    expect(page.locator(".region-risk")).to_contain_text("push the estimate")
    expect(page.locator(".region-risk tbody tr")).to_have_count(3)
    expect(page.get_by_role("tab", name="Regions")).to_have_attribute("aria-selected", "true")


def test_a_region_is_moved_and_deleted_by_hand(page: Page) -> None:
    tab(page, "Regions")
    first = draw_rectangle(page)["asked"]["features"][0]["geometry"]
    page.get_by_role("radio", name="Move").click()
    with page.expect_response(re.compile(r"/regions/[^/]+\.json$")) as waiting:
        drag(page, (380, 290), (430, 330))
    moved = json.loads(waiting.value.request.post_data or "{}")["features"][0]["geometry"]
    steps = np.diff([first["coordinates"][0], moved["coordinates"][0]], axis=0)[0]
    assert (steps == steps[0]).all()
    assert (steps[0] > 0).all()
    page.keyboard.press("Delete")
    expect(page.locator(".region-table tr")).to_have_count(0)


def test_the_demo_story_plays(page: Page) -> None:
    tab(page, "Stories")
    page.get_by_role("button", name="Play").click()
    card = page.locator(".story-card")
    expect(card).to_contain_text("A slide that a program drew")
    page.keyboard.press("ArrowRight")
    expect(card).to_contain_text("Where the clinical sentences look")
    page.get_by_role("button", name="Next stop").click()
    expect(card).to_contain_text("The brightest patch is a blur")
    for title in ("The truth", "Almost flat", "One programme: EMT", "Two tokens"):
        page.keyboard.press("PageDown")
        expect(card).to_contain_text(title)
    expect(page.locator(".stage")).to_have_count(2)
    page.keyboard.press("Escape")
    expect(card).to_be_hidden()


def sent_with(answer: Response) -> str:
    """What a request carried; the story is kept once for the new stop, and once for its title."""
    return answer.request.post_data or ""


def test_a_waypoint_is_stored_and_brings_back_what_was_on_show(page: Page) -> None:
    tab(page, "Map")
    page.get_by_role("radio", name="Genomic → pathology").click()
    expect(page.locator(".viewer[data-map^='attention:genomic:']")).to_be_visible()
    tab(page, "Stories")
    page.get_by_role("button", name="New").click()
    page.get_by_role("button", name="Add what is on show").click()
    with page.expect_response(lambda answer: "/stories-of/" in answer.url and "Here" in sent_with(answer)) as kept:
        page.get_by_label("Title of stop 1").fill("Here")
        page.get_by_label("Title of stop 1").press("Tab")
    assert kept.value.ok, kept.value.text()
    tab(page, "Map")
    page.get_by_role("radio", name="Clinic → pathology").click()
    expect(page.locator(".viewer[data-map^='attention:clinical:']")).to_be_visible()
    page.reload()
    page.locator(MAP).wait_for()
    tab(page, "Stories")
    page.get_by_role("combobox", name="Story", exact=True).select_option("1")
    page.get_by_role("button", name="Play").click()
    expect(page.locator(".story-card")).to_contain_text("Here")
    expect(page.locator(".viewer[data-map^='attention:genomic:']")).to_be_visible()
