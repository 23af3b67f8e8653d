"""The workbench in use: controls, clicks, maps, pages, and the numbers that it shows."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from playwright.sync_api import expect
from scipy.stats import entropy, rankdata

if TYPE_CHECKING:
    from playwright.sync_api import Route

    from tests.e2e.conftest import RunServer, Visit

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("viewer")]

HOLD_COMPONENTS = """
const make = URL.createObjectURL;
const held = (window.held = []);
URL.createObjectURL = (blob) => {
  if (blob.type !== "text/javascript") return make(blob);
  held.push(blob);
  return `${location.origin}/held/${held.length - 1}`;
};
"""
"""Streamlit loads a component's inline script from a blob; here from a URL, so that a test can hold it up."""


def test_controls_repaint_without_a_rerun(visit: Visit) -> None:
    viewer = visit.viewer()
    page = visit.page
    before, runs, asked = visit.look(), visit.runs(), len(visit.requests)
    pictures = [before]
    viewer.get_by_label("Colours").select_option("cividis")
    pictures.append(visit.look())
    viewer.get_by_label("Opacity of the map").fill("0.9")
    pictures.append(visit.look())
    viewer.get_by_label("Hide patches below").fill("0.5")
    pictures.append(visit.look())
    viewer.get_by_label("Scale", exact=True).select_option("raw")
    viewer.get_by_label("Smooth").check()
    pictures.append(visit.look())
    for one, other in pairwise(pictures):
        assert np.abs(one - other).max() > 8
    assert visit.runs() == runs
    assert [url for url in visit.requests[asked:] if "/sv/" in url] == []
    expect(viewer.locator(".stages > .stage .legend")).to_contain_text("Attention weight")
    viewer.focus()
    page.keyboard.down(" ")
    under = visit.look()
    page.keyboard.up(" ")
    assert np.abs(under - visit.look()).max() > 8


def test_data_that_overtake_the_script_of_the_component_are_shown(visit: Visit) -> None:
    page = visit.page
    asked: list[Route] = []
    page.add_init_script(HOLD_COMPONENTS)
    page.route("**/held/*", lambda route: asked.append(route))
    page.reload()
    page.get_by_text("runs 1").wait_for()
    page.get_by_text("Without the slide file").click()
    page.get_by_text("runs 2").wait_for()
    assert page.locator(".viewer").count() == 0
    (script,) = asked
    script.fulfill(content_type="text/javascript", body=page.evaluate("held[0].text()"))
    visit.viewer()
    expect(page.locator(".slide-note")).to_contain_text("showing the patch grid")


def test_the_newest_of_many_data_that_overtake_the_viewers_modules_are_shown(visit: Visit) -> None:
    page = visit.page
    asked: list[Route] = []
    page.route("**/viewer.js", lambda route: asked.append(route))
    page.reload()
    page.get_by_text("runs 1").wait_for()
    for run in range(2, 10):
        page.get_by_text("Without the slide file" if run == 9 else "Two slides").click()
        page.get_by_text(f"runs {run}").wait_for()
    assert page.locator(".viewer").count() == 0
    for script in asked:
        script.continue_()
    visit.viewer()
    expect(page.locator(".slide-note")).to_contain_text("showing the patch grid")


def test_click_selects_the_patch_and_opens_its_card(visit: Visit) -> None:
    viewer = visit.viewer()
    box = visit.page.locator(".stages > .stage").bounding_box()
    visit.look()
    runs = visit.runs()
    x, y = box["x"] + box["width"] / 2 + 10, box["y"] + box["height"] / 2 + 10
    visit.page.mouse.move(x, y)
    expect(visit.page.locator(".stages > .stage .readout")).to_contain_text("192× uniform · weight 1.0 · rank 1 of 192")
    visit.page.mouse.click(x, y)
    expect(viewer.get_by_role("tab", name="Patch")).to_have_attribute("aria-selected", "true")
    assert visit.runs() == runs


def test_token_fold_and_kind_change_the_map_at_once_without_a_rerun(visit: Visit) -> None:
    viewer, page = visit.viewer(), visit.page
    before, runs = visit.look(), visit.runs()
    viewer.get_by_role("option", name="even").click()
    expect(viewer).to_have_attribute("data-map", "attention:clinical:pathology:even")
    expect(viewer.locator(".meaning")).to_contain_text("almost flat")
    expect(viewer.locator(".semantics:not(.beside)")).to_have_text("Test attention of even.")
    viewer.get_by_label("Fold", exact=True).select_option("sd")
    expect(viewer.locator(".stages > .stage .legend")).to_contain_text("SD over the folds")
    viewer.get_by_label("Fold", exact=True).select_option("mean")
    viewer.focus()
    page.keyboard.press("2")
    expect(viewer).to_have_attribute("data-map", "contribution:risk:pathology:all")
    expect(viewer.locator(".stages > .stage .legend")).to_contain_text("≥ +0.02")
    page.keyboard.press("3")
    expect(viewer.locator(".computing")).to_contain_text("This model cannot.")
    assert np.abs(visit.look() - before).max() > 8
    assert visit.runs() == runs


def test_tokens_are_searched_and_stepped_through_by_keys(visit: Visit) -> None:
    viewer = visit.viewer()
    names = viewer.locator(".token .name").all_inner_texts()
    assert names == ["hot", "blob", "even"]
    viewer.get_by_role("option", name="hot").click()
    visit.page.keyboard.press("ArrowDown")
    expect(viewer).to_have_attribute("data-map", "attention:clinical:pathology:blob")
    assert viewer.locator(".token[aria-selected=true] .raises").bounding_box()["width"] > 25


def test_view_survives_a_visit_to_another_page(visit: Visit) -> None:
    visit.viewer().focus()
    for _ in range(5):
        visit.page.keyboard.press("+")
        visit.page.wait_for_timeout(50)
    before = visit.look()
    visit.page.get_by_role("link", name="Upload").click()
    visit.page.get_by_text("A table").wait_for()
    visit.page.get_by_role("link", name="Viewer").click()
    visit.viewer()
    assert np.abs(visit.look() - before).mean() < 1


def test_each_slide_keeps_its_own_view(visit: Visit) -> None:
    visit.viewer().focus()
    for _ in range(5):
        visit.page.keyboard.press("+")
        visit.page.wait_for_timeout(50)
    before = visit.look()
    visit.page.get_by_text("Without the slide file").click()
    visit.page.get_by_text("showing the patch grid").wait_for()
    picture = visit.look()
    left, _, right, _ = visit.edges(picture > 190, (picture.shape[1] // 2 + 8, picture.shape[0] // 2 + 8))
    assert right - left < 80, "the other slide is seen whole"
    visit.page.get_by_text("Without the slide file").click()
    visit.page.get_by_text("runs 3").wait_for()
    assert np.abs(visit.look() - before).mean() < 1


def test_viewer_in_a_hidden_tab_opens_on_the_whole_slide_and_keeps_its_view(visit: Visit) -> None:
    def square() -> tuple[int, int, int, int]:
        picture = visit.look()
        return visit.edges(picture < 124, (picture.shape[1] // 2 + 8, picture.shape[0] // 2 + 8))

    visit.page.get_by_role("link", name="Tabs").click()
    visit.page.get_by_text("nothing to see here").wait_for()
    visit.page.get_by_role("tab", name="Second").click()
    visit.page.locator(".stages > .stage > .message[hidden]").wait_for(state="attached")
    whole = square()
    assert 30 < whole[2] - whole[0] < 60
    visit.page.locator(".viewer").focus()
    visit.page.keyboard.press("+")
    zoomed = square()
    assert zoomed[2] - zoomed[0] > 1.3 * (whole[2] - whole[0])
    visit.page.get_by_role("tab", name="First").click()
    visit.page.get_by_text("nothing to see here").wait_for()
    visit.page.get_by_role("tab", name="Second").click()
    assert np.abs(np.subtract(square(), zoomed)).max() <= 1


def test_ranks_and_concentration_are_those_of_their_definitions(visit: Visit) -> None:
    visit.viewer()
    web = next(asked for asked in visit.requests if asked.endswith("/viewer.js")).removesuffix("/viewer.js")
    values = [0.5, 2.0, 0.5, 1.0, 4.0, 0.0, 0.5]
    summary = visit.page.evaluate(
        """async ([web, values]) => {
          const { summarise } = await import(`${web}/summary.js`);
          const [{ rank, effective, topShare, n }] = summarise([Float32Array.from([...values, NaN])]);
          return { rank: [...rank].slice(0, -1), missing: Number.isNaN(rank.at(-1)), effective, topShare, n };
        }""",
        [web, values],
    )
    np.testing.assert_allclose(summary["rank"], (rankdata(values) - 1) / 6, rtol=1e-6)
    assert summary["missing"]
    assert summary["n"] == 7
    assert summary["effective"] == pytest.approx(np.exp(entropy(values)))
    assert summary["topShare"] == pytest.approx(4 / 8.5)


def test_patch_grid_is_drawn_without_a_slide_and_below_a_base_path(
    open_page: Callable[..., Visit], run_page: RunServer
) -> None:
    with run_page(None, base="lab/survviz") as url:
        visit = open_page(url)
        viewer = visit.viewer()
        expect(viewer.locator(".slide-note")).to_contain_text("Slide file not available: showing the patch grid.")
        picture = visit.look()
        height, width = picture.shape
        assert picture[height // 2 + 8, width // 2 + 8] > picture[height // 2 - 8, width // 2 - 8] + 30
        assert not any("/sv/tiles/" in asked for asked in visit.requests)
