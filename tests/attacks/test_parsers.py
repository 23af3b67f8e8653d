"""What fuzzing found (benchmarks/fuzz), kept small: each was an error in a language that no person speaks."""

from __future__ import annotations

import base64
import json
import math
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import tifffile

from survviz.data.annotations import annotations_of
from survviz.data.strict_json import read_strict_json
from survviz.data.tables import read_matrix
from survviz.data.token_files import read_tokens
from survviz.errors import InputError, PrivacyError, SlideError, SurvvizError
from survviz.figures.dicom_source import WHOLE_SLIDE, made_grid, source_grids
from survviz.jobs.queue import list_jobs
from survviz.jobs.state import JobStatus, new_id, read_state, write_state
from survviz.pipeline.recipe import Recipe, SlideFile
from survviz.privacy.ledger_file import DATABASE, open_folder
from survviz.privacy.plan_file import read_plan
from survviz.server.auth import new_owner
from survviz.server.folders import allowed_path
from survviz.study.design import load_study
from survviz.types import Notice
from survviz.workspace import workspace
from survviz.wsi.tiff_backend import TiffBackend
from survviz.wsi.tiff_directories import check_chain

SQUARE = [[0, 0], [9, 0], [9, 9], [0, 0]]


def feature(coordinates: Any, **properties: Any) -> dict[str, Any]:
    geometry = {"type": "Polygon", "coordinates": coordinates}
    return {"type": "Feature", "geometry": geometry, "properties": properties}


@pytest.mark.parametrize("point", [[], [1], {}, [10**400, 0], [None, 0], "x"])
def test_a_point_that_is_none_is_said(point) -> None:
    with pytest.raises(InputError, match="coordinates"):
        annotations_of([feature([[*SQUARE, point]])])


@pytest.mark.parametrize("colour", [[math.inf, 0, 0], [math.nan, 0, 0], "red", [1, 2]])
def test_a_colour_that_is_none_is_said(colour) -> None:
    with pytest.raises(InputError, match="colour"):
        annotations_of([feature([SQUARE], color=colour)])


@pytest.mark.parametrize("text", ['"\\ud800"', '{"a": "\\uDFFFx"}', "[" * 100_000, "{", b"\xed\xa0\x80", b"\xff"])
def test_json_that_cannot_be_written_again_is_refused(text) -> None:
    with pytest.raises(ValueError, match=r"half of a character|nested|Expecting|decode"):
        read_strict_json(text)


def test_json_of_whole_characters_is_read() -> None:
    assert read_strict_json('"\\ud83d\\ude00\\\\ud800"') == "\U0001f600\\ud800"


def test_properties_that_json_cannot_hold_are_left_out() -> None:
    (found,), _ = annotations_of([feature([SQUARE], stain=math.nan, other=[1, {"x": math.inf}], kept=2)])
    assert found.more == {"kept": 2}


@pytest.mark.parametrize("path", ["a\0b.svs", "~nobody-of-this-name/a.svs", "a" * 5000 + ".svs", "/" + "a/" * 3000])
def test_a_path_that_is_none_is_refused_in_words(path) -> None:
    with pytest.raises(InputError, match=r"no path of a file|outside the folders"):
        allowed_path(new_owner(), path)


@pytest.mark.parametrize("text", ["gene\nTP53\n", "case_id,TP53\n"])
def test_a_matrix_without_rows_or_columns_is_said(tmp_path: Path, text: str) -> None:
    path = tmp_path / "rna.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=r"rna\.csv"):
        read_matrix(path)


def test_tokens_whose_header_is_no_python_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "tokens.npy"
    np.save(path, np.ones((2, 3), np.float32))
    path.write_bytes(path.read_bytes().replace(b"{'descr'", b"(('descr'"))
    with pytest.raises(InputError, match="cannot be read"):
        read_tokens(path)


def test_tokens_that_declare_more_than_the_file_holds_take_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "tokens.npy"
    np.save(path, np.ones((1000, 1000), np.float32))
    path.write_bytes(path.read_bytes()[:4000].replace(b"(1000, 1000)", b"(9000, 9999)"))
    with pytest.raises(InputError, match="cannot be read"):
        read_tokens(path)
    archive = tmp_path / "tokens.npz"
    np.savez(archive, a=np.ones(3))
    with pytest.raises(InputError, match="archive of arrays"):
        read_tokens(archive)


@pytest.fixture
def tiff(tmp_path: Path) -> Path:
    path = tmp_path / "slide.tif"
    with tifffile.TiffWriter(path) as file:
        for _ in range(3):
            file.write(np.zeros((64, 64, 3), np.uint8), tile=(32, 32), photometric="rgb", metadata=None)
    return path


def test_directories_that_lead_in_a_circle_are_refused_at_once(tiff: Path) -> None:
    with tifffile.TiffFile(tiff) as file:
        last, first = file.pages[2], file.pages[0]
        assert isinstance(last, tifffile.TiffPage)
        where = last.offset + 2 + 12 * len(last.tags)
        back = first.offset
    check_chain(tiff)
    content = bytearray(tiff.read_bytes())
    content[where : where + 4] = back.to_bytes(4, "little")
    tiff.write_bytes(content)
    for look in (check_chain, TiffBackend):
        with pytest.raises(SlideError, match=r"slide\.tif is damaged: its list of images leads in a circle"):
            look(tiff)


@pytest.mark.parametrize("head", [b"II*\0", b"MM\0*", b"II+\0\x08\0\0\0" + b"\xff" * 8, b"II*\0" + b"\xff" * 4])
def test_a_chain_that_leads_out_of_the_file_ends_there(tmp_path: Path, head: bytes) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(head + b"\x10" * 40)
    check_chain(path)


def test_a_block_without_a_count_is_said(tiff: Path) -> None:
    content = bytearray(tiff.read_bytes())
    with tifffile.TiffFile(tiff) as file:
        page = file.pages[0]
        assert isinstance(page, tifffile.TiffPage)
        at = page.tags["TileByteCounts"].offset + 4
    content[at : at + 8] = (1).to_bytes(4, "little") + content[at + 4 : at + 8]
    tiff.write_bytes(content)
    with pytest.raises(SlideError, match=r"slide\.tif"):
        TiffBackend(tiff).read(0, 0, 0, 64, 64)


@pytest.fixture
def dicom_level(tmp_path: Path) -> Path:
    header = made_grid("case", "slide", (4096, 4096), 0.5, 256).header
    header.SOPClassUID, header.SOPInstanceUID = WHOLE_SLIDE, "1.2.3.4"
    header.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    header.file_meta = pydicom.dataset.FileMetaDataset()
    header.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    header.file_meta.MediaStorageSOPClassUID = header.SOPClassUID
    header.file_meta.MediaStorageSOPInstanceUID = header.SOPInstanceUID
    path = tmp_path / "level.dcm"
    pydicom.dcmwrite(path, header, enforce_file_format=True)
    return path


def test_a_whole_dicom_header_is_read(dicom_level: Path) -> None:
    assert len(source_grids(dicom_level, "case", "slide", (4096, 4096))) == 1


@pytest.mark.parametrize(
    "damage",
    [
        lambda header: header.__delattr__("DimensionOrganizationType"),
        lambda header: header.TotalPixelMatrixOriginSequence[0].__delattr__("XOffsetInSlideCoordinateSystem"),
        lambda header: header.SharedFunctionalGroupsSequence[0].__delattr__("PixelMeasuresSequence"),
        lambda header: setattr(header, "TotalPixelMatrixOriginSequence", []),
        lambda header: setattr(header, "TotalPixelMatrixColumns", 0),
        lambda header: setattr(header, "ImageOrientationSlide", ["0", "-1"]),
    ],
)
def test_a_damaged_dicom_header_is_an_error_in_words(dicom_level: Path, damage) -> None:
    header = pydicom.dcmread(dicom_level)
    damage(header)
    pydicom.dcmwrite(dicom_level, header, enforce_file_format=True)
    with pytest.raises(InputError, match=r"DICOM header of level\.dcm is damaged"):
        source_grids(dicom_level, "case", "slide", (4096, 4096))


CUT_INSIDE_A_SEQUENCE = (
    "eNrVVFtPE0EUPi0tbAySpSSGGEImxgckOJn7zvBgFqHKJtsubqkJppFL24cmSAkVEvwDvnp58ef5S9Sz0w2ID74aZ7Nzzpn5zu3b0wL827WT"
    "bLeqKLtpDb6hrEIFsueFxFWpouwmq8CpoFYxyhljlmrKqcKX0yjCzVRhBlGBR0mq0CdEu/GHF1p408CblemNMBTvqDSWMSWppcohCjFL0Nld"
    "gL0DrC1rEYkoQQKowz0sKelkh0lOuBMBBLCCJ1mevEzaW2lvL09aW/lB73WWdlvNXjtrNwN4AKuI+Xv9ASxjLLipPwDiuQmAlXKvlEeel04r"
    "gE/+JMRnFmX/eDJ8S0L0q5VWWPqGEHvZgBN/d9DskAb04RHqk8uLq6vRh01yPhleDsZn1+/I+Oz0eoOcjcng+P1wQgjchw1ECio0VVoYyQQT"
    "XGptmFYyctoIZ4S1UgmpOOOCYw0Ltz7cOCWdtVoxYZTgmhnEWu2cQC64YdI6FjmCdRaLQH7r62yED9eRiCRXnEcWM0jFlDbWRhGaznGHPnE4"
    "X7CSJjvNw+0sbzdzAotfi6+1n6TNncMX3TRdQ/YK7jhZw1zT6VqDxVKLoVEveJycjgZDEsNSvTiOYbn+DOWPn/DdeP6hUkRVUipjGJM4FdVK"
    "wWpnex/1WqXoojXqX4wn/fH5kPhwMRzV35RRch/11Z1c+/WbjoVzyirNIu6ktppZE0VOWsOVNNg6k1IjZSKGk7K+sAgEuzgDNd9Hoc/9pgfw"
    "uMy84vHrH2d9LqYsZt6cu7V2sZOHaDHKek85bncUfBExM1ObBgbIn3zZLCMLlMjp5/X/4y+krLqY/2X8Xc1Oe2YK54LBfGnZnt/JLwO0qOE="
)
"""Found by `benchmarks.fuzz`: pydicom reads a sequence when it is asked for, and finds the end of the file in a tag."""


@pytest.mark.filterwarnings("ignore:.*VR:UserWarning")
def test_a_dicom_header_that_ends_inside_a_tag_is_an_error_in_words(tmp_path: Path) -> None:
    path = tmp_path / "level.dcm"
    path.write_bytes(zlib.decompress(base64.b64decode(CUT_INSIDE_A_SEQUENCE)))
    with pytest.raises(InputError, match=r"DICOM header of level\.dcm is damaged"):
        source_grids(path, "case", "slide", (4096, 4096))


def test_a_dicom_file_without_a_series_stands_alone(dicom_level: Path) -> None:
    header = pydicom.dcmread(dicom_level)
    del header.SeriesInstanceUID
    pydicom.dcmwrite(dicom_level, header, enforce_file_format=True)
    with pytest.raises(InputError, match="damaged or incomplete"):
        source_grids(dicom_level, "case", "slide", (4096, 4096))


def test_a_recipe_comes_back_as_it_was_written_and_a_damaged_one_is_said(tmp_path: Path) -> None:
    path = tmp_path / "recipe.json"
    slides = {"a": SlideFile("a.svs", 0.5), "b": SlideFile("b.svs")}
    row = {"Age": 61.5, "Sex": "female", "Stage": None, "Code": "12"}
    recipe = Recipe(
        "A", slides, ("a.h5",), "rna.csv", row, (Notice("warning", "slide.mpp", "x"),), None, {"rna": "tpm"}
    )
    recipe.write(path)
    assert Recipe.read(path) == recipe
    whole = json.loads(path.read_text())
    for damaged in ("", "[]", "{}", '"\\ud800"', json.dumps({**whole, "slides": []}), json.dumps({**whole, "rna": 1})):
        path.write_text(damaged)
        with pytest.raises(InputError, match=r"recipe\.json"):
            Recipe.read(path)
    path.write_bytes(b"\xff")
    with pytest.raises(InputError, match=r"recipe\.json"):
        Recipe.read(path)


def test_a_job_whose_state_is_damaged_hides_no_other_one() -> None:
    owner, folders = new_owner(), [workspace("jobs", new_id()) for _ in range(4)]
    for folder in folders:
        write_state(folder, JobStatus(folder.name, "maps", "done", owner=owner, result={"path": "x", "n": 1.5}))
    assert read_state(folders[0]) == JobStatus(
        folders[0].name, "maps", "done", owner=owner, result={"path": "x", "n": 1.5}
    )
    for folder, content in zip(folders[1:], (b"", b"[1]", b'{"id": 3, "kind": null}'), strict=True):
        (folder / "state.json").write_bytes(content)
        with pytest.raises(InputError, match="is damaged"):
            read_state(folder)
    assert [job.id for job in list_jobs(owner)] == [folders[0].name]


@pytest.mark.parametrize("where", [0, 16, 100])
def test_a_damaged_ledger_is_refused_and_never_reset(tmp_path: Path, where: int) -> None:
    folder = tmp_path / "ledger"
    open_folder(folder)
    content = bytearray((folder / DATABASE).read_bytes())
    content[where : where + 60] = b"\xff" * 60
    (folder / DATABASE).write_bytes(content)
    with pytest.raises(PrivacyError, match="nobody knows what was spent"):
        open_folder(folder)
    assert (folder / DATABASE).read_bytes() == content, "what is left is kept for who mends it"


@pytest.mark.parametrize("content", ["1", "[]", "[" * 50_000, "{", '{"coordinates": 1}'])
def test_plans_and_studies_that_are_none_are_said(tmp_path: Path, content: str) -> None:
    path = tmp_path / "plan.json"
    path.write_text(content)
    for read in (read_plan, load_study):
        with pytest.raises(SurvvizError, match=r"plan\.json"):
            read(path)
