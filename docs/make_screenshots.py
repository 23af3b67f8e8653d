"""Draw docs/screenshots/*.png from the running app: `.venv/bin/python docs/make_screenshots.py`.

Needs the test extra (Playwright) and a Chromium. All pictures come from the bundled demo case, in a fresh workspace.
"""

from __future__ import annotations

import io
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from survviz.figures.colours import colour_table

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "docs" / "screenshots"
LARGEST_BYTES = 400_000
SIZES = {"wide": (1440, 920), "narrow": (430, 900)}
WAIT_MS = 240_000
MAP = ".viewer[data-map*=':']"
"""The viewer, once a map is on show."""


@contextmanager
def running_app(**settings: str) -> Iterator[str]:
    """The app on a free port, with more environment variables; yields its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as home:
        command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
        environment = {**os.environ, "SURVVIZ_HOME": home, **settings}
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
        try:
            url = f"http://localhost:{port}"
            wait_for(f"{url}/_stcore/health", process)
            yield url
        finally:
            process.terminate()
            process.wait(20)


def wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    """Until the server answers."""
    for _ in range(200):
        if process.poll() is not None:
            raise SystemExit("The app ended before it answered; start it with `make app` to see why.")
        try:
            urllib.request.urlopen(url, timeout=2).close()
            return
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            with suppress_wait():
                process.wait(0.2)


@contextmanager
def suppress_wait() -> Iterator[None]:
    """A process that is still running is what we hope for."""
    try:
        yield
    except subprocess.TimeoutExpired:
        return


def palette_source(picture: Image.Image) -> Image.Image:
    """The picture above a broad band of the map's colours, so that a palette made from it keeps the colour bar."""
    band = np.repeat(colour_table("viridis")[None, ::4], picture.height // 8, axis=0)
    strip = Image.fromarray(band).resize((picture.width, picture.height // 8), Image.Resampling.NEAREST)
    source = Image.new("RGB", (picture.width, picture.height + strip.height))
    source.paste(picture, (0, 0))
    source.paste(strip, (0, picture.height))
    return source


def save(page: Page, name: str) -> None:
    """A screenshot of the window, with as many colours as fit the size limit."""
    page.mouse.move(2, 2)
    page.wait_for_timeout(1500)
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    for colours in (256, 192, 128, 96):
        palette = palette_source(picture).quantize(colours, kmeans=2)
        out = io.BytesIO()
        picture.quantize(palette=palette, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
        if out.tell() < LARGEST_BYTES:
            break
    (OUT / f"{name}.png").write_bytes(out.getvalue())
    print(f"{name}.png {out.tell() // 1000} kB")


def visit(browser: Browser, url: str, theme: str, size: str) -> None:
    """Every page in one theme and one size."""
    width, height = SIZES[size]
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=theme)  # pyright: ignore
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    tail = theme if size == "wide" else size
    page.goto(url)
    page.get_by_text("Works offline").wait_for()
    save(page, f"home_{tail}")
    page.get_by_role("button", name="Explore the demo case").click()
    page.locator(MAP).wait_for()
    case = page.url.partition("?")[2]
    page.goto(f"{url}/slide_attention?{case.partition('&')[0]}&direction=genomic&token=Hypoxia")
    page.locator(MAP).wait_for()
    page.locator(".grid button").first.wait_for()
    page.wait_for_timeout(2500)
    if size == "wide":
        page.locator(".grid button").first.click()
        page.get_by_text("Tokens that look here most").wait_for()
        page.locator(".viewer").focus()
        for _ in range(3):
            page.keyboard.press("-")
            page.wait_for_timeout(300)
        page.locator("[data-testid=stMain]").evaluate("main => main.scrollTo(0, 0)")
    save(page, f"slide_attention_{tail}")
    page.goto(f"{url}/risk_survival?{case.partition('&')[0]}")
    page.get_by_text("What the model rests on").wait_for()
    save(page, f"risk_survival_{tail}")
    page.goto(f"{url}/load_case")
    page.get_by_text("Clinical record", exact=True).wait_for()
    choose_sample_slide(page)
    save(page, f"load_case_{tail}")
    context.close()


def visit_study(browser: Browser, url: str, theme: str, size: str, reader: str) -> None:
    """The second question of the demo study's practice slide."""
    width, height = SIZES[size]
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=theme)  # pyright: ignore
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    page.goto(f"{url}/reader_study?reader={reader}")
    page.get_by_text("I have read this").click()
    page.get_by_role("button", name="Begin").click()
    page.locator(".reader[data-screen='tutorial/0']").wait_for()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.locator(".reader[data-screen='tutorial/1']").wait_for()
    page.keyboard.press("4")
    save(page, f"reader_study_{theme if size == 'wide' else size}")
    context.close()


def choose_sample_slide(page: Page) -> None:
    """Add the first bundled slide, so that the preflight card shows."""
    box = page.get_by_role("combobox", name="or choose one on this server").first
    box.click()
    page.get_by_role("option").first.click()
    page.get_by_role("button", name="Add", exact=True).first.click()
    page.get_by_text("patches of tissue").wait_for()


def main() -> None:
    """All pages, light and dark, wide; and narrow in light."""
    chromium = next(
        (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
    )
    OUT.mkdir(parents=True, exist_ok=True)
    with running_app() as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium)
        for theme, size in (("light", "wide"), ("dark", "wide"), ("light", "narrow")):
            visit(browser, url, theme, size)
        browser.close()
    study = str(ROOT / "sample_data" / "reader_study")
    with running_app(SURVVIZ_READER_STUDY=study) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium)
        visit_study(browser, url, "light", "wide", "demo-1")
        visit_study(browser, url, "dark", "wide", "demo-2")
        visit_study(browser, url, "light", "narrow", "demo-3")
        browser.close()


if __name__ == "__main__":
    main()
