"""Draw docs/screenshots/*.png from the running app: `.venv/bin/python docs/make_screenshots.py`.

Needs the test extra (Playwright) and a Chromium. Pictures come from the bundled demo case, in a fresh workspace; with
`--slide TCGA-CR-7395-01A-01-TS1.svs` also one of a real slide (TCGA, open access; age 80, female, stage II, G2).
"""

from __future__ import annotations

import argparse
import io
import os
import re
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
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from survviz.figures.colours import colour_table

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "docs" / "screenshots"
LARGEST_BYTES = 400_000
SIZES = {"wide": ViewportSize(width=1440, height=920), "narrow": ViewportSize(width=430, height=900)}
WAIT_MS = 120_000
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
    """The picture above broad bands of the maps' colours, so that a palette made from it keeps the colour bar."""
    bands = [np.repeat(colour_table(name)[None, ::4], picture.height // 12, axis=0) for name in ("viridis", "puor")]
    strip = Image.fromarray(np.concatenate(bands))
    strip = strip.resize((picture.width, strip.height), Image.Resampling.NEAREST)
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
    context = browser.new_context(viewport=SIZES[size], color_scheme=theme)  # pyright: ignore
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    tail = theme if size == "wide" else size
    page.goto(url)
    page.get_by_text("Works offline").wait_for()
    save(page, f"home_{tail}")
    page.get_by_role("button", name="Explore the demo case").click()
    page.locator(MAP).wait_for()
    case = page.url.partition("?")[2]
    page.goto(f"{url}/slide_attention?{case.partition('&')[0]}&at=m:attention:genomic:pathology:Hypoxia:mean:mean")
    page.locator(".viewer[data-map*='Hypoxia']").wait_for()
    page.locator(".thumb img").first.wait_for()
    save(page, f"slide_attention_{tail}")
    if size == "wide":
        slide_states(page, theme)
    page.goto(f"{url}/risk_survival?{case.partition('&')[0]}")
    page.get_by_text("What the model rests on").wait_for()
    save(page, f"risk_survival_{tail}")
    why_views(page, f"{url}/why_this_risk?{case.partition('&')[0]}", tail)
    privacy_views(page, f"{url}/privacy?{case.partition('&')[0]}", tail)
    page.goto(f"{url}/load_case")
    page.get_by_text("Clinical record", exact=True).wait_for()
    choose_sample_slide(page)
    save(page, f"load_case_{tail}")
    cohort_views(page, url, tail)
    model_views(page, url, tail)
    context.close()


def why_views(page: Page, address: str, tail: str) -> None:
    """The evidence of the demo case, and a question to the what-if bench."""
    page.goto(address)
    page.get_by_text("Against the baseline").wait_for()
    save(page, f"why_this_risk_{tail}")
    page.goto(f"{address}&view=What+if&if-age=50&if-stage=I&if-programmes=Hypoxia&if-shift-hypoxia=-1.0")
    page.get_by_text("5 years").wait_for()
    save(page, f"why_what_if_{tail}")
    page.goto(f"{address}&view=Tokens+and+tissue")
    page.get_by_text("random sets would share").wait_for()
    page.locator(".js-plotly-plot").wait_for()
    save(page, f"why_tissue_{tail}")


def privacy_views(page: Page, address: str, tail: str) -> None:
    """A release of the record at epsilon 2, its bands, and what accuracy costs."""
    page.goto(f"{address}&what=Fields+of+the+record&shares=By+public+relevance")
    slider = page.get_by_role("slider", name="Epsilon of this release")
    page.get_by_text("Nothing is released yet").wait_for()
    for _ in range(3):
        slider.press("ArrowRight")
    page.get_by_text("as the receiver sees it").wait_for()
    save(page, f"privacy_{tail}")
    page.goto(f"{address}&tab=Accuracy")
    page.locator(".js-plotly-plot").nth(1).wait_for()
    page.locator(".js-plotly-plot").nth(1).scroll_into_view_if_needed()
    save(page, f"privacy_accuracy_{tail}")


def cohort_views(page: Page, url: str, tail: str) -> None:
    """An example with the usual mistakes, checked; groups and patients of the sample cohort; the benchmark."""
    page.goto(f"{url}/upload_check")
    page.get_by_role("button", name="Open the example").click()
    for step in ("columns", "matching", "report"):
        page.get_by_role("button", name=f"Go on: {step}").click()
    page.get_by_role("button", name="Make the cohort").wait_for()
    save(page, f"upload_check_{tail}")
    page.goto(f"{url}/stratify?cohort=sample")
    score, groups = page.get_by_role("button", name="Score the cohort"), page.get_by_text("Number at risk at the start")
    score.or_(groups).first.wait_for()
    if score.is_visible():
        score.click()
    groups.wait_for()
    save(page, f"stratify_{tail}")
    for name, words in (("Cox", "Hazard ratio"), ("Validation", "D-calibration"), ("Decision curve", "Net benefit")):
        page.goto(f"{url}/stratify?cohort=sample&tab={name.replace(' ', '+')}")
        page.get_by_text(words).first.wait_for()
        page.locator(".js-plotly-plot").first.wait_for()
        save(page, f"stratify_{name.split()[0].lower()}_{tail}")
    page.goto(f"{url}/cohort_patients?cohort=sample")
    page.get_by_test_id("stDataFrame").first.wait_for()
    save(page, f"patients_{tail}")
    page.goto(f"{url}/compare?tab=Benchmark")
    page.get_by_text("Mean of the test folds").wait_for()
    save(page, f"compare_{tail}")


def model_views(page: Page, url: str, tail: str) -> None:
    """The library, a form for training, and what the self-check says."""
    page.goto(f"{url}/library")
    page.get_by_text("out of fold").first.wait_for()
    save(page, f"library_{tail}")
    page.goto(f"{url}/train?cohort=sample")
    page.get_by_role("button", name="Train", exact=True).wait_for()
    save(page, f"train_{tail}")
    page.goto(f"{url}/self_check")
    page.get_by_role("button", name="Without the checkpoints").click()
    page.get_by_role("button", name="For the administrator").wait_for()
    save(page, f"self_check_{tail}")


def slide_states(page: Page, theme: str) -> None:
    """What else the slide page can show, on the demo case that is open."""
    tab = lambda name: page.get_by_role("tab", name=name).click()  # noqa: E731
    page.locator(".thumb").first.click()
    page.get_by_text("Find similar").first.wait_for()
    page.wait_for_timeout(1500)
    save(page, f"slide_patch_{theme}")
    page.get_by_role("button", name=re.compile("Whole slide")).first.click()
    tab("Regions")
    page.get_by_role("button", name="Show truth").click()
    page.locator(".region-table td").first.wait_for()
    page.get_by_role("button", name="Side by side").click()
    save(page, f"slide_truth_{theme}")
    page.get_by_role("button", name="Hide truth").click()
    tab("Map")
    second_stage(page, theme)
    page.get_by_role("radio", name="Contribution").click()
    compute, done = page.get_by_role("button", name="Compute").first, page.locator(".viewer[data-map^='contribution:']")
    compute.or_(done).first.wait_for()
    if compute.is_visible():  # the first theme computes it, the second finds it
        compute.click()
        done.wait_for()
    save(page, f"slide_contribution_{theme}")
    page.get_by_role("radio", name="Attention").click()
    page.locator("summary", has_text="Export").click()
    save(page, f"slide_export_{theme}")
    page.keyboard.press("Escape")
    tab("Stories")
    page.get_by_role("button", name="Play").click()
    page.locator(".story-card").wait_for()
    page.get_by_role("button", name="Next stop").click()
    save(page, f"slide_story_{theme}")


def second_stage(page: Page, theme: str) -> None:
    """The difference of two tokens, and another checkpoint beside this one; then closed again."""
    page.get_by_label("The second stage shows").select_option("difference")
    page.get_by_label("Token of the second map").select_option("EMT")
    page.locator(".second[data-map^='difference:'][data-map$=':EMT']").wait_for()
    save(page, f"slide_difference_{theme}")
    page.get_by_label("The second stage shows").select_option("map")
    page.get_by_label("Checkpoint of the second map").select_option("demo-ca-mlif")
    page.locator(".second[data-map$='@demo-ca-mlif']").wait_for()
    save(page, f"slide_models_{theme}")
    page.get_by_role("button", name="Close the second stage").click()


def visit_real_slide(browser: Browser, url: str, name: str) -> None:
    """A slide without a pixel size: asked for, encoded, then side by side with its map."""
    page = browser.new_context(viewport=SIZES["wide"]).new_page()
    page.set_default_timeout(WAIT_MS)
    page.goto(f"{url}/load_case")
    page.get_by_role("combobox", name="or choose one on this server").first.click()
    page.get_by_role("option", name=name).first.click()
    page.get_by_role("button", name="Add", exact=True).first.click()
    page.get_by_text("0.5 (20×)").first.click()
    page.get_by_role("spinbutton", name="Age").fill("80")
    for field, value in (("Sex", "female"), ("Stage", "II"), ("Grade", "2")):
        page.get_by_role("combobox", name=field).first.click()
        page.get_by_role("option", name=value, exact=True).first.click()
    page.get_by_role("button", name=re.compile("^Encode")).first.click()
    page.get_by_text("Encoded").first.wait_for()
    page.get_by_role("button", name="Open the case").last.click()
    page.locator(MAP).wait_for()
    page.locator(".thumb img").first.wait_for()
    page.get_by_role("button", name="Side by side").click()
    save(page, "slide_real")


def visit_study(browser: Browser, url: str, theme: str, size: str, reader: str) -> None:
    """The second question of the demo study's practice slide."""
    context = browser.new_context(viewport=SIZES[size], color_scheme=theme)  # pyright: ignore
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
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slide", type=Path, help="a real slide, for slide_real.png")
    parser.add_argument("--only", choices=("pages", "study", "slide"), help="one part of the pictures")
    options = parser.parse_args()
    chromium = next(
        (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
    )
    OUT.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium)
        if options.only in (None, "pages"):
            with running_app() as url:
                for theme, size in (("light", "narrow"), ("light", "wide"), ("dark", "wide")):
                    visit(browser, url, theme, size)
        if options.only in (None, "study"):
            with running_app(SURVVIZ_READER_STUDY=str(ROOT / "sample_data" / "reader_study")) as url:
                visit_study(browser, url, "light", "wide", "demo-1")
                visit_study(browser, url, "dark", "wide", "demo-2")
                visit_study(browser, url, "light", "narrow", "demo-3")
        if options.slide and options.only in (None, "slide"):
            with running_app(SURVVIZ_SLIDES=str(options.slide.resolve().parent)) as url:
                visit_real_slide(browser, url, options.slide.name)
        browser.close()


if __name__ == "__main__":
    main()
