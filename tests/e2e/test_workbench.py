"""What the workbench computes in the browser: at once, without a rerun; two stages that move as one; links."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pytest
from playwright.sync_api import expect
from scipy import stats

if TYPE_CHECKING:
    from tests.e2e.conftest import Visit

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("viewer")]

FAST_MS = 100
SECOND = ".second > .stage"

MEASURE = """async (viewer, [selector, value]) => {
  const heat = viewer.querySelector(".stages > .stage .layer");
  const look = () => {
    const { width, height } = heat;
    const pixels = heat.getContext("2d").getImageData(width / 4, height / 4, width / 2, height / 2).data;
    let sum = 0;
    for (let i = 0; i < pixels.length; i += 4) sum = (sum * 31 + pixels[i] + 256 * pixels[i + 1] + pixels[i + 3]) % 1e9;
    return `${sum} ${heat.style.opacity}`;
  };
  const control = viewer.querySelector(selector);
  const before = look();
  const start = performance.now();
  if (value === null) control.click();
  else {
    control.value = value;
    control.dispatchEvent(new Event(control.matches("input") ? "input" : "change", { bubbles: true }));
  }
  for (let frame = 0; frame < 120; frame++) {
    await new Promise(requestAnimationFrame);
    if (look() !== before) return performance.now() - start;
  }
  return Infinity;
}"""

CHANGES = {
    '[data-token="{}"]': ("blob", "even"),
    '[aria-label="Opacity of the map"]': ("0.8", "0.4"),
    '[aria-label="Colours"]': ("cividis", "viridis"),
    '[aria-label="Scale"]': ("rank", "raw"),
    '[aria-label="Hide patches below"]': ("1", "0"),
    '[aria-label="Fold"]': ("sd", "mean"),
    ".which .segmented button:nth-child({})": ("2", "1"),
}
"""Control -> two values to change between; or a selector with a place for what is clicked."""


def place(visit: Visit, part: str = ".stages > .stage") -> str:
    """What the scale bar of a stage says, which changes with the zoom."""
    return visit.page.locator(f"{part} .bar-text").inner_text()


def test_every_visual_change_is_on_screen_in_100_ms_without_a_rerun_and_keeps_the_zoom(visit: Visit) -> None:
    viewer, page = visit.viewer(), visit.page
    visit.look()
    viewer.focus()
    for _ in range(3):
        page.keyboard.press("+")
        page.wait_for_timeout(50)
    viewer.get_by_label("Fold", exact=True).select_option("sd")  # the folds are fetched once
    expect(viewer.locator(".note.folds")).to_contain_text("Any two of the 3 models, on average: rank correlation +1")
    viewer.get_by_label("Fold", exact=True).select_option("mean")
    visit.look()
    runs, zoom = visit.runs(), place(visit)
    for selector, values in CHANGES.items():
        took = []
        for value in values * 3:
            clicked = "{}" in selector
            took.append(viewer.evaluate(MEASURE, [selector.format(value), None if clicked else value]))
        assert min(took) < FAST_MS, f"{selector}: {took} ms"
    assert visit.runs() == runs
    assert place(visit) == zoom


def second(visit: Visit, shows: str, token: str | None = None) -> None:
    """Open the second stage."""
    viewer = visit.viewer()
    if not visit.page.locator(SECOND).is_visible():
        viewer.focus()
        visit.page.keyboard.press("s")
    viewer.get_by_label("The second stage shows").select_option(shows)
    if token:
        viewer.get_by_label("Token of the second map").select_option(token)
        expect(visit.page.locator(f".second[data-map*=':{token}']")).to_be_visible()


def square(visit: Visit, part: str) -> tuple[int, int, int, int]:
    """Edges of the slide's black square in a stage."""
    picture = visit.look(part)
    dark = np.argwhere(picture[100:-110, 60:-20] < 60)
    assert len(dark), "the square is not in view"
    row, column = dark[len(dark) // 2]
    return visit.edges(picture < 124, (int(column) + 60, int(row) + 100))


def test_two_stages_move_as_one_whichever_is_moved_and_rotated(visit: Visit) -> None:
    second(visit, "slide")
    page = visit.page
    page.keyboard.press("h")

    def both() -> list[tuple[int, int, int, int]]:
        return [square(visit, ".stages > .stage"), square(visit, SECOND)]

    def drag(part: str, x: int, y: int) -> None:
        box = page.locator(part).bounding_box()
        middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        page.mouse.move(*middle)
        page.mouse.down()
        page.mouse.move(middle[0] + x, middle[1] + y, steps=5)
        page.wait_for_timeout(250)
        page.mouse.up()

    start = both()
    assert np.abs(np.subtract(*start)).max() <= 1
    drag(SECOND, 60, -40)
    moved = both()
    assert np.abs(np.subtract(*moved)).max() <= 1
    assert np.abs(np.subtract(moved[0], start[0])).max() > 20
    page.locator(".viewer").focus()
    page.keyboard.press("+")
    page.keyboard.press("r")
    turned = both()
    assert np.abs(np.subtract(*turned)).max() <= 1
    page.get_by_label("Linked").uncheck()
    drag(SECOND, -50, 30)
    apart = both()
    assert np.abs(np.subtract(*apart)).max() > 20
    page.get_by_label("Linked").check()
    assert np.abs(np.subtract(*both())).max() <= 1


def test_difference_map_is_the_log_ratio_of_the_two(visit: Visit) -> None:
    visit.viewer().get_by_role("option", name="blob").click()
    second(visit, "difference", "even")
    page = visit.page
    expect(page.locator(f"{SECOND} .legend")).to_contain_text("blob − even")
    expect(page.locator(f"{SECOND} .legend")).to_contain_text("log₂ A ÷ B")
    expect(page.locator(".second-bar .note")).to_contain_text("+1 = A looks twice as much as B")
    filters = page.locator(SECOND).evaluate(
        "stage => [...stage.querySelectorAll('canvas')].map(canvas => canvas.style.filter)"
    )
    assert any("grayscale" in one for one in filters), "signed colours lie on a grey slide"
    web = next(asked for asked in visit.requests if asked.endswith("/viewer.js")).removesuffix("/viewer.js")
    found = page.evaluate(DIFFERENCE, web)
    np.testing.assert_allclose(found["values"], np.log2([4, 1, 0.25]), rtol=1e-6)
    assert found["unit"] == "log2"
    assert found["clip"] == pytest.approx(2)
    np.testing.assert_allclose(found["ranks"], [1 - 0, 0.5 - 0.5, 0 - 1], atol=1e-6)


DIFFERENCE = """async (web) => {
  const { difference } = await import(`${web}/difference.js`);
  const { summarise } = await import(`${web}/summary.js`);
  const map = (id, values, more) => ({
    view: { id, label: id }, layout: {}, values: Float32Array.from(values), nature: "share", unit: "share",
    fold: "mean", ...more, summary: summarise([Float32Array.from(values)])[0],
  });
  const signed = map("c", [-1, 0, 3], { nature: "signed", unit: "risk" });
  const maps = { a: map("a", [4, 2, 0.5]), b: map("b", [1, 2, 2]), c: signed };
  const bench = {
    data: { slides: [{ view: { slide_id: "s" } }] }, slide: { view: { slide_id: "s" } },
    viewOf: ({ token }) => token, load: async (token) => maps[token],
  };
  const log = await difference(bench, { token: "a" }, { token: "b" });
  const rank = await difference(bench, { token: "a" }, { token: "c" });
  return { values: [...log.values], unit: log.unit, clip: log.summary.clip, ranks: [...rank.values] };
}"""


def test_another_checkpoint_beside_says_whose_map_it_is(visit: Visit, open_page: Callable[..., Visit]) -> None:
    viewer, page = visit.viewer(), visit.page
    second(visit, "map")
    picker = viewer.get_by_label("Checkpoint of the second map")
    expect(picker.locator("option")).to_have_text(["own-model (left)", "other-model"])
    viewer.locator(".unfit summary").click()
    expect(viewer.locator(".unfit li")).to_have_text("blind It does not read pathology.")
    picker.select_option("other-model")
    expect(page.locator(".second")).to_have_attribute("data-map", "attention:clinical:pathology:blob@other-model")
    expect(page.locator(f"{SECOND} .legend")).to_contain_text("other-model: blob")
    expect(viewer.locator(".stages > .stage .legend")).to_contain_text("own-model: hot")
    expect(viewer.locator(".map-caption .beside")).to_contain_text("Checkpoint other-model: Test attention of blob.")
    expect(viewer.locator(".semantics")).to_contain_text("own-model, left: Test attention of hot.")
    expect(page.locator(".second-bar .note")).to_contain_text("Rank correlation of the two maps")
    viewer.get_by_label("The second stage shows").select_option("difference")
    expect(page.locator(f"{SECOND} .legend")).to_contain_text("own-model: hot − other-model: blob")
    page.wait_for_url(re.compile("difference.*other-model"))
    again = open_page(page.url)  # a session that never asked for it
    expect(again.page.locator(f"{SECOND} .legend")).to_contain_text("own-model: hot − other-model: blob")


def test_agreement_of_two_maps_is_spearmans_and_counts_the_top(visit: Visit) -> None:
    draw = np.random.default_rng(3)
    first = draw.integers(0, 40, 300).astype(float)  # with ties
    second_map = first + draw.normal(0, 8, 300)
    web = visit.viewer() and next(asked for asked in visit.requests if asked.endswith("/viewer.js"))
    script = """async ([web, a, b]) => {
      const { agreement } = await import(`${web}/agreement.js`);
      const part = (all) => [Float64Array.from(all.slice(0, 100)), Float64Array.from([...all.slice(100), NaN])];
      return agreement(part(a), part(b));
    }"""
    found = visit.page.evaluate(script, [web.removesuffix("/viewer.js"), first.tolist(), second_map.tolist()])
    assert found["rho"] == pytest.approx(stats.spearmanr(first, second_map).statistic)
    top = [set(np.argsort(-values, kind="stable")[:50].tolist()) for values in (first, second_map)]
    assert (found["n"], found["top"], found["shared"]) == (300, 50, len(top[0] & top[1]))
    assert found["chance"] == pytest.approx(50 * 50 / 300)


def test_chip_says_whether_the_map_is_better_than_chance(visit: Visit) -> None:
    viewer = visit.viewer()
    chip, sheet = viewer.locator(".faithfulness summary"), viewer.locator(".faithfulness .sheet")
    viewer.get_by_role("option", name="even").click()
    expect(chip).to_have_text("not tested")
    chip.click()
    expect(sheet.get_by_role("button", name="Test this map")).to_be_visible()
    viewer.get_by_role("option", name="blob").click()
    expect(chip).to_have_text("better than random (p = .02)")
    expect(sheet).to_contain_text("The larger counts; .02 is the smallest that so many can show.")
    charts = sheet.get_by_role("img")
    expect(charts).to_have_count(2)
    expect(charts.first).to_have_attribute(
        "aria-label", re.compile(r"^Without these patches: risk −1.20 at 0 %, −1.50")
    )
    chip.press("Escape")
    expect(sheet).to_be_hidden()


def test_slides_of_a_case_share_one_scale_and_say_their_share(visit: Visit) -> None:
    viewer, page = visit.viewer(), visit.page
    assert not page.locator(".strip").is_visible(), "one slide needs no strip"
    page.get_by_text("Two slides").click()
    page.get_by_text("runs 2").wait_for()
    strip = page.locator(".strip")
    expect(strip.locator("button")).to_have_count(2)
    for button, share in enumerate(("75 % of the attention", "25 % of the attention")):
        expect(strip.locator("button").nth(button)).to_have_text(re.compile(f"{share}$"))
    viewer.get_by_role("option", name="blob").click()
    expect(viewer.locator(".meaning")).to_contain_text("of 384")
    ticks = viewer.locator(".stages > .stage .legend-ticks")
    before = ticks.inner_text()
    viewer.get_by_label("Scale", exact=True).select_option("raw")
    expect(ticks).not_to_have_text(before, use_inner_text=True)
    ends = ticks.inner_text()
    strip.locator("button").nth(1).click()
    expect(page.locator(".slide-note")).to_contain_text("showing the patch grid")
    expect(ticks).to_have_text(ends, use_inner_text=True)
    assert visit.runs() == 2


def test_link_restores_everything(visit: Visit, open_page: Callable[..., Visit]) -> None:
    viewer, page = visit.viewer(), visit.page
    viewer.get_by_role("option", name="blob").click()
    viewer.get_by_label("Fold", exact=True).select_option("1")
    viewer.get_by_label("Colours").select_option("cividis")
    viewer.get_by_label("Opacity of the map").fill("0.8")
    viewer.get_by_label("Hide patches below").fill("0.3")
    viewer.get_by_label("Scale", exact=True).select_option("rank")
    second(visit, "difference", "even")
    viewer.focus()
    for key in ("+", "+", "r"):
        page.keyboard.press(key)
        page.wait_for_timeout(50)
    before = [visit.look(), visit.look(SECOND)]
    page.wait_for_url(re.compile("at=.*%2C90%7E.*cividis.*difference.*even"))
    assert visit.runs() == 1, "the address is written without a rerun"
    other = open_page(page.url)
    expect(other.page.locator(".second[data-map*=':even']")).to_be_visible()
    other.page.mouse.move(2, 2)
    other.page.locator(".viewer").focus()
    for picture, part in zip(before, (".stages > .stage", SECOND), strict=True):
        assert np.abs(other.look(part) - picture).mean() < 1
    shown = other.page.locator(".viewer")
    expect(shown.get_by_label("Fold", exact=True)).to_have_value("1")
    expect(shown.get_by_label("Colours")).to_have_value("cividis")
    expect(shown.get_by_label("Scale", exact=True)).to_have_value("rank")
    assert other.page.url == page.url


def test_mistyped_link_opens_the_page_as_ever(open_page: Callable[..., Visit], url: str) -> None:
    for text in ("nonsense", "m:%25E0%25A4~v:1,2", "s:another~m:astrology:up:down:x:9:9~v:0,0,-1,0"):
        visit = open_page(f"{url}/?at={text}")
        expect(visit.viewer()).to_have_attribute("data-map", "attention:clinical:pathology:hot")
        assert visit.errors == []


def test_keys_do_what_their_list_says(visit: Visit) -> None:
    viewer, page = visit.viewer(), visit.page
    viewer.focus()  # its ring belongs to every picture
    before = visit.look()
    page.keyboard.press("h")
    hidden = visit.look()
    assert np.abs(hidden - before).max() > 8
    page.keyboard.press("h")
    assert np.abs(visit.look() - before).max() == 0
    page.keyboard.down(" ")
    assert np.abs(visit.look() - hidden).max() == 0
    page.keyboard.up(" ")
    page.keyboard.press("]")
    expect(viewer.get_by_label("Opacity of the map")).to_have_value("0.5")
    page.keyboard.press("2")
    expect(viewer).to_have_attribute("data-map", "contribution:risk:pathology:all")
    page.keyboard.press("1")
    expect(viewer).to_have_attribute("data-map", "attention:clinical:pathology:hot")
    page.keyboard.press("s")
    expect(page.locator(SECOND)).to_be_visible()
    page.keyboard.press("s")
    expect(page.locator(SECOND)).to_be_hidden()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_contain_text("side by side")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Keys")).to_be_hidden()
    page.keyboard.press("f")
    page.locator(".viewer:fullscreen").wait_for()


def test_whole_slide_stays_whole_beside_a_second_stage(visit: Visit) -> None:
    visit.viewer().focus()
    visit.page.keyboard.press("0")
    visit.look()
    second(visit, "slide")
    visit.look(SECOND)
    assert place(visit) == place(visit, SECOND)
    frame = visit.page.locator(".stages > .stage .in-view").bounding_box()
    overview = visit.page.locator(".stages > .stage .overview").bounding_box()
    stage = visit.page.locator(".stages > .stage").bounding_box()
    assert frame
    assert overview
    assert stage
    for start, size in (("x", "width"), ("y", "height")):
        assert frame[start] == pytest.approx(overview[start], abs=1)
        assert frame[size] == pytest.approx(overview[size], abs=2)
    assert overview["width"] <= 0.25 * stage["width"] + 1


def test_no_row_of_the_gallery_is_ragged(visit: Visit) -> None:
    visit.viewer()
    for width in (1280, 900, 430):
        visit.page.set_viewport_size({"width": width, "height": 1000})
        visit.page.wait_for_timeout(300)
        tops = visit.page.locator(".thumb").evaluate_all("(nodes) => nodes.map((node) => node.offsetTop)")
        assert len({tops.count(top) for top in tops}) == 1, (width, tops)


def test_meaning_and_warning_are_in_sight(visit: Visit) -> None:
    viewer = visit.viewer()
    expect(viewer.locator(".map-caption .known")).to_have_text("⚠ Something to know.")
    expect(viewer.locator(".map-caption .semantics")).to_contain_text("Test attention of hot.")
    expect(viewer.locator(".map-caption")).to_be_in_viewport(ratio=0.9)


def test_token_says_its_number_and_whether_it_is_recorded(visit: Visit) -> None:
    viewer = visit.viewer()
    even = viewer.get_by_role("option", name="even, not recorded, +0.1 on the risk score")
    expect(even).to_contain_text("not recorded")
    expect(viewer.get_by_role("option", name="blob, +0.4 on the risk score")).not_to_contain_text("not recorded")


def test_kind_that_cannot_be_had_says_why_on_the_stage(visit: Visit) -> None:
    viewer = visit.viewer()
    viewer.get_by_role("radio", name="Perturbation").click()
    card = viewer.locator(".stage .computing")
    expect(card).to_contain_text("This model cannot.")
    expect(viewer.get_by_label("Scale", exact=True)).to_be_hidden()
    expect(viewer.locator(".patch-gallery")).to_contain_text("No map to choose patches by.")
    card.get_by_role("button", name="Go to attention").click()
    expect(card).to_be_hidden()


def test_warnings_about_the_case_are_a_click_away(visit: Visit) -> None:
    viewer = visit.viewer()
    expect(viewer.locator(".notices")).to_contain_text("1 warning")
    viewer.locator(".notices summary").click()
    expect(viewer.locator(".notices li")).to_contain_text("Something to know.")


def test_agreement_of_the_models_is_the_mean_over_their_pairs(visit: Visit) -> None:
    maps = np.random.default_rng(4).normal(size=(3, 200)).cumsum(axis=0)
    web = visit.viewer() and next(asked for asked in visit.requests if asked.endswith("/viewer.js"))
    script = """async ([web, maps]) => {
      const { meanAgreement } = await import(`${web}/agreement.js`);
      return meanAgreement(maps.map((one) => [Float64Array.from(one)]));
    }"""
    found = visit.page.evaluate(script, [web.removesuffix("/viewer.js"), maps.tolist()])
    pairs = [(0, 1), (0, 2), (1, 2)]
    assert found["models"] == len(maps)
    assert found["rho"] == pytest.approx(np.mean([stats.spearmanr(maps[i], maps[j]).statistic for i, j in pairs]))
    highest = [set(np.argsort(-one)[:50]) for one in maps]
    assert found["shared"] == pytest.approx(np.mean([len(highest[i] & highest[j]) for i, j in pairs]))
