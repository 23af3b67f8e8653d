"""`survviz explain --dicom --report`: the app's exports on the command line."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pydicom
import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "checkpoints" / "demo-survpgc"
SAMPLE = ROOT / "sample_data"
CASE = "SV07-0001"


def test_explain_writes_dicom_and_a_report_that_open(survviz: Run, tmp_path: Path) -> None:
    slide = SAMPLE / "slides" / f"{CASE}-DX1.tif"
    run = survviz(
        "explain", "--checkpoint", DEMO, "--cohort", SAMPLE, "--case", CASE, "--dicom", "--report",
        "--out", tmp_path, "--json",
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    written = {Path(name).name for name in json.loads(run.stdout)["written"]}
    assert written == {path.name for path in tmp_path.iterdir()}
    files = {name: pydicom.dcmread(tmp_path / name) for name in written if name.endswith(".dcm")}
    heat, marks, overview = (
        files[f"{slide.stem}.{name}.dcm"] for name in ("clinical_to_pathology", "annotations", "overview")
    )
    assert heat.FrameOfReferenceUID == marks.FrameOfReferenceUID == overview.FrameOfReferenceUID
    table = pd.read_csv(tmp_path / "attention.csv")
    assert float(heat.pixel_array.max()) == pytest.approx(
        table["clinical_to_pathology:all:times_uniform"].max(), rel=1e-5
    )
    assert marks.AnnotationGroupSequence[0].NumberOfAnnotations == len(table)
    report = (tmp_path / "report.html").read_text()
    for words in ("Risk and survival", "The 12 highest patches, each 128 × 128 µm.", "For Research Use Only."):
        assert words in report
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")


def test_dicom_without_the_slide_is_refused_before_anything_is_computed(survviz: Run, tmp_path: Path) -> None:
    features = SAMPLE / "features" / f"{CASE}-DX1.h5"
    run = survviz(
        "explain", "--checkpoint", DEMO, "--features", features, "--kind", "contribution", "--dicom", "--out", tmp_path
    )
    assert run.returncode != 0
    assert "is not at hand. Give it with --slide" in " ".join(run.stderr.split())
    assert not list(tmp_path.iterdir())
