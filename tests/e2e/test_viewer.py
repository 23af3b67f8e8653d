"""The viewer in a real browser: aligned to the pixel, quiet, and closed to strangers."""

from __future__ import annotations

import http.client
import io
import os
import re
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Route, expect, sync_playwright
from scipy import ndimage
from scipy.stats import entropy, rankdata

ROOT = Path(__file__).parents[2]
WIDTH, HEIGHT = 8192, 6144
SQUARE_X, SQUARE_Y, SIDE = 4096, 3072, 512

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("viewer")]


def write_slide(path: Path) -> None:
    """A light pyramid with one black square, at 0.5 um per pixel."""
    pixels = np.full((HEIGHT, WIDTH, 3), (236, 222, 230), np.uint8)
    pixels[SQUARE_Y : SQUARE_Y + SIDE, SQUARE_X : SQUARE_X + SIDE] = 12
    with tifffile.TiffWriter(path) as tiff:
        for level in range(4):
            step = 2**level
            tiff.write(
                pixels[::step, ::step],
                tile=(256, 256),
                photometric="rgb",
                compression="deflate",
                subfiletype=1 if level else 0,
                resolution=(20000 / step, 20000 / step),
                resolutionunit=3,
            )


def wait_for_server(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Until the health page answers."""
    pause = threading.Event()
    for _ in range(300):
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=5):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            pause.wait(0.1)
    raise AssertionError(log.read_text())


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., str]]:
    """Starts the viewer's test page; returns its URL."""
    started: list[subprocess.Popen[bytes]] = []

    def start(slide: Path | None, *, base: str = "") -> str:
        home = tmp_path_factory.mktemp("server")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        environment = {**os.environ, "SURVVIZ_HOME": str(home), "PYTHONPATH": str(ROOT)}
        if slide:
            environment |= {"VIEWER_SLIDE": str(slide), "SURVVIZ_SLIDES": str(slide.parent)}
        launcher = Path(__file__).with_name("viewer_launcher.py")
        command = [sys.executable, "-m", "streamlit", "run", str(launcher), "--server.port", str(port)]
        if base:
            command += ["--server.baseUrlPath", base]
        log = home / "log.txt"
        with log.open("wb") as output:
            started.append(subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output))
        url = f"http://localhost:{port}" + (f"/{base}" if base else "")
        wait_for_server(url, started[-1], log)
        return url

    yield start
    for process in started:
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="module")
def slide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("slides") / "square.tif"
    write_slide(path)
    return path


@pytest.fixture(scope="module")
def url(serve: Callable[..., str], slide: Path) -> str:
    return serve(slide)


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium)
        yield browser
        browser.close()


class Visit:
    """One browser context on the test page, and what it asked for and complained of."""

    def __init__(self, browser: Browser, url: str, **options: object) -> None:
        self.context: BrowserContext = browser.new_context(viewport={"width": 1280, "height": 1000}, **options)
        self.page: Page = self.context.new_page()
        self.requests: list[str] = []
        self.errors: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: message.type == "error" and self.errors.append(message.text))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.goto(url)

    def viewer(self) -> Locator:
        """The viewer, once its map is on show."""
        viewer = self.page.locator(".viewer[data-map]")
        viewer.wait_for(timeout=30_000)
        return viewer

    def look(self, part: str = ".stage") -> NDArray[np.float64]:
        """Luminance of a part of the page, once two pictures in a row are the same."""
        stage = self.page.locator(part)
        before = b""
        for _ in range(40):
            now = stage.screenshot()
            if now == before:
                return np.asarray(Image.open(io.BytesIO(now)).convert("L"), float)
            before = now
            self.page.wait_for_timeout(120)
        raise AssertionError("the viewer does not come to rest")

    def runs(self) -> int:
        """How often the script has run."""
        return int(self.page.get_by_text(re.compile(r"^runs \d+$")).inner_text().split()[1])


@pytest.fixture
def visit(browser: Browser, url: str) -> Iterator[Visit]:
    visit = Visit(browser, url)
    yield visit
    visit.context.close()


def edges(mask: NDArray[np.bool_], seed: tuple[int, int]) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of the connected region at `seed` (x, y)."""
    labels, _ = ndimage.label(mask)
    label = labels[seed[1], seed[0]]
    assert label, "nothing is drawn where the square must be"
    rows, columns = ndimage.find_objects((labels == label).astype(int))[0]
    return columns.start, rows.start, columns.stop, rows.stop


def compare(visit: Visit, corner: tuple[int, int] = (1, 1)) -> tuple[int, ...]:
    """Edges of the slide's black square, after checking that the hot patch has the same ones within a pixel.

    Args:
        corner: where the square lies as seen from the centre of the stage.
    """
    page = visit.page
    picture = visit.look()
    seed = (picture.shape[1] // 2 + 8 * corner[0], picture.shape[0] // 2 + 8 * corner[1])
    page.keyboard.press("h")
    on_slide = edges(visit.look() < 124, seed)
    page.keyboard.press("h")
    on_map = edges(visit.look() > 150, seed)
    assert np.abs(np.subtract(on_slide, on_map)).max() <= 1, (on_slide, on_map)
    return on_slide


def opaque(visit: Visit) -> None:
    """Opacity 1: the hot patch is yellow, all others dark violet."""
    visit.viewer().focus()
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


def test_patch_and_tissue_have_the_same_edges_on_a_dense_screen(browser: Browser, url: str) -> None:
    visit = Visit(browser, url, device_scale_factor=2)
    opaque(visit)
    visit.page.keyboard.press("+")
    compare(visit)
    visit.context.close()


def test_overview_shows_map_and_slide_in_the_same_place(visit: Visit) -> None:
    opaque(visit)
    found = []
    picture = visit.look(".overview")
    seed = (picture.shape[1] // 2 + 4, picture.shape[0] // 2 + 4)
    found.append(edges(visit.look(".overview") > 150, seed))
    visit.page.keyboard.press("h")
    found.append(edges(visit.look(".overview") < 124, seed))
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
    viewer.get_by_label("Scale").select_option("raw")
    viewer.get_by_label("Smooth").check()
    pictures.append(visit.look())
    for one, other in pairwise(pictures):
        assert np.abs(one - other).max() > 8
    assert visit.runs() == runs
    assert [url for url in visit.requests[asked:] if "/sv/" in url] == []
    expect(viewer.locator(".legend")).to_contain_text("Attention weight")
    viewer.focus()
    page.keyboard.down(" ")
    under = visit.look()
    page.keyboard.up(" ")
    assert np.abs(under - visit.look()).max() > 8


def test_small_answers_do_not_wait_for_a_delayed_acknowledgement(url: str) -> None:
    connection = http.client.HTTPConnection(urlsplit(url).netloc)
    seconds = []
    for _ in range(15):
        start = time.perf_counter()
        connection.request("GET", "/sv/nothing")
        connection.getresponse().read()
        seconds.append(time.perf_counter() - start)
    connection.close()
    assert min(seconds[1:]) < 0.035, "with Nagle's algorithm every answer but the first takes over 40 ms"


def test_click_names_the_patch(visit: Visit) -> None:
    box = visit.page.locator(".stage").bounding_box()
    visit.viewer()
    visit.look()
    x, y = box["x"] + box["width"] / 2 + 10, box["y"] + box["height"] / 2 + 10
    visit.page.mouse.move(x, y)
    expect(visit.page.locator(".readout")).to_contain_text("192× uniform · weight 1.0 · rank 1 of 192")
    visit.page.mouse.click(x, y)
    visit.page.get_by_text("event patch clinical:pathology:hot 104 4096 3072").wait_for()


def test_map_chosen_inside_is_shown_at_once_and_reported(visit: Visit) -> None:
    viewer = visit.viewer()
    visit.look()
    viewer.get_by_label("Map", exact=True).select_option("clinical:pathology:even")
    expect(viewer).to_have_attribute("data-map", "clinical:pathology:even")
    expect(viewer.locator(".notes")).to_contain_text("almost flat")
    visit.page.get_by_text("event map clinical:pathology:even").wait_for()
    expect(viewer).to_have_attribute("data-map", "clinical:pathology:even")


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
    left, _, right, _ = edges(picture > 190, (picture.shape[1] // 2 + 8, picture.shape[0] // 2 + 8))
    assert right - left < 80, "the other slide is seen whole"
    visit.page.get_by_text("Without the slide file").click()
    visit.page.get_by_text("runs 3").wait_for()
    assert np.abs(visit.look() - before).mean() < 1


def test_goto_brings_the_square_to_the_centre(visit: Visit) -> None:
    viewer = visit.viewer()
    visit.page.get_by_text("Go to the square").click()
    visit.page.get_by_text("runs 2").wait_for()
    viewer.focus()
    visit.page.keyboard.press("h")
    picture = visit.look()
    height, width = picture.shape
    left, top, right, bottom = edges(picture < 124, (width // 2, height // 2))
    assert abs((left + right) / 2 - width / 2) <= 2
    assert abs((top + bottom) / 2 - height / 2) <= 2
    assert abs((bottom - top) - height / 5) <= 8, "the square with two of its widths on either side"


def test_page_asks_nobody_else_and_does_not_complain(visit: Visit, url: str) -> None:
    visit.viewer()
    visit.look()
    hosts = {urlsplit(asked).netloc for asked in visit.requests if not asked.startswith(("data:", "blob:"))}
    assert hosts == {urlsplit(url).netloc}
    assert visit.errors == []
    assert visit.page.evaluate("document.cookie").find("survviz_") == -1, "scripts must not see the identity"


def test_tiles_and_maps_answer_to_their_owner_only(browser: Browser, url: str, visit: Visit) -> None:
    visit.viewer()
    visit.look()
    asked = [next(u for u in visit.requests if part in u) for part in ("/sv/tiles/", "/sv/maps/", "/sv/layouts/")]
    stranger = Visit(browser, url)
    stranger.viewer()
    bare = browser.new_context()
    forged = browser.new_context()
    cookie = next(c for c in visit.context.cookies() if c["name"].startswith("survviz_"))
    forged.add_cookies([{"name": cookie["name"], "value": cookie["value"][:-1] + "x", "url": url}])
    for address in asked:
        assert visit.context.request.get(address).status == 200
        for other in (stranger.context, bare, forged):
            assert other.request.get(address).status == 404
    for context in (stranger.context, bare, forged):
        context.close()


IRREGULAR = """async (web) => {
  const { Layout, colourise, paintLayer } = await import(`${web}/overlay.js`);
  const layout = new Layout(Int32Array.from([0, 0, 10, 0, 25, 3, 28, 20]), 10);  // two origins and an overlap
  const colours = colourise([1, 0, 1, NaN], new Uint8ClampedArray(768).fill(255, 765), 0.5);
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


def test_ranks_and_concentration_are_those_of_their_definitions(visit: Visit) -> None:
    visit.viewer()
    web = next(asked for asked in visit.requests if asked.endswith("/viewer.js")).removesuffix("/viewer.js")
    values = [0.5, 2.0, 0.5, 1.0, 4.0, 0.0, 0.5]
    summary = visit.page.evaluate(
        """async ([web, values]) => {
          const { summarise } = await import(`${web}/scales.js`);
          const { rank, effective, topShare, n } = summarise(Float32Array.from([...values, NaN]), 20);
          return { rank: [...rank].slice(0, -1), missing: Number.isNaN(rank.at(-1)), effective, topShare, n };
        }""",
        [web, values],
    )
    np.testing.assert_allclose(summary["rank"], (rankdata(values) - 1) / 6, rtol=1e-6)
    assert summary["missing"]
    assert summary["n"] == 7
    assert summary["effective"] == pytest.approx(np.exp(entropy(values)))
    assert summary["topShare"] == pytest.approx(4 / 8.5)


def test_upload_arrives_whole(visit: Visit, tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_bytes(b"case,age\n" * 4_000_000)
    visit.page.get_by_role("link", name="Upload").click()
    visit.page.get_by_text("A table").wait_for()
    visit.page.locator("input[type=file]").set_input_files(table)
    visit.page.get_by_text(f"arrived table.csv {table.stat().st_size}").wait_for()
    assert sum("/sv/upload/" in asked for asked in visit.requests) == 3


def test_patch_grid_is_drawn_without_a_slide_and_below_a_base_path(browser: Browser, serve: Callable[..., str]) -> None:
    visit = Visit(browser, serve(None, base="lab/survviz"))
    viewer = visit.viewer()
    expect(viewer.locator(".notes")).to_contain_text("Slide file not available: showing the patch grid.")
    picture = visit.look()
    height, width = picture.shape
    assert picture[height // 2 + 8, width // 2 + 8] > picture[height // 2 - 8, width // 2 - 8] + 30
    assert not any("/sv/tiles/" in asked for asked in visit.requests)
    visit.context.close()


def test_lost_slide_file_is_said_in_words(browser: Browser, serve: Callable[..., str], tmp_path: Path) -> None:
    path = tmp_path / "lost.tif"
    write_slide(path)
    context = browser.new_context()
    page = context.new_page()

    def lose(route: Route) -> None:
        path.unlink(missing_ok=True)
        route.continue_()

    page.route("**/sv/tiles/**", lose)
    page.goto(serve(path))
    message = page.locator(".message.problem")
    expect(message).to_contain_text("Slide file is not available.", timeout=20_000)
    expect(message).to_contain_text("lost.tif")
    context.close()
