"""Nothing that a file says of a person leaves: planted words are looked for in the bytes of every export."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pydicom
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from survviz.figures.dicom import bulk_annotations, parametric_map
from survviz.figures.dicom_slide import overview_image
from survviz.figures.dicom_source import made_grid, slide_grid
from survviz.figures.patch_map import PatchMap, Provenance
from survviz.server import register_maps, register_slide, routes, store
from survviz.server.auth import cookie_name, new_owner, sign_owner
from survviz.server.reports import register_report
from survviz.server.slides import slide_cache
from survviz.types import Notice, PatchScores
from tests.phi.canaries import (
    ANY,
    CASE,
    FOLDER,
    HEADER,
    NUMBER,
    PRIVATE,
    STEM,
    leaks,
    personal_features,
    personal_slide,
    shows_label,
)

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "sample_data"
DEMO = ROOT / "checkpoints" / "demo-survpgc"
SIDE = 256
EXPORTS = (
    "export/{values}/tiles.geojson.gz", "export/{values}/top.geojson", "export/{values}/maps.csv",
    "export/{values}/figure.png", "export/{values}/figure.svg", "export/{values}/parametric_map.dcm",
    "export/{values}/annotations.dcm", "export/{values}/dicom.zip", "montage/{values}.png",
    "report/{report}.html", "report/{report}.pdf",
)  # fmt: skip


@pytest.fixture
def slide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A real pyramid whose folder, name, tags and label say who it is of."""
    monkeypatch.setenv("SURVVIZ_SLIDES", str(tmp_path))
    return personal_slide(next((SAMPLE / "slides").glob("SV07-0001*.tif")), tmp_path / FOLDER)


@pytest.fixture
def browser(slide: Path) -> Iterator[Callable[[str], Any]]:
    """Asks for an export of a registered map as its owner."""
    owner = new_owner()
    index = np.arange(24)
    values = np.random.default_rng(0).dirichlet(np.ones(24))
    coords = np.stack([index % 6, index // 6], axis=1) * SIDE
    scores = PatchScores(
        "attention", "clinical", "pathology", "Stage", STEM, values, values[None], coords, SIDE, 24, "W."
    )
    view = register_slide(owner, slide, mpp=None)
    shown = dict(register_maps(owner, [scores], slide=view["token"], case_id=CASE, checkpoint="demo")[0])
    notice = Notice("warning", "x", f"{STEM} of {CASE} is coarse.")
    report = register_report(owner, CASE, "demo", notices=[notice], slides=[STEM])
    with TestClient(Starlette(routes=routes()), cookies={cookie_name(): sign_owner(owner)}) as client:

        def ask(address: str) -> Any:
            item = json.dumps({"kind": "map", "token": shown["values"]})
            patches = json.dumps({"kind": "patches", "token": shown["values"]})
            path = address.format(values=shown["values"], report=report)
            return client.get(f"/sv/{path}", params={"item": [item, patches]})

        yield ask
    slide_cache().close()
    store.close()


def test_the_search_finds_what_is_planted(slide: Path) -> None:
    assert len(leaks(slide.read_bytes())) == 1
    assert leaks(json.dumps({"case": CASE}).encode())


@pytest.mark.parametrize("address", EXPORTS)
def test_exports_of_the_app_name_nobody(browser: Callable[[str], Any], address: str) -> None:
    answer = browser(address)
    assert answer.status_code == 200, answer.text
    assert not leaks(answer.content)
    assert not leaks(repr(answer.headers).encode())
    if address.endswith(".png"):
        assert not shows_label(answer.content)


def test_every_export_route_is_tried() -> None:
    known = {address.partition("/{")[0] + "/" + address.rpartition("}")[2].lstrip("/") for address in EXPORTS}
    paths = [str(getattr(route, "path", "")) for route in routes()]
    found = [path for path in paths if path.startswith(("/sv/export", "/sv/report", "/sv/montage"))]
    assert len(found) == len(known) == len(EXPORTS)


def test_what_the_browser_saves_itself_has_an_id_that_may_leave(slide: Path) -> None:
    view = register_slide(new_owner(), slide)
    assert view["slide_id"] == STEM
    assert not leaks(view["export_id"].encode())


def test_a_dicom_slide_lends_its_identifiers_and_nothing_else(tmp_path: Path) -> None:
    grid = made_grid("X", "X", (512, 512), 0.5, SIDE)
    made = overview_image(grid, np.full((grid.height, grid.width, 3), 220, np.uint8), 0.5)
    data = pydicom.dcmread(io.BytesIO(made))
    data.PatientName, data.PatientID, data.AccessionNumber = f"{HEADER}^A", NUMBER, NUMBER[:16]
    data.StudyDescription = data.SeriesDescription = data.InstitutionName = HEADER
    data.SpecimenDescriptionSequence[0].SpecimenIdentifier = data.ContainerIdentifier = NUMBER
    data.add_new((0x0009, 0x0010), "LO", "MAKER")
    data.add_new((0x0009, 0x1001), "LO", PRIVATE)
    path = tmp_path / FOLDER / "scan.dcm"
    path.parent.mkdir()
    data.save_as(path, enforce_file_format=True)
    assert leaks(path.read_bytes())
    coords = np.array([[0, 0], [256, 256]], np.int32)
    source = Provenance("CASE-1", "demo")
    shown = PatchMap("attention", "a", "b", "all", "S-1", np.ones(2, np.float32), coords, SIDE, provenance=source)
    lies_on = slide_grid(shown, path, "dicom", (512, 512), 0.5)
    assert lies_on.is_source
    for body in (parametric_map(shown, lies_on), bulk_annotations([replace(shown)], lies_on)):
        assert not leaks(body)
        assert pydicom.dcmread(io.BytesIO(body)).PatientID == "CASE-1"


def run(monkeypatch: pytest.MonkeyPatch, *words: object) -> None:
    """A verb of the command line."""
    import sys

    from survviz.cli import main

    monkeypatch.setattr(sys, "argv", ["survviz", *map(str, words)])
    with pytest.raises(SystemExit) as end:
        main()
    assert not end.value.code


@pytest.mark.slow
def test_files_of_the_command_line_name_nobody(
    slide: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    record = tmp_path / "record.csv"
    record.write_text("Age,Stage\n70,III\n")
    given = ("--checkpoint", DEMO, "--slide", slide, "--clinical", record, "--case", CASE)
    run(monkeypatch, "predict", *given, "--out", tmp_path / "predicted", "--anyway")
    run(monkeypatch, "explain", *given, "--dicom", "--report", "--out", tmp_path / "explained")
    run(monkeypatch, "explain", *given, "--attribution", "--method", "removal", "--out", tmp_path / "attributed")
    folders = [tmp_path / name for name in ("predicted", "explained", "attributed")]
    written = [path for folder in folders for path in folder.iterdir()]
    assert {path.suffix for path in written} >= {".json", ".csv", ".geojson", ".png", ".svg", ".dcm", ".html", ".pdf"}
    for path in written:
        assert not leaks(path.read_bytes()), path
        assert not leaks(path.name.encode())
        if path.suffix == ".png":
            assert not shows_label(path.read_bytes())


@pytest.mark.slow
def test_features_hold_the_slides_name_and_nothing_else_of_it(
    slide: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(monkeypatch, "extract", "--slide", slide, "--out", tmp_path / "features")
    (path,) = (tmp_path / "features").glob("*.h5")
    said: list[str] = []
    with h5py.File(path) as file:
        file.visititems(lambda name, node: said.extend(f"{key}={value}" for key, value in node.attrs.items()))
        said += [f"{key}={value}" for key, value in file.attrs.items()]
    words = " ".join(said).replace(STEM, "")
    assert not leaks(words.encode())
    assert not leaks(path.read_bytes().replace(STEM.encode(), b""))


@pytest.mark.slow
def test_a_scored_cohort_names_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from survviz.pipeline.cohort.bundle import bundle
    from survviz.pipeline.cohort.cbioportal import cbioportal_files, cbioportal_zip
    from survviz.pipeline.cohort.results import CohortResults
    from survviz.pipeline.cohort.stratification import StratifyPlan
    from tests.pipeline.cohort_folders import copy_of_sample

    folder = copy_of_sample(tmp_path / FOLDER, slice(0, 30))
    (folder / "features").unlink()  # a link to the bundled files
    shutil.copytree(SAMPLE / "features", folder / "features")
    feature_files = sorted((folder / "features").glob("*.h5"))
    for path in feature_files[1:]:
        personal_features(path)
    feature_files[0].write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(200))  # cannot be read: the reason must not say where
    out = tmp_path / "scored"
    run(monkeypatch, "infer", "--checkpoint", DEMO, "--cohort", folder, "--out", out)
    results = CohortResults.load(out)
    assert "error" in set(results.not_scored["kind"])
    leaving = {
        "bundle": bundle(results, StratifyPlan(groups="median")),
        "cbioportal": cbioportal_zip(cbioportal_files(results, "study")),
        "results": results.table.to_csv().encode(),
        "not scored": results.not_scored.to_csv().encode(),
    }
    assert {name: leaks(body) for name, body in leaving.items() if leaks(body)} == {}


def test_a_cohort_that_was_brought_names_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / FOLDER / "patients.csv"
    source.parent.mkdir()
    rows = [f"P{i},{3 + i},{i % 2},{50 + i}" for i in range(30)]
    source.write_text("\n".join(["id,OS_MONTHS,OS_STATUS,age", *rows]) + "\n")
    run(monkeypatch, "check", source, "--fix", "all-recommended", "--out", tmp_path / "cohort")
    for path in (one for one in (tmp_path / "cohort").rglob("*") if one.is_file()):
        assert not leaks(path.read_bytes(), ANY), path
