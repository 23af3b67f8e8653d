"""A real browser on the viewer's test page: the server, the slide with one black square, and a visit to it."""

from __future__ import annotations

import io
import os
import re
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Error, Locator, Page, expect, sync_playwright
from scipy import ndimage

ROOT = Path(__file__).parents[2]
WIDTH, HEIGHT, SIDE = 8192, 6144, 512
PATIENT_MS = 240_000
RunServer = Callable[..., AbstractContextManager[str]]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, Any, pytest.TestReport]:
    """After a failure, say what the open pages show."""
    report: pytest.TestReport = yield
    if report.failed and isinstance(browser := getattr(item, "funcargs", {}).get("browser"), Browser):
        for page in [page for context in browser.contexts for page in context.pages]:
            report.sections.append((f"on {page.url}", shown_on(page)))
    return report


def shown_on(page: Page) -> str:
    """Everything on a page in words, web components included."""
    try:
        return page.locator("body").aria_snapshot(timeout=10_000)
    except Error as error:
        return f"unreadable: {error}"


def write_slide(
    path: Path, size: tuple[int, int] = (WIDTH, HEIGHT), downsamples: tuple[float, ...] = (1, 2, 4, 8)
) -> None:
    """A light pyramid at 0.5 um per pixel, with one black square whose corner is its centre."""
    width, height = size
    x, y = width // 2, height // 2
    pixels = np.full((height, width, 3), (236, 222, 230), np.uint8)
    pixels[y : y + SIDE, x : x + SIDE] = 12
    whole = Image.fromarray(pixels)
    with tifffile.TiffWriter(path) as tiff:
        for level, step in enumerate(downsamples):
            small = whole.resize((round(width / step), round(height / step)), Image.Resampling.BOX)
            tiff.write(
                np.asarray(small),
                tile=(256, 256),
                photometric="rgb",
                compression="deflate",
                subfiletype=1 if level else 0,
                resolution=(20000 / step, 20000 / step),
                resolutionunit=3,
            )


def write_tissue(path: Path) -> None:
    """Stained tissue on glass that declares no pixel size."""
    rng = np.random.default_rng(0)
    pixels = np.full((3072, 3072, 3), 243, np.uint8)
    tissue = rng.normal((200, 120, 170), 20, (2560, 2560, 3)).clip(0, 255).astype(np.uint8)
    tissue[rng.random((320, 320)).repeat(8, 0).repeat(8, 1) < 0.25] = (90, 50, 130)
    pixels[256:2816, 256:2816] = tissue
    tifffile.imwrite(path, pixels, tile=(256, 256), photometric="rgb", compression="deflate")


def write_large_tissue(path: Path) -> None:
    """Some hundred patches of tissue at 0.5 um per pixel."""
    rng = np.random.default_rng(0)
    piece = rng.normal((200, 120, 170), 20, (512, 512, 3)).clip(0, 255).astype(np.uint8)
    tissue = np.tile(piece, (12, 12, 1))
    tissue[(rng.random((768, 768)) < 0.25).repeat(8, 0).repeat(8, 1)] = (90, 50, 130)
    pixels = np.pad(tissue, ((512, 512), (512, 512), (0, 0)), constant_values=243)
    options = {"tile": (256, 256), "photometric": "rgb", "compression": "jpeg"}
    tifffile.imwrite(path, pixels, resolution=(2e4, 2e4), resolutionunit=3, **options)


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


@contextmanager
def streamlit_running(script: Path, home: Path, settings: dict[str, str], base: str = "") -> Iterator[str]:
    """A Streamlit server on a free port, its log in `home`; yields its URL."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", str(script), "--server.port", str(port)]
    if base:
        command += ["--server.baseUrlPath", base]
    environment = {**os.environ, "SURVVIZ_HOME": str(home), **settings}
    log = home / "log.txt"
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output)
    url = f"http://localhost:{port}" + (f"/{base}" if base else "")
    try:
        wait_for_server(url, process, log)
        yield url
    finally:
        process.terminate()
        process.wait(20)


@contextmanager
def app_running(home: Path, *, base: str = "", **settings: str) -> Iterator[str]:
    """The whole app, its workspace in `home`; yields its URL, and asserts that nothing went wrong in it."""
    with streamlit_running(ROOT / "app.py", home, settings, base) as url:
        yield url
    log = (home / "log.txt").read_text()
    assert "Traceback" not in log, log


@pytest.fixture(scope="session")
def run_app() -> RunServer:
    """Runs the whole app for as long as a `with` block; see `app_running`."""
    return app_running


@pytest.fixture(scope="session")
def run_page(tmp_path_factory: pytest.TempPathFactory) -> RunServer:
    """Runs a test page for as long as a `with` block: run_page(slide, base=URL path, app=script, **environment)."""

    @contextmanager
    def run(slide: Path | None, *, base: str = "", app: str = "viewer_app.py", **more: str) -> Iterator[str]:
        settings = {"PYTHONPATH": str(ROOT), "VIEWER_APP": app, **more}
        if slide:
            settings |= {"VIEWER_SLIDE": str(slide), "SURVVIZ_SLIDES": str(slide.parent)}
        launcher = Path(__file__).with_name("viewer_launcher.py")
        with streamlit_running(launcher, tmp_path_factory.mktemp("server"), settings, base) as url:
            yield url

    return run


@pytest.fixture(scope="session")
def app_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Workspace of the whole app."""
    return tmp_path_factory.mktemp("server")


@pytest.fixture(scope="session")
def app_slides(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of slides on the server of the whole app."""
    folder = tmp_path_factory.mktemp("clinic")
    write_tissue(folder / "patient7.tif")
    write_large_tissue(folder / "large.tif")
    return folder


@pytest.fixture(scope="session")
def app_url(run_app: RunServer, app_home: Path, app_slides: Path) -> Iterator[str]:
    """The app as `make app` starts it, with an empty workspace; the modules of the group "app" share it."""
    with run_app(app_home, SURVVIZ_SLIDES=str(app_slides)) as url:
        yield url


@pytest.fixture(scope="session")
def slide_with_square() -> Callable[..., None]:
    """Writes a slide whose centre is the corner of a black square of 512 pixels; see `write_slide`."""
    return write_slide


@pytest.fixture(scope="session")
def url(run_page: RunServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The test page, with the slide."""
    path = tmp_path_factory.mktemp("slides") / "square.tif"
    write_slide(path)
    with run_page(path) as url:
        yield url


@pytest.fixture(scope="module")  # two of Playwright at once do not work, and other modules start their own
def browser(chromium: str) -> Iterator[Browser]:
    expect.set_options(timeout=PATIENT_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium)
        yield browser
        browser.close()


class Visit:
    """One browser context on the test page, and what it asked for and complained of."""

    def __init__(self, browser: Browser, url: str, **options: Any) -> None:
        self.context: BrowserContext = browser.new_context(viewport={"width": 1280, "height": 1000}, **options)
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(PATIENT_MS)
        self.requests: list[str] = []
        self.errors: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: message.type == "error" and self.errors.append(message.text))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.goto(url)

    def viewer(self) -> Locator:
        """The viewer, once its map is on show."""
        viewer = self.page.locator(".viewer[data-map]")
        viewer.wait_for()
        return viewer

    def look(self, part: str = ".stages > .stage") -> NDArray[np.float64]:
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

    @staticmethod
    def edges(mask: NDArray[np.bool_], seed: tuple[int, int]) -> tuple[int, int, int, int]:
        """Left, top, right, bottom of the connected region at `seed` (x, y)."""
        labels, _ = ndimage.label(mask)
        label = labels[seed[1], seed[0]]
        assert label, "nothing is drawn where it must be"
        rows, columns = ndimage.find_objects((labels == label).astype(int))[0]
        return columns.start, rows.start, columns.stop, rows.stop


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Visit]]:
    """Opens a page in a browser context of its own; options as of `Browser.new_context`."""
    visits: list[Visit] = []

    def visit(url: str, **options: Any) -> Visit:
        visits.append(Visit(browser, url, **options))
        return visits[-1]

    yield visit
    for one in visits:
        one.context.close()


@pytest.fixture
def visit(open_page: Callable[..., Visit], url: str) -> Visit:
    """A visit to the test page, with the slide."""
    return open_page(url)
