"""Names of files: which look like a person's, and under what they leave."""

from __future__ import annotations

import pytest

from survviz.phi.finding import mask
from survviz.phi.pseudonym import exported_id, looks_personal, without_ids
from survviz.phi.wording import personal_parts


@pytest.mark.parametrize(
    "name",
    [
        "TCGA-CR-7395-01A-01-TS1", "TCGA-06-0129-01Z-00-DX3.8c5d4e7a-1c5f-4a2b-9d5e-0123456789ab", "C3L-00001-21",
        "GTEX-1117F-0126", "CMU-1-Small-Region", "test3-DAPI-2-387", "multi_frame_jpeg_camelyon", "small_vectra",
        "SV07-0001-DX1", "patient_001_node_0", "tumor_001", "Hamamatsu-1", "Mirax2-Fluorescence-2", "Breast Biopsy",
        "case-1", "CASE-1", "slide", "JP2K-33003-1", "kidney-48-5", "OS-1",
    ],
)  # fmt: skip
def test_names_of_archives_and_laboratories_name_nobody(name: str) -> None:
    assert not list(personal_parts(name))
    assert exported_id(name) == name


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("Roe_Jane", "name"), ("DOE JOHN", "name"), ("Doe^John^^", "name"), ("Müller, Jürgen", "name"),
        ("slide_1950-03-04", "date"), ("born 04.03.1950", "birth-date"), ("DOB_19500304", "birth-date"),
        ("MRN0012345", "record-number"), ("12345678", "record-number"), ("123-45-6789", "record-number"),
        ("S19-12345_A1", "accession-number"), ("H2019-04711", "accession-number"), ("19S12345", "accession-number"),
        ("jane.roe@clinic.org", "contact"), ("20190412_101112", "date"),
    ],
)  # fmt: skip
def test_names_of_people_are_seen(name: str, code: str) -> None:
    assert code in [found for found, _ in personal_parts(name)]
    assert looks_personal(name)


def test_a_pseudonym_is_the_same_every_time_and_another_for_every_workspace(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    first = exported_id("Roe_Jane")
    assert first.startswith("slide-")
    assert first == exported_id("Roe_Jane") == exported_id("/archive/x/Roe_Jane")
    assert exported_id("Roe_Jane", "case") != first
    assert not looks_personal(first)
    monkeypatch.setenv("SURVVIZ_HOME", str(tmp_path_factory.mktemp("other")))
    assert exported_id("Roe_Jane") != first


def test_ids_are_replaced_in_words() -> None:
    said = without_ids("Roe_Jane does not look like H&E; SV07-0001 does.", ("Roe_Jane", "SV07-0001"))
    assert "Roe" not in said
    assert "SV07-0001" in said


def test_masks_keep_first_letters() -> None:
    assert mask("Roe, Jane 1950-03-04") == "R••, J••• 1•••-0•-0•"


def test_a_pseudonym_never_looks_personal() -> None:
    assert not [name for number in range(3000) if looks_personal(name := exported_id(f"Jane Roe {number}"))]
