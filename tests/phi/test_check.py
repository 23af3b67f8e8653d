"""What is found in files, and that a report does not repeat it."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest
from typer.testing import CliRunner

from survviz.cli.app import app
from survviz.errors import InputError
from survviz.phi import check_paths

SHARED_SLIDES = Path("slides")
SECRETS = ("Roe", "Jane", "jdoe", "1950", "12345", "0047110815", "SS7042", "Weber", "PATHOLOGY")


def codes(path: Path) -> dict[str, str]:
    """Code -> the place of its first finding."""
    found: dict[str, str] = {}
    for one in check_paths([path]):
        found.setdefault(one.code, one.where)
    return found


def test_everything_that_aperio_writes_of_a_person_is_found(aperio: Path) -> None:
    found = codes(aperio)
    assert {
        "label-image": "page 1, 80 x 60 pixels",
        "macro-image": "page 2, 80 x 60 pixels",
        "serial-number": "ScanScope ID in ImageDescription of page 0",
        "institution": "HostComputer of page 0",
        "accession-number": "Filename in ImageDescription of page 0",
        "birth-date": "Title in ImageDescription of page 0",
    }.items() <= found.items()
    assert {"name", "person", "date"} <= found.keys()


def test_a_report_masks_values_unless_it_is_asked_for_them(aperio: Path) -> None:
    masked = json.dumps([one.to_json() for one in check_paths([aperio])])
    assert not [word for word in SECRETS if word in masked]
    shown = json.dumps([one.to_json() for one in check_paths([aperio], show=True)])
    assert "Jane" in shown


def test_folders_in_attributes_of_features_are_found(features: Path) -> None:
    found = [one for one in check_paths([features]) if one.code == "path"]
    assert {one.where for one in found} == {"attribute savedir of /coords", "link /elsewhere"}
    assert all("jdoe" not in one.value for one in found)


def test_columns_are_judged_by_heading_and_by_values(table: Path) -> None:
    found = {one.code: one for one in check_paths([table])}
    assert found["name"].where == "column Last Name"
    assert (found["birth-date"].where, found["birth-date"].count) == ("column date_of_birth", 2)
    assert found["contact"].where == "column remark"
    assert len(found) == 3


def test_identifying_attributes_of_dicom_are_found(write_dicom: Callable[..., Path]) -> None:
    found = codes(write_dicom())
    assert found["name"] == "PatientName"
    assert found["birth-date"] == "PatientBirthDate"
    assert found["record-number"] == "PatientID"
    assert found["accession-number"] == "AccessionNumber"
    assert found["date"] == "StudyDate"
    assert found["burned-in"] == "BurnedInAnnotation"
    assert {"label-image", "private-attribute", "uid"} <= found.keys()


def test_a_dicom_file_without_its_ending_is_still_known(write_dicom: Callable[..., Path]) -> None:
    assert codes(write_dicom("00000001"))["name"] == "PatientName"


def test_pictures_tell_who_when_and_where(photograph: Path) -> None:
    assert {"person", "date", "place"} == codes(photograph).keys()


def test_workbooks_tell_their_author_and_their_columns(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.properties.creator = "Maria Weber"
    sheet = book.worksheets[0]
    sheet.append(["case", "Patient Name"])
    sheet.append(["P1", "Roe, Jane"])
    book.save(tmp_path / "book.xlsx")
    found = codes(tmp_path / "book.xlsx")
    assert found["person"] == "creator of the document"
    assert found["name"] == "column Patient Name of sheet Sheet"


def test_names_in_an_archive_are_read_but_not_what_is_inside(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "tables.zip", "w") as archive:
        archive.writestr("Jane Roe.csv", "x\n")
    assert {"name", "not-checked"} == codes(tmp_path / "tables.zip").keys()


def test_a_folder_is_walked_and_its_own_names_count(tmp_path: Path, aperio: Path) -> None:
    inner = tmp_path / "clinic" / "Jane Roe"
    inner.mkdir(parents=True)
    aperio.rename(inner / "a.svs")
    found = check_paths([tmp_path / "clinic"])
    assert any(one.where == "name of a folder" for one in found)
    assert {one.file for one in found} == {"J••• R••/a.svs"}


def test_files_that_cannot_be_read_are_said_to_be_unchecked(tmp_path: Path) -> None:
    (tmp_path / "broken.svs").write_bytes(b"II*\0" + bytes(200))
    (tmp_path / "broken.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    (tmp_path / "odd.xyz").write_bytes(b"1")
    found = check_paths([tmp_path])
    assert {(one.file, one.code) for one in found} == {
        ("broken.svs", "not-checked"), ("broken.h5", "not-checked"), ("odd.xyz", "not-checked")
    }  # fmt: skip


def test_xml_with_entities_is_not_expanded(tmp_path: Path) -> None:
    from survviz.phi.tiff import of_text

    bomb = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><x><Operator>&b;</Operator></x>'
    assert not list(of_text(bomb, "here", "f", show=True))


def test_philips_embeds_label_and_macro_in_xml() -> None:
    from survviz.phi.tiff import of_text

    xml = """<DataObject ObjectType="DPUfsImport"><Attribute Name="PIM_DP_UFS_BARCODE">Uk9FIEpBTkU=</Attribute>
    <Attribute Name="DICOM_ACQUISITION_DATETIME">20191229100000.000000</Attribute>
    <Attribute Name="PIM_DP_IMAGE_TYPE">LABELIMAGE</Attribute><Attribute Name="PIM_DP_IMAGE_DATA">AAAA</Attribute>
    <Attribute Name="PIIM_DP_SCANNER_OPERATOR_ID">jdoe</Attribute></DataObject>"""
    assert {one.code for one in of_text(xml, "here", "f", show=False)} == {"barcode", "date", "label-image", "person"}


def test_the_sample_data_name_nobody() -> None:
    found = check_paths([Path(__file__).parents[2] / "sample_data"])
    assert not found


@pytest.mark.real
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("CMU-1-Small-Region.svs", {"label-image", "macro-image", "date", "serial-number", "person", "uid"}),
        ("TCGA-CR-7395-01A-01-TS1.svs", set()),
        ("test3-DAPI-2-387.ndpi", {"macro-image", "date", "serial-number"}),
        ("small_vectra.qptiff", {"label-image", "institution", "date"}),
        ("sm_image.dcm", {"name", "birth-date", "record-number", "accession-number", "person", "date", "serial-number",
                          "uid"}),
    ],
)  # fmt: skip
def test_real_slides_tell_what_they_tell(shared_data: Path, name: str, expected: set[str]) -> None:
    assert codes(shared_data / "slides" / name).keys() == expected


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["phi", *map(str, arguments)], catch_exceptions=False)
    return result.exit_code, result.stdout


def test_the_command_fails_where_something_was_found(aperio: Path, tmp_path: Path) -> None:
    code, said = run(aperio)
    assert code == 1
    assert "Labels show names" in said
    assert not [word for word in SECRETS if word in said]
    (tmp_path / "clean.csv").write_text("id,grade\nP1,high\n")
    code, said = run(tmp_path / "clean.csv")
    assert code == 0
    assert "Nothing was found" in said


def test_the_command_writes_json(table: Path) -> None:
    code, said = run(table, "--json")
    document = json.loads(said)
    assert code == 1
    assert (document["found"], document["values"]) == (3, "masked")
    assert {"what", "where", "why", "done"} <= document["findings"][0].keys()


def test_a_path_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no file or folder"):
        check_paths([tmp_path / "nowhere"])
