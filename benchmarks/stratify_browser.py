"""From click to changed content on Stratify, in Chromium: `.venv/bin/python -m benchmarks.stratify_browser --home DIR`.

10,000 made-up patients with 2,000 genes, scored by a shipped checkpoint, in the whole app. Each repeat starts the app
and a browser anew, so no choice was computed before; the first opening of the page (imports, reading the results) is a
row of its own. A number is the time from pressing the mouse or Enter until the browser shows another figure or table
("seconds"), and until the script has ended as well ("at rest"); "again" is the same choice once it was computed.
Chromium draws without a GPU, on the same processors as the app.
`--home` keeps cohort and scores for the next time.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from benchmarks.large_cohort import CHECKPOINT, N_CASES, N_GENES, write_cohort
from benchmarks.processes import ROOT, free_port, running

RESULT = Path(__file__).parent / "results" / "stratify_browser.json"
CHROMIUM = "/usr/bin/chromium"
MOST_S = 60
CURVES = ".st-key-km .js-plotly-plot"
FIGURES = {
    "Kaplan–Meier": CURVES,
    "Cox": ".st-key-cox-forest .js-plotly-plot",
    "Validation": ".st-key-calibration .js-plotly-plot",
    "Decision curve": ".st-key-decision .js-plotly-plot",
    "Subgroups": ".st-key-subgroups-forest .js-plotly-plot",
}
"""Tab -> its first figure."""

LOOK = """selector => {
  const shown = document.querySelector(selector);
  if (!shown) return "";
  const drawn = [...shown.querySelectorAll("path.js-line, .errorbar path")];
  return shown.textContent + drawn.map(one => one.getAttribute("d"));
}"""
START = """() => {
  window.pressed = null;
  for (const kind of ["pointerdown", "keydown"])
    window.addEventListener(kind, () => { window.pressed ??= performance.now(); }, { capture: true, once: true });
}"""
CHANGED = f"""([selector, before]) => {{
  const now = ({LOOK})(selector);
  return window.pressed !== null && now && now !== before && performance.now() - window.pressed;
}}"""
AT_REST = """() => document.querySelector("[data-test-script-state=notRunning]") !== null
  && performance.now() - window.pressed"""


@dataclass(frozen=True, slots=True)
class Seconds:
    """From the press on: until the figure was another one, and until the script had ended too."""

    seconds: float
    at_rest: float


@dataclass(frozen=True, slots=True)
class Change:
    """One choice of a person.

    Attributes:
        tab: where it is made.
        prepare: what is not timed, for example opening a list.
        press: the one click or key that is timed.
        shows: selector of what it changes.
    """

    name: str
    tab: str
    press: Callable[[Page], None]
    prepare: Callable[[Page], None] = lambda page: None
    shows: str = ""

    def make(self, page: Page) -> Seconds:
        """Do it and wait for what it changes."""
        shows = self.shows or FIGURES[self.tab]
        self.prepare(page)
        before = page.evaluate(LOOK, shows)
        page.evaluate(START)
        self.press(page)
        changed = page.wait_for_function(CHANGED, arg=[shows, before], timeout=1000 * MOST_S).json_value()
        rest = page.wait_for_function(AT_REST, timeout=1000 * MOST_S).json_value()
        return Seconds(changed / 1000, rest / 1000)


def chosen(key: str, label: str, name: str, tab: str = "Kaplan–Meier") -> Change:
    """An entry of a list."""
    return Change(
        name, tab, lambda page: page.get_by_role("option", name=label, exact=True).click(),
        lambda page: page.locator(f".st-key-{key} [role=combobox]").click(),
    )  # fmt: skip


def typed(key: str, value: str, name: str) -> Change:
    """A number, and Enter."""
    return Change(
        name, "Kaplan–Meier", lambda page: page.keyboard.press("Enter"),
        lambda page: page.locator(f".st-key-{key} input").fill(value),
    )  # fmt: skip


def opened(tab: str) -> Change:
    """Another tab."""
    return Change(f"open {tab}", tab, lambda page: page.get_by_role("tab", name=tab).click())


def pressed(key: str, label: str, name: str, tab: str, shows: str = "") -> Change:
    """A pill, or a cross on one."""
    return Change(name, tab, lambda page: page.locator(f".st-key-{key}").get_by_text(label, exact=True).click(),
                  shows=shows)  # fmt: skip


def removed(key: str, tab: str) -> Change:
    """The last of several entries."""
    return Change(f"{tab}: one variable less", tab, lambda page: page.keyboard.press("Backspace"),
                  lambda page: page.locator(f".st-key-{key} input").last.focus())  # fmt: skip


CHANGES: tuple[Change, ...] = (
    chosen("groups", "Median of these patients", "groups: median"),
    chosen("groups", "Tertiles of these patients", "groups: tertiles"),
    chosen("groups", "Quartiles of these patients", "groups: quartiles"),
    chosen("groups", "Own cut-off", "groups: own cut-off"),
    typed("cutoff", "-5", "another own cut-off"),
    chosen("groups", "Clinical variable", "groups: clinical variable"),
    chosen("by", "Stage", "variable: Stage"),
    chosen("groups", "Best cut-off", "groups: best cut-off"),
    chosen("groups", "Cut-off of the checkpoint", "groups: cut-off of the checkpoint"),
    typed("landmark", "12", "landmark: 12 months"),
    chosen("endpoint", "PFI", "endpoint: PFI"),
    typed("landmark", "0", "landmark: none"),
    pressed("km_group", "High risk", "patients of a group", "Kaplan–Meier", "[class*=st-key-members] table"),
    opened("Cox"),
    removed("covariates", "Cox"),
    opened("Validation"),
    pressed("calibration_at", "5 years", "calibration: 5 years", "Validation"),
    chosen("endpoint", "OS", "Validation, endpoint: OS", "Validation"),
    opened("Decision curve"),
    pressed("decision_at", "1 year", "decisions: 1 year", "Decision curve"),
    opened("Subgroups"),
    removed("subgroups", "Subgroups"),
    opened("Kaplan–Meier"),
)
"""In this order, for each starts from where the one before left the page."""


def open_cohort(page: Page, url: str, cohort: str) -> float:
    """Seconds of the first opening of Stratify, until the curves are there."""
    start = time.perf_counter()
    page.goto(f"{url}/stratify?cohort={cohort}&model={CHECKPOINT}")
    page.locator(CURVES).wait_for(timeout=1000 * MOST_S)
    seconds = time.perf_counter() - start
    page.wait_for_function(
        "document.querySelector('[data-test-script-state=notRunning]') !== null", timeout=1000 * MOST_S
    )
    return seconds


# ---- the app


@contextmanager
def app_running(home: Path) -> Iterator[str]:
    """The whole app, the cohort in a folder of its server; yields its URL."""
    port = free_port()
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
    url = f"http://localhost:{port}"
    with running(command, f"{url}/_stcore/health", settings(home), home / "log.txt"):
        yield url


def settings(home: Path) -> dict[str, str]:
    """The environment of the app and of scoring: one thread, the workspace in `home`."""
    return {**os.environ, "SURVVIZ_HOME": str(home), "SURVVIZ_SLIDES": str(home / "clinic"), "OMP_NUM_THREADS": "1"}


def prepare(home: Path) -> None:
    """Write the cohort and score it, where that was not done."""
    folder = home / "clinic" / "ten-thousand"
    if not folder.exists():
        write_cohort(folder)
    out = home / "cohort-results" / folder.name
    command = [sys.executable, "-m", "survviz.cli", "infer", "--cohort", str(folder), "--out", str(out)]
    subprocess.run([*command, "--checkpoint", f"checkpoints/{CHECKPOINT}"], cwd=ROOT, env=settings(home), check=True)


def cohort_id(page: Page, url: str) -> str:
    """What the address calls the cohort: chosen from the list, on a page that computes nothing of it."""
    page.goto(f"{url}/cohort_patients")
    page.locator(".st-key-cohort_choice [role=combobox]").click(timeout=1000 * MOST_S)
    page.get_by_role("option").filter(has_text="ten-thousand").first.click()
    page.wait_for_url("**cohort=ten-thousand*", timeout=1000 * MOST_S)
    return page.url.split("cohort=")[1].split("&")[0]


# ---- the measurement


def measure(home: Path, found: dict[str, list[Seconds]], again: dict[str, list[Seconds]]) -> None:
    """One start of app and browser: every change for the first time, then once more."""
    with app_running(home) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM)
        page = browser.new_page(viewport={"width": 1440, "height": 1000})
        cohort = cohort_id(page, url)
        first = open_cohort(page, url, cohort)
        found.setdefault("first opening of the page", []).append(Seconds(first, first))
        for table in (found, again):
            for change in CHANGES:
                table.setdefault(change.name, []).append(change.make(page))
            open_cohort(page, url, cohort)
        browser.close()


def rows(found: dict[str, list[Seconds]], again: dict[str, list[Seconds]]) -> list[dict[str, object]]:
    """Medians and slowest, a row per change."""
    return [
        {
            "change": name,
            "seconds": round(statistics.median(one.seconds for one in first), 2),
            "slowest": round(max(one.seconds for one in first), 2),
            "at_rest": round(statistics.median(one.at_rest for one in first), 2),
            "again": round(statistics.median(one.seconds for one in again[name]), 2) if name in again else None,
        }
        for name, first in found.items()
    ]


def main() -> None:
    """Measure, print the table, write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, required=True, help="workspace; made, or used again")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path, default=RESULT)
    arguments = parser.parse_args()
    home = arguments.home.resolve()
    home.mkdir(parents=True, exist_ok=True)
    prepare(home)
    found: dict[str, list[Seconds]] = {}
    again: dict[str, list[Seconds]] = {}
    load = [os.getloadavg()[0]]
    for _ in range(arguments.repeats):
        measure(home, found, again)
        load.append(os.getloadavg()[0])
    result = {
        "patients": N_CASES, "genes": N_GENES, "checkpoint": CHECKPOINT, "repeats": arguments.repeats,
        "machine": f"{os.cpu_count()} CPUs, {platform.machine()}, no GPU; app and browser share them",
        "load": [round(one, 1) for one in load], "rows": rows(found, again),
    }  # fmt: skip
    arguments.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    for row in rows(found, again):
        print(f"| {row['change']} | {row['seconds']} | {row['slowest']} | {row['at_rest']} | {row['again'] or '–'} |")


if __name__ == "__main__":
    main()
