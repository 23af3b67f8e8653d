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
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Locator, Page, sync_playwright
from scipy import ndimage

ROOT = Path(__file__).parents[2]
WIDTH, HEIGHT, SIDE = 8192, 6144, 512
PATIENT_MS = 240_000


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


@pytest.fixture(scope="session")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., str]]:
    """Starts a test page, or the `whole` app; returns its URL."""
    started: list[subprocess.Popen[bytes]] = []

    def start(
        slide: Path | None, *, base: str = "", app: str = "viewer_app.py", whole: bool = False, **more: str
    ) -> str:
        home = tmp_path_factory.mktemp("server")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        environment = {**os.environ, "SURVVIZ_HOME": str(home), "PYTHONPATH": str(ROOT), "VIEWER_APP": app, **more}
        if slide:
            environment |= {"VIEWER_SLIDE": str(slide), "SURVVIZ_SLIDES": str(slide.parent)}
        launcher = ROOT / "app.py" if whole else Path(__file__).with_name("viewer_launcher.py")
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


@pytest.fixture(scope="session")
def slide_with_square() -> Callable[..., None]:
    """Writes a slide whose centre is the corner of a black square of 512 pixels; see `write_slide`."""
    return write_slide


@pytest.fixture(scope="session")
def url(serve: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> str:
    """The test page, with the slide."""
    path = tmp_path_factory.mktemp("slides") / "square.tif"
    write_slide(path)
    return serve(path)


@pytest.fixture(scope="module")  # two of Playwright at once do not work, and other modules start their own
def browser(chromium: str) -> Iterator[Browser]:
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
