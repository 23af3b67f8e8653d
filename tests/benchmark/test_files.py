"""What is written: JSON, CSV, Markdown, and a page that needs no network."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from survviz.benchmark.board import Board
from survviz.benchmark.tables import as_csv, as_markdown, write_tables

ROOT = Path(__file__).parents[2]


def test_every_line_stands_in_every_file(board: Board, tmp_path: Path) -> None:
    files = write_tables(board, tmp_path)
    assert [path.suffix for path in files] == [".json", ".csv", ".md", ".html"]
    names = [row.name for row in board.cohorts[0].rows]
    assert [row["name"] for row in json.loads(files[0].read_text())["cohorts"][0]["rows"]] == names
    assert [row["entry"] for row in csv.DictReader(io.StringIO(as_csv(board)))] == names
    for name in names:
        assert f"| {name} |" in as_markdown(board)


def test_json_holds_no_nan(board: Board, tmp_path: Path) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    json.loads(write_tables(board, tmp_path)[0].read_text(), parse_constant=refuse)


@pytest.mark.browser
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1280), ("light", 400)])
def test_the_page_is_drawn_without_network(
    board: Board, tmp_path: Path, chromium: str, scheme: str, width: int
) -> None:
    page_file = write_tables(board, tmp_path)[-1]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium)
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True)
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda request: problems.append(request.url) if "http" in request.url[:4] else None)
        page.goto(page_file.as_uri())
        page.wait_for_selector(".js-plotly-plot .point")
        labels = page.locator(".ytick text").all_text_contents()
        ink = page.locator(".ytick text").first.evaluate("one => getComputedStyle(one).fill")
        overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        browser.close()
    assert problems == []
    assert {row.name for row in board.cohorts[0].rows if row.scores} == set(labels)
    assert ink == ("rgb(232, 234, 237)" if scheme == "dark" else "rgb(27, 31, 36)")
    assert overflow <= 0


def test_the_verb_prints_the_table_and_fails_when_a_cell_failed(suite_file: Path, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "survviz.cli",
        "benchmark",
        str(suite_file),
        "--out",
        str(tmp_path),
        "--workers",
        "0",
    ]
    run = subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    assert run.returncode == 1
    assert "| Cox on clinic |" in run.stdout
    assert "broken: 4 of 4 folds failed" in run.stderr
    assert "Traceback" not in run.stderr
