"""Gallery and card in a real browser: the order is NumPy's, clicks lead where they say, and the script never reruns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from playwright.sync_api import Locator, expect

from survviz.figures.gallery import Choice, pick, shuffled
from survviz.wsi.similarity import Standard, most_alike
from tests.e2e import patches_maps as made

if TYPE_CHECKING:
    from tests.e2e.conftest import RunServer, Visit

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("viewer")]

WITH, WITHOUT = "with file", "no file"
BUTTONS: dict[Choice, str] = {"top": "Highest", "bottom": "Lowest", "random": "Random"}
DISTANCES = {"none": 0, "apart": 2 * made.PATCH, "mm": 2000}


@pytest.fixture(scope="module")
def patches_url(
    run_page: RunServer, slide_with_square: Callable[[Path], None], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    path = tmp_path_factory.mktemp("slides") / "square.tif"
    slide_with_square(path)
    with run_page(path, app="patches_app.py") as url:
        yield url


@pytest.fixture
def visit(open_page: Callable[..., Visit], patches_url: str) -> Visit:
    visit = open_page(patches_url)
    visit.page.set_viewport_size({"width": 1400, "height": 1500})
    visit.page.locator(".thumb").first.wait_for()
    return visit


def shown(visit: Visit) -> list[int]:
    """Indices in the gallery, in order."""
    return [int(one.get_attribute("data-index") or -1) for one in visit.page.locator(".thumb").all()]


def thumb(visit: Visit, index: int) -> Locator:
    return visit.page.locator(f".thumb[data-index='{index}']")


def values_of(slide_id: str, token: str = "all", query: str = "clinical", unit: str = "share") -> np.ndarray:
    return made.scores(slide_id, token, query, unit).fold_over_uniform.astype(np.float32)  # pyright: ignore[reportArgumentType]


def ranks_of_case(**which: str) -> dict[str, np.ndarray]:
    """Rank of each patch among both slides, 1 = highest."""
    parts = [values_of(slide, **which) for slide in (WITH, WITHOUT)]
    together = np.concatenate(parts)
    rank = np.empty(len(together), int)
    rank[np.argsort(-together, kind="stable")] = np.arange(1, len(together) + 1)
    return {WITH: rank[: len(parts[0])], WITHOUT: rank[len(parts[0]) :]}


@pytest.mark.parametrize("spread", list(DISTANCES))
def test_gallery_shows_the_patches_that_numpy_picks(visit: Visit, spread: str) -> None:
    runs = visit.runs()
    visit.page.get_by_label("Spread").select_option(spread)
    for which, button in BUTTONS.items():
        visit.page.get_by_role("radio", name=button).click()
        expected = pick(values_of(WITH), made.grid(), which, 12, min_distance=DISTANCES[spread]).tolist()
        expect(visit.page.locator(".thumb").first).to_have_attribute("data-index", str(expected[0]))
        assert shown(visit) == expected
    assert visit.runs() == runs


def test_fifty_are_shown_when_asked(visit: Visit) -> None:
    visit.page.get_by_label("How many").select_option("50")
    visit.page.get_by_label("Spread").select_option("none")
    expect(visit.page.locator(".thumb")).to_have_count(50)
    assert shown(visit) == pick(values_of(WITH), made.grid(), "top", 50).tolist()


def test_browser_shuffles_as_numpy_does(visit: Visit) -> None:
    web = next(asked for asked in visit.requests if asked.endswith("/patches.js"))
    for n, seed in ((10, 0), (5000, 0), (5000, 12)):
        found = visit.page.evaluate(
            "async ([web, n, seed]) => [...(await import(web)).shuffled(n, seed)]", [web, n, seed]
        )
        assert found == shuffled(n, seed).tolist()


def test_browser_picks_as_numpy_does_with_ties_and_missing_values(visit: Visit) -> None:
    web = next(asked for asked in visit.requests if asked.endswith("/patches.js"))
    rng = np.random.default_rng(0)
    values = rng.integers(0, 40, 3000).astype(np.float32)
    values[rng.random(3000) < 0.2] = np.nan
    coords = rng.integers(0, 30000, (3000, 2))
    call = """async ([web, values, corners, which, count]) => {
      const { pick } = await import(web);
      const part = { values: Float32Array.from(values, (v) => v ?? NaN), layout: { corners, patch: 512 }, mpp: null };
      return pick([part], which, count, "mm").map(({ index }) => index);
    }"""
    for which in BUTTONS:
        given = [None if np.isnan(value) else float(value) for value in values]
        found = visit.page.evaluate(call, [web, given, coords.ravel().tolist(), which, 80])
        assert found == pick(values, coords, which, 80, min_distance=4 * 512).tolist()


def test_another_map_changes_the_gallery_without_a_rerun_and_keeps_what_stays(visit: Visit) -> None:
    page, runs = visit.page, visit.runs()
    page.get_by_label("How many").select_option("50")
    page.get_by_label("Spread").select_option("none")
    expect(page.locator(".thumb")).to_have_count(50)
    page.locator(".thumb").evaluate_all("(nodes) => nodes.forEach((node) => (node.old = true))")
    page.locator(".token[data-token='Stage']").click()
    expected = pick(values_of(WITH, "Stage"), made.grid(), "top", 50).tolist()
    expect(page.locator(".thumb").first).to_have_attribute("data-index", str(expected[0]))
    assert shown(visit) == expected
    before = set(pick(values_of(WITH), made.grid(), "top", 50).tolist())
    stays = [bool(one.evaluate("(node) => node.old === true")) for one in page.locator(".thumb").all()]
    assert stays == [index in before for index in expected]
    assert visit.runs() == runs


def test_hovering_a_patch_highlights_it_on_the_slide(visit: Visit) -> None:
    before = visit.look()
    index = shown(visit)[0]
    thumb(visit, index).hover()
    changed = np.argwhere(np.abs(visit.look() - before) > 60)
    x, y = made.grid()[index]
    scale = before.shape[0] / (made.ROWS * made.PATCH)
    centre = np.array(before.shape) / 2 + scale * (np.array([y, x]) + 256 - [3072, 4096])
    assert np.abs((changed.min(axis=0) + changed.max(axis=0)) / 2 - centre).max() <= 4
    visit.page.mouse.move(5, 5)
    assert np.abs(visit.look() - before).max() <= 2


def test_click_opens_the_card_with_the_right_rank_and_values(visit: Visit) -> None:
    page, runs = visit.page, visit.runs()
    index = shown(visit)[3]
    thumb(visit, index).click()
    rank = ranks_of_case()[WITH][index]
    card = page.locator("#panel-card")
    expect(card.locator(".card-value")).to_contain_text(f"rank {rank} of 384")
    expect(card).to_contain_text(f"patch {index}")
    expect(thumb(visit, index)).to_have_attribute("aria-selected", "true")
    rows = card.locator(".card-table tbody tr")
    expect(rows).to_have_count(3)
    expect(rows.nth(0)).to_have_attribute("aria-current", "true")
    expect(rows.nth(0).locator("td").nth(1)).to_have_text(str(rank))
    risk = ranks_of_case(query="risk", unit="risk")[WITH][index]
    expect(rows.nth(2).locator("td").nth(1)).to_have_text(str(risk))
    pictures = card.locator(".card-pictures img")
    expect(pictures).to_have_count(2)
    for i in range(2):
        pictures.nth(i).evaluate("(image) => image.decode()")
    assert visit.runs() == runs


def test_card_ranks_the_tokens_that_the_patch_looks_at(visit: Visit) -> None:
    index = shown(visit)[0]
    thumb(visit, index).click()
    tokens = [token for token in made.TOKENS if token != "all"]
    looks = [(-values_of(WITH, token, "pathology")[index], token) for token in tokens]
    expect(visit.page.locator(".card-token .name")).to_have_text([token for _, token in sorted(looks)])


def test_card_shows_the_encoders_numbers(visit: Visit) -> None:
    thumb(visit, shown(visit)[0]).click()
    numbers = visit.page.locator(".card-number")
    expect(numbers.first).to_be_visible()
    few = numbers.count()
    visit.page.get_by_text("All 118 numbers").click()
    expect(numbers).to_have_count(118)
    assert few < 30


def test_similar_patches_are_those_of_brute_force_and_can_be_gone_to(visit: Visit) -> None:
    index = shown(visit)[0]
    thumb(visit, index).click()
    visit.page.get_by_role("radio", name="In this slide").click()
    bag = made.bag(WITH)
    expected = most_alike(bag, bag.features[index], Standard.of(bag.features), 12, without=index)
    found = visit.page.locator(".card-found")
    expect(found).to_have_count(12)
    assert [one.get_attribute("data-index") for one in found.all()] == [str(one.index) for one in expected]
    found.first.click()
    expect(visit.page.locator(".card-facts")).to_contain_text(f"patch {expected[0].index}")


def test_similar_patches_of_the_other_slide_lead_to_it(visit: Visit) -> None:
    thumb(visit, shown(visit)[0]).click()
    visit.page.get_by_role("radio", name="Across the cohort").click()
    expect(visit.page.locator(".similar [role=status]")).to_contain_text("no such slide")
    visit.page.get_by_label("Only slides whose file is there").uncheck()
    found = visit.page.locator(".card-found")
    found.first.click()
    expect(visit.page.locator(".card-facts")).to_contain_text(WITHOUT)


def test_all_slides_share_one_gallery_and_a_click_changes_the_slide(visit: Visit) -> None:
    visit.page.get_by_label("Slides", exact=True).select_option("case")
    visit.page.get_by_label("Spread").select_option("none")
    rank = ranks_of_case()
    best = sorted((rank[slide][i], slide, i) for slide in rank for i in range(192))[:12]
    thumbs = visit.page.locator(".thumb")
    expect(thumbs.nth(0)).to_have_attribute("data-slide", best[0][1])
    assert [(one.get_attribute("data-slide"), one.get_attribute("data-index")) for one in thumbs.all()] == [
        (slide, str(i)) for _, slide, i in best
    ]
    place = next(i for i, (_, slide, _) in enumerate(best) if slide == WITHOUT)
    thumbs.nth(place).click()
    expect(visit.page.locator(".card-facts")).to_contain_text(f"{WITHOUT} ·")
    expect(visit.page.locator(".card-value")).to_contain_text(f"rank {best[place][0]} of 384")


def test_slide_without_a_file_shows_coloured_squares_and_says_why(visit: Visit) -> None:
    visit.page.locator(f".strip [data-slide='{WITHOUT}']").click()
    expect(visit.page.locator(".thumb .square").first).to_be_visible()
    expect(visit.page.locator(".patch-gallery [role=status]")).to_contain_text("slide file is not available")
    assert shown(visit) == pick(values_of(WITHOUT), made.grid(), "top", 12, min_distance=DISTANCES["apart"]).tolist()
    squares = visit.page.locator(".thumb .square")
    colours = squares.evaluate_all("(nodes) => nodes.map((node) => getComputedStyle(node).backgroundColor)")
    assert len(set(colours)) > 1


def test_arrows_step_through_the_gallery_and_do_not_move_the_slide(visit: Visit) -> None:
    order = shown(visit)
    thumb(visit, order[0]).click()
    visit.page.keyboard.press("ArrowRight")
    expect(visit.page.locator(".card-facts")).to_contain_text(f"patch {order[1]}")
    visit.page.keyboard.press("ArrowLeft")
    expect(visit.page.locator(".card-facts")).to_contain_text(f"patch {order[0]}")
    visit.page.keyboard.press("End")
    expect(visit.page.locator(".card-facts")).to_contain_text(f"patch {order[-1]}")


def test_signed_maps_are_named_by_what_they_do_to_the_risk(visit: Visit) -> None:
    visit.page.get_by_role("radio", name="Contribution").click()
    visit.page.get_by_role("radio", name="Down most").click()
    values = values_of(WITH, query="risk", unit="risk")
    expected = pick(values, made.grid(), "bottom", 12, min_distance=DISTANCES["apart"]).tolist()
    expect(visit.page.locator(".thumb").first).to_have_attribute("data-index", str(expected[0]))
    assert shown(visit) == expected
    assert visit.page.locator(".thumb .value").first.inner_text().startswith("−")
    visit.page.locator(".thumb").first.click()
    rank = ranks_of_case(query="risk", unit="risk")[WITH][expected[0]]
    expect(visit.page.locator(".card-value")).to_contain_text(f"pushes the estimate down · rank {rank} of 384")


def test_montage_is_a_picture_of_the_same_patches(visit: Visit) -> None:
    link = visit.page.locator(".gallery-montage")
    with visit.page.expect_download() as download:
        link.click()
    assert Path(download.value.path()).read_bytes().startswith(b"\x89PNG")
    assert [error for error in visit.errors if "404" not in error] == []
