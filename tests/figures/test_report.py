"""The case report: the same words in HTML and PDF, nothing from elsewhere, nothing of a person but the pseudonym."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pypdf
import pytest

from survviz.figures.figure import Panel, figure
from survviz.figures.patch_map import RESEARCH_USE, PatchMap
from survviz.figures.report import PatchPicture, Report, Section, clean_table, estimate_words, survival_sheet
from survviz.figures.report_html import report_html
from survviz.figures.report_pdf import report_pdf
from survviz.figures.sheet import Path, to_svg
from survviz.types import Notice, Prediction

GREY = np.full((120, 180, 3), 220, np.uint8)


@pytest.fixture
def report(prediction: Prediction, patch_map: PatchMap) -> Report:
    """A report with every kind of part."""
    sections = (
        Section("Attention of Stage", ("A remark.",), (figure([Panel(GREY, (96, 64), patch_map)]),)),
        Section("Patches", patches=tuple(PatchPicture(GREY, f"rank {i} · 8.4×") for i in range(5))),
        Section(
            "Regions", table=clean_table("Share of attention", ["class", "share"], [["tumour", 0.51234], ["stroma"]])
        ),
    )
    notices = (Notice("warning", "x", "The slide is coarser than the model wants."),)
    return Report(
        "CASE-1", "demo", prediction, notices, sections, ("Slide S-1, 0.5 µm per pixel (declared by the file)",)
    )


def words_of_html(report: Report) -> str:
    """What a reader of the HTML sees."""
    words: list[str] = []

    class Reader(HTMLParser):
        def handle_data(self, data: str) -> None:
            words.append(data)

    Reader().feed(report_html(report))
    return " ".join(" ".join(words).split())


def words_of_pdf(report: Report) -> str:
    """What a reader of the PDF sees; lines are joined."""
    pages = pypdf.PdfReader(io.BytesIO(report_pdf(report))).pages
    return " ".join(" ".join(page.extract_text() for page in pages).split())


EXPECTED = (
    "Case CASE-1",
    "Warning: The slide is coarser than the model wants.",
    "Risk -2.000 (standard deviation 0.141 over 2 models): higher than 73 % of the training cohort, high group.",
    "Survival at 12 months: 85 ± 7 %.",
    "Survival at 120 months: undefined, beyond follow-up.",
    "A remark.",
    "attention clinic → pathology",
    "≥ 16×",
    "rank 4 · 8.4×",
    "0.5123",
    "a lower bound of the uncertainty",
    "0.5 µm per pixel (declared by the file)",
    "Checkpoint demo. survviz",
    "Model estimate, not a prognosis.",
    RESEARCH_USE,
)


@pytest.mark.parametrize("words_of", [words_of_html, words_of_pdf])
def test_report_says_everything_in_both_forms(report: Report, words_of: Callable[[Report], str]) -> None:
    words = words_of(report)
    assert [expected for expected in EXPECTED if expected not in words] == []
    assert "cause" not in words


def test_html_needs_nothing_from_elsewhere(report: Report) -> None:
    page = report_html(report)
    found = re.findall(r"(?:src|href|action|data|poster)\s*=\s*\"([^\"]*)\"|url\(([^)]*)\)|@import", page)
    assert found
    assert all("".join(address).startswith(("data:", "#")) for address in found)
    assert "<script" not in page
    assert "default-src 'none'" in page


def test_names_inside_the_drawings_of_a_page_are_unique(report: Report) -> None:
    names = re.findall(r" id=\"([^\"]+)\"", report_html(replace(report, sections=report.sections * 2)))
    assert len(names) == len(set(names))


def test_pdf_embeds_its_fonts_and_carries_the_research_line_on_every_page(report: Report) -> None:
    document = pypdf.PdfReader(io.BytesIO(report_pdf(replace(report, sections=report.sections * 3))))
    assert len(document.pages) > 2
    fonts: list[dict] = []
    for page in document.pages:
        assert RESEARCH_USE in page.extract_text(
            visitor_text=lambda text, _a, _b, font, _c: fonts.append(font) if text.strip() and font else None
        )
    assert {font["/BaseFont"][8:] for font in fonts} == {"DejaVuSans", "DejaVuSans-Bold"}
    assert all("/FontFile2" in font["/FontDescriptor"].get_object() for font in fonts)


def test_same_report_is_the_same_file_and_holds_no_date(report: Report) -> None:
    assert report_pdf(report) == report_pdf(report)
    assert report_html(report) == report_html(report)
    assert not re.search(r"20[2-9]\d-\d\d", words_of_html(report))


def test_words_of_strangers_are_shown_not_run(report: Report) -> None:
    evil = "<script>alert(1)</script>"
    section = Section(evil, (evil,), patches=(PatchPicture(GREY, evil),), table=clean_table(evil, [evil], [[evil]]))
    hostile = replace(report, case_id=evil, sections=(section,))
    assert "<script" not in report_html(hostile)
    assert evil in words_of_pdf(hostile)


def test_report_without_an_estimate_says_nothing_about_risk(report: Report) -> None:
    bare = replace(report, prediction=None, notices=(), sections=())
    assert "training cohort, high group" not in words_of_html(bare)
    assert RESEARCH_USE in words_of_pdf(bare)


def test_curve_is_the_mean_and_the_band_the_range_of_the_models(prediction: Prediction) -> None:
    band, curve = (shape for shape in survival_sheet(prediction).shapes if isinstance(shape, Path))
    assert len(band.points) == 2 * len(prediction.times)
    assert len(curve.points) == len(prediction.times)
    (x0, y0), (x1, y1) = curve.points[0], curve.points[-1]
    drop = (y1 - y0) / (1 - prediction.survival[-1])  # pixels from 100 % to 0 %
    heights = np.array([y for _, y in band.points[: len(prediction.times)]])
    np.testing.assert_allclose((heights - y0) / drop, 1 - prediction.survival_per_fold.max(axis=0), atol=1e-9)
    assert x1 > x0


def test_one_model_has_no_band_and_no_spread(prediction: Prediction) -> None:
    single = replace(
        prediction,
        folds=(0,),
        risk_per_fold=prediction.risk_per_fold[:1],
        survival_per_fold=prediction.survival_per_fold[:1],
    )
    assert "standard deviation" not in estimate_words(single)[0]
    assert "band" not in to_svg(survival_sheet(single))


def test_table_of_a_browser_is_made_harmless() -> None:
    table = clean_table({"no": "words"}, ["a", "b"], [[1, 0.123456, "extra"], "row", [None]] + [["x", "y"]] * 500)
    assert table.rows[0] == ("1", "0.1235")
    assert all(len(row) == 2 for row in table.rows)
    assert len(table.rows) <= 200
    assert len(clean_table("w" * 10_000, ["c" * 1000], []).caption) == 600
