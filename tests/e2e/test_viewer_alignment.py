"""The map lies on the tissue to the pixel: measured on screenshots, at every zoom, rotated, and in the overview."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.leica import write_scn

if TYPE_CHECKING:
    from tests.e2e.conftest import RunServer, Visit

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("viewer")]


def compare(visit: Visit, corner: tuple[int, int] = (1, 1)) -> tuple[int, ...]:
    """Edges of the slide's black square, after checking that the hot patch has the same ones within a pixel.

    Args:
        corner: where the square lies as seen from the centre of the stage.
    """
    page = visit.page
    picture = visit.look()
    seed = (picture.shape[1] // 2 + 8 * corner[0], picture.shape[0] // 2 + 8 * corner[1])
    page.keyboard.press("h")
    on_slide = visit.edges(visit.look() < 124, seed)
    page.keyboard.press("h")
    on_map = visit.edges(visit.look() > 150, seed)
    assert np.abs(np.subtract(on_slide, on_map)).max() <= 1, (on_slide, on_map)
    return on_slide


BARE = """viewer => {
  const style = document.createElement("style");
  style.textContent = ".panel, .buttons { visibility: hidden }";
  viewer.append(style);
}"""


def opaque(visit: Visit) -> None:
    """Opacity 1: the hot patch is yellow, all others dark violet; and no panel lies on them."""
    visit.viewer().focus()
    visit.viewer().evaluate(BARE)
    for _ in range(11):
        visit.page.keyboard.press("]")
    visit.page.mouse.move(2, 2)


def test_patch_and_tissue_have_the_same_edges_at_three_zooms_and_rotated(visit: Visit) -> None:
    opaque(visit)
    seen = []
    for presses in (0, 2, 1):
        for _ in range(presses):
            visit.page.keyboard.press("+")
            visit.page.wait_for_timeout(50)
        left, top, right, bottom = compare(visit)
        seen.append(right - left)
        assert abs((right - left) - (bottom - top)) <= 1, "the square is seen whole at all three zooms"
    assert seen[1] > 2 * seen[0]
    assert seen[2] > 1.4 * seen[1]
    visit.page.keyboard.press("0")
    visit.page.keyboard.press("r")
    compare(visit, corner=(-1, 1))


def test_patch_and_tissue_have_the_same_edges_on_a_dense_screen(open_page: Callable[..., Visit], url: str) -> None:
    visit = open_page(url, device_scale_factor=2)
    opaque(visit)
    visit.page.keyboard.press("+")
    compare(visit)


def test_overview_shows_map_and_slide_in_the_same_place(visit: Visit) -> None:
    opaque(visit)
    found = []
    picture = visit.look(".overview")
    seed = (picture.shape[1] // 2 + 4, picture.shape[0] // 2 + 4)
    found.append(visit.edges(visit.look(".overview") > 150, seed))
    visit.page.keyboard.press("h")
    found.append(visit.edges(visit.look(".overview") < 124, seed))
    assert np.abs(np.subtract(*found)).max() <= 1, found


def test_deepest_zoom_keeps_the_corner_in_place(visit: Visit) -> None:
    opaque(visit)
    for _ in range(14):
        visit.page.keyboard.press("+")
        visit.page.wait_for_timeout(50)
    height, width = visit.look().shape
    left, top, _, _ = compare(visit)
    assert abs(left - width / 2) <= 2
    assert abs(top - height / 2) <= 2


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_edges_agree_on_a_slide_with_odd_tiles_and_uneven_levels_however_it_is_turned(
    odd: str, open_page: Callable[..., Visit], turns: int
) -> None:
    visit = open_page(odd)
    opaque(visit)
    for _ in range(turns):
        visit.page.keyboard.press("r")
    corner = [(1, 1), (-1, 1), (-1, -1), (1, -1)][turns]
    for presses in (0, 1, 2):
        for _ in range(presses):
            visit.page.keyboard.press("+")
            visit.page.wait_for_timeout(50)
        compare(visit, corner)


@pytest.fixture(scope="module")
def odd(
    run_page: RunServer, slide_with_square: Callable[..., None], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A page with a slide whose sides are no multiples of a tile, and whose levels are 3.2 and 9.7 times smaller."""
    path = tmp_path_factory.mktemp("odd") / "odd.tif"
    slide_with_square(path, (5011, 3723), (1, 3.2, 9.7))
    with run_page(path, VIEWER_WIDTH="5011", VIEWER_HEIGHT="3723") as url:
        yield url


@pytest.mark.parametrize("turns", [0, 1])
def test_edges_agree_on_a_slide_of_which_a_part_was_scanned(
    bounded: str, open_page: Callable[..., Visit], turns: int
) -> None:
    visit = open_page(bounded)
    opaque(visit)
    for _ in range(turns):
        visit.page.keyboard.press("r")
    for presses in (0, 2, 1):
        for _ in range(presses):
            visit.page.keyboard.press("+")
            visit.page.wait_for_timeout(50)
        compare(visit, [(1, 1), (-1, 1)][turns])


@pytest.fixture(scope="module")
def bounded(run_page: RunServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A page with a Leica slide, whose black square has its corner at the centre of the glass, not of the scan."""
    path = tmp_path_factory.mktemp("leica") / "bounded.scn"
    glass, corner = (12000, 9000), (2501, 803)
    scan = np.full((6144, 8192, 3), (236, 222, 230), np.uint8)
    x, y = glass[0] // 2 - corner[0], glass[1] // 2 - corner[1]
    scan[y : y + 512, x : x + 512] = 12
    write_scn(path, glass, corner, scan)
    with run_page(path, VIEWER_WIDTH=str(glass[0]), VIEWER_HEIGHT=str(glass[1])) as url:
        yield url


IRREGULAR = """async (web) => {
  const { Layout, colourise, paintLayer } = await import(`${web}/overlay.js`);
  const layout = new Layout(Int32Array.from([0, 0, 10, 0, 25, 3, 28, 20]), 10);  // two origins and an overlap
  const colours = colourise([1, 0, 1, NaN], new Uint8ClampedArray(768).fill(255, 765), (place) => place >= 0.5);
  const canvas = Object.assign(document.createElement("canvas"), { width: 80, height: 80 });
  const map = { a: 2, b: 0, scale: 2, place: (x, y) => [2 * x, 2 * y], invert: (x, y) => [x / 2, y / 2] };
  paintLayer(canvas, map, { layout, colours }, false);
  const pixels = canvas.getContext("2d").getImageData(0, 0, 80, 80).data;
  const painted = [];
  for (let y = 0; y < 40; y++) for (let x = 0; x < 40; x++) if (pixels[4 * (160 * y + 2 * x) + 3]) painted.push([x, y]);
  const hits = [[0, 0], [9, 9], [10, 5], [24, 5], [25, 3], [34, 12], [35, 3], [28, 20], [39, 39]];
  return { regular: layout.regular, painted, hits: hits.map(([x, y]) => layout.at(x, y)) };
}"""


def test_patches_off_any_common_grid_are_drawn_and_found_where_they_are(visit: Visit) -> None:
    visit.viewer()
    web = next(asked for asked in visit.requests if asked.endswith("/viewer.js")).removesuffix("/viewer.js")
    found = visit.page.evaluate(IRREGULAR, web)
    assert found["regular"] is False
    first = {(x, y) for x in range(10) for y in range(10)}
    third = {(x, y) for x in range(25, 35) for y in range(3, 13)}
    assert {tuple(place) for place in found["painted"]} == first | third, "low and missing values stay transparent"
    assert found["hits"] == [0, 0, 1, -1, 2, 2, -1, 3, -1]
