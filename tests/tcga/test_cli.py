"""`survviz tcga` from a folder and from a server, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from survviz.data.cohort import load_cohort
from survviz.units import bytes_in_words

from .conftest import Download, Server

ROOT = Path(__file__).parents[2]


def survviz(*arguments: object) -> subprocess.CompletedProcess[str]:
    """`survviz tcga --project TCGA-KIRC ...`."""
    command = [sys.executable, "-m", "survviz.cli", "tcga", "--project", "TCGA-KIRC", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)


def test_a_folder_becomes_a_cohort_without_a_network(gdc: Download, tmp_path: Path) -> None:
    for number in range(3):
        gdc.patient(number)
    gdc.write_lists()
    run = survviz("--from", gdc.folder, "--out", tmp_path / "kirc", "--json", "--api", "http://127.0.0.1:9")
    assert run.returncode == 0, run.stderr
    said = json.loads(run.stdout)["cohort"]
    assert (said["n_cases"], said["n_events"], said["tables"]) == (3, 2, {"clinical": 3, "rna": 3, "mirna": 3})
    assert len(load_cohort(tmp_path / "kirc")) == 3


def test_list_says_what_a_folder_or_a_project_has(gdc: Download, server: Server, tmp_path: Path) -> None:
    for number in range(3):
        gdc.patient(number)
    gdc.add("slides", "TCGA-B0-0001-01Z-00-DX1", b"svs")
    gdc.write_lists()
    here = survviz("--from", gdc.folder, "--list")
    assert here.stdout.splitlines()[0].startswith("RNA (STAR gene counts): 3 files of 3 patients, 0.1 MB")
    there = survviz("--list", "--api", server.api, "--json")
    assert [(one["kind"], one["files"]) for one in json.loads(there.stdout)] == [
        ("rna", 3),
        ("mirna", 3),
        ("slides", 1),
    ]
    assert server.asked == [], "nothing is downloaded"


def test_a_project_is_downloaded_and_built(gdc: Download, server: Server, tmp_path: Path) -> None:
    for number in range(3):
        gdc.patient(number)
    gdc.add("slides", "TCGA-B0-0001-01Z-00-DX1", b"svs")
    out = tmp_path / "kirc"
    run = survviz("--out", out, "--api", server.api, "--slides")
    assert run.returncode == 0, run.stderr
    assert "7 files" in run.stderr
    assert "3 patients, 2 deaths; clinical 3, rna 3, mirna 3, pathology 1" in run.stdout
    cohort = load_cohort(out)
    assert Path(cohort.slides["path"].iloc[0]).read_bytes() == b"svs"
    again = survviz("--out", out, "--api", server.api)
    assert again.returncode == 2
    assert "already holds a cohort" in again.stderr


def test_large_downloads_and_slides_must_be_asked_for(gdc: Download, server: Server, tmp_path: Path) -> None:
    gdc.patient(1)
    whole = server.page

    def huge(endpoint: str, question: dict) -> dict:
        answer = whole(endpoint, question)
        for hit in answer["data"]["hits"]:
            hit["file_size"] = 2_000_000_000
        return answer

    server.page = huge
    run = survviz("--out", tmp_path / "a", "--api", server.api)
    assert run.returncode == 2
    assert "2 files, 4.0 GB, to download" in run.stderr
    assert "Add --yes" in run.stderr
    assert server.asked == []
    run = survviz("--out", tmp_path / "a", "--api", server.api, "--modalities", "rna,slides")
    assert run.returncode == 2
    assert "Add --slides" in run.stderr


def test_mistakes_are_said_in_words(tmp_path: Path) -> None:
    for arguments, words in (
        (("--out", tmp_path / "a", "--api", "http://127.0.0.1:9"), "cannot be reached"),
        (("--from", tmp_path / "nowhere", "--out", tmp_path / "a"), "is not a folder"),
        (("--from", tmp_path), "No --out was given"),
        (("--list", "--modalities", "proteins"), "Unknown modality of TCGA"),
    ):
        run = survviz(*arguments)
        assert run.returncode == 2, run.stderr
        assert words in run.stderr
        assert "Traceback" not in run.stderr
    assert bytes_in_words(2_600_000_000) == "2.6 GB"
