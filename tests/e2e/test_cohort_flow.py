"""A stranger's cohort from a zip to a figure: check, score, stratify, a patient's slide and back, the bundle again."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from typer.testing import CliRunner

from survviz.cli import app as cli

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "sample_data"
CHECKPOINT = ROOT / "checkpoints" / "demo-survpgc"
PATIENT_MS = 240_000
CASES = 48
ROW_PX = 35
DAYS = 30.4375

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("app")]


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Other names, days, words for the status, genes in rows, feature files and one slide: nothing as we write it."""
    table = pd.read_csv(SAMPLE / "clinical.csv").head(CASES)
    names = {case: case.replace("SV07-", "HOSP-") for case in table["case_id"]}
    patients = pd.DataFrame(
        {
            "Patient": table["case_id"].map(names),
            "Age at diagnosis": table["age"],
            "Gender": table["sex"],
            "Tumor stage": table["stage"],
            "Overall survival (days)": (table["time_months"] * DAYS).round(),
            "Vital status": table["event"],
        }
    )
    rna = pd.read_csv(SAMPLE / "rna.csv.gz", index_col=0)
    rna = rna.loc[[case for case in names if case in rna.index]].rename(index=names)
    path = tmp_path_factory.mktemp("hospital") / "hospital.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("hospital/patients.csv", patients.to_csv(index=False))
        archive.writestr("hospital/expression.tsv", rna.T.to_csv(sep="\t"))
        for file in sorted((SAMPLE / "features").glob("*.h5")):
            if file.name[:9] in names:
                archive.write(file, f"hospital/{file.name.replace('SV07-', 'HOSP-')}")
        archive.write(SAMPLE / "slides" / "SV07-0001-DX1.tif", "hospital/HOSP-0001-DX1.tif")
    return path


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1440, "height": 1000}, accept_downloads=True)
    context.set_default_timeout(PATIENT_MS)
    yield context.new_page()
    context.close()


def press(page: Page, words: str) -> None:
    page.locator("button").filter(has_text=words).first.click()


def first_row_of(page: Page, table: Locator) -> None:
    """Tick the first patient; the table is a canvas."""
    table.scroll_into_view_if_needed()
    table.click(position={"x": 16, "y": 1.5 * ROW_PX})


def check(page: Page, url: str, hospital: Path) -> None:
    """From the zip to a cohort: the coding is read aloud and confirmed, what is wrong is mended on request."""
    page.goto(f"{url}/upload_check")
    page.locator("input[type=file]").first.set_input_files(hospital)
    expect(page.get_by_text(f"patients.csv: {CASES} rows")).to_be_visible()
    press(page, "Go on: columns")
    expect(page.get_by_text(re.compile(r"dead = event, \d+ of 48; alive = censored"))).to_be_visible()
    page.get_by_text("This is right").click()
    press(page, "Go on: matching")
    expect(page.get_by_text("a name belongs to the case that it starts with")).to_be_visible()
    press(page, "Go on: report")
    expect(page.get_by_text("Nothing says in which unit the values are")).to_be_visible()
    press(page, "Read hospital.zip/hospital/expression.tsv as log2(x+1)")
    expect(page.get_by_text("Changes that you asked for")).to_be_visible()
    press(page, "Make the cohort")
    expect(page.get_by_text("The cohort is ready")).to_be_visible()


def test_from_a_zip_to_the_same_numbers_again(
    page: Page, app_url: str, app_home: Path, hospital: Path, tmp_path: Path
) -> None:
    check(page, app_url, hospital)
    page.get_by_role("button", name="Stratify").last.click()
    press(page, "Score the cohort")
    expect(page.get_by_text("Number at risk at the start of each interval")).to_be_visible()
    expect(page.get_by_text(f"n = {CASES}", exact=True)).to_be_visible()
    stratified = page.url
    assert "cohort=hospital" in stratified

    # a patient of a group, its slide, and back
    page.get_by_role("radio", name="High risk").click()
    members = page.locator("[data-testid=stDataFrame]").filter(has_text="Percentile")
    first_row_of(page, members)
    opened = page.locator("button").filter(has_text=re.compile("Open HOSP-"))
    expect(opened).to_be_enabled()
    (patient,) = re.findall(r"HOSP-\d+", opened.inner_text())
    opened.click()
    expect(page).to_have_url(re.compile(rf"case=cohort.*{patient}"))
    press(page, "Back to hospital")
    expect(page.get_by_text("Number at risk at the start of each interval")).to_be_visible()

    # the patient whose slide was in the zip
    (cohort,) = app_home.glob("cohorts/*/hospital-*")
    page.goto(f"{app_url}/slide_attention?case=cohort:{cohort.name}:HOSP-0001")
    page.locator(".viewer[data-map]").first.wait_for()

    # the bundle, and its command
    page.goto(stratified)
    with page.expect_download() as download:
        press(page, "Bundle (ZIP)")
    bundle = tmp_path / "bundle.zip"
    download.value.save_as(bundle)
    again = CliRunner().invoke(
        cli, ["reproduce", str(bundle), "--checkpoint", str(CHECKPOINT), "--cohort", str(cohort), "--json"]
    )
    assert again.exit_code == 0, again.output
    found = json.loads(again.stdout)
    assert found["differ"] == []
    assert found["n_numbers"] > 10 * CASES
