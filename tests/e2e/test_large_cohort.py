"""10,000 patients with 2,000 genes: scored in the app by a shipped checkpoint, then every choice reaches the screen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Browser, Page, expect

from benchmarks.large_cohort import CHECKPOINT, N_CASES, write_cohort
from benchmarks.stratify_browser import CHANGES, CURVES, FIGURES
from survviz.pipeline.cohort.observation import Observation
from survviz.pipeline.cohort.results import CohortResults
from survviz.pipeline.cohort.stratification import StratifyPlan, stratify
from survviz.pipeline.cohort.validation import validate

if TYPE_CHECKING:
    from tests.e2e.conftest import RunServer

SCORING_MS = 1_200_000
PLANS: dict[str, dict[str, Any]] = {
    "groups: median": {"groups": "median"},
    "groups: tertiles": {"groups": "tertiles"},
    "groups: quartiles": {"groups": "quartiles"},
    "another own cut-off": {"groups": "own cut-off", "cutoff": -5},
    "variable: Stage": {"groups": "clinical", "column": "Stage"},
    "groups: best cut-off": {"groups": "best cut-off"},
    "groups: cut-off of the checkpoint": {},
    "landmark: 12 months": {"landmark": 12},
    "endpoint: PFI": {"landmark": 12, "endpoint": "PFI"},
    "landmark: none": {"endpoint": "PFI"},
}
"""Change -> the choices that stand after it."""

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("app")]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("large")


@pytest.fixture
def page(browser: Browser, run_app: RunServer, home: Path) -> Iterator[Page]:
    """The open cohort of a browser, lying in its owner's part of the workspace, scored through the app."""
    with run_app(home, OMP_NUM_THREADS="1") as url:
        context = browser.new_context(viewport={"width": 1440, "height": 1000})
        page = context.new_page()
        page.goto(f"{url}/stratify")
        expect(page.get_by_text("No cohort is open")).to_be_visible()
        (own,) = (home / "cohorts").iterdir()
        write_cohort(own / "ten-thousand")
        page.goto(f"{url}/stratify?cohort=ten-thousand&model={CHECKPOINT}")
        page.get_by_role("button", name="Score the cohort").click()
        page.locator(CURVES).wait_for(timeout=SCORING_MS)
        yield page
        context.close()


def test_every_change_on_ten_thousand_patients_reaches_the_screen(page: Page, home: Path) -> None:
    (folder,) = (path.parent for path in home.glob("cohort-results/*/results.json"))
    results = CohortResults.load(folder)
    assert len(results) == N_CASES
    expect(page.get_by_text(f"n = {N_CASES:,}", exact=True)).to_be_visible()
    for change in CHANGES:
        change.make(page)  # until its figure or table is another one
        figure = page.locator(FIGURES[change.tab])
        if change.name in PLANS:
            found = stratify(results, StratifyPlan.model_validate(PLANS[change.name]))
            for group in found.groups:
                expect(figure).to_contain_text(f"{group.name} (n = {group.n:,})")
            expect(page.get_by_text(f"n = {found.n:,}", exact=True)).to_be_visible()
            expect(page.get_by_text(f"{found.n_events:,} events ({found.endpoint})")).to_be_visible()
        if change.name in ("open Validation", "Validation, endpoint: OS"):
            endpoint = "PFI" if change.name == "open Validation" else "OS"
            c_index = validate(results, Observation(endpoint=endpoint)).estimates["harrell_c"]
            table = page.locator("[data-testid=stDataFrame]").filter(has_text="C-index (Harrell)")
            expect(table).to_contain_text(f"{c_index.value:.3f}")
        if change.name == "open Cox":
            expect(figure).to_contain_text("Stage")
        if change.name == "Cox: one variable less":
            expect(figure).not_to_contain_text("Stage")
        if change.name == "open Subgroups":
            expect(figure).to_contain_text(f"n = {N_CASES:,}")
            expect(figure).to_contain_text("Cancer type")
        if change.name == "Subgroups: one variable less":
            expect(figure).not_to_contain_text("Cancer type")
