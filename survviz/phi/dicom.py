"""DICOM: attributes that PS3.15's basic profile removes or replaces, private ones, dates, UIDs, writing in pixels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from survviz.errors import InputError
from survviz.phi.finding import Code, Finding
from survviz.phi.keys import EMPTY, code_of, findings_of, shown

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

NOT_INSTALLED = "Checking every attribute of DICOM needs pydicom: pip install 'survviz[dicom]'"
REMOVED = "Removed or replaced in everything that survviz writes."

PROFILE: Mapping[str, Code] = {
    **dict.fromkeys(
        ("PatientBirthDate", "PatientBirthTime", "PatientMotherBirthName", "PatientBirthName"), "birth-date"
    ),
    **dict.fromkeys(
        ("PatientID", "OtherPatientIDs", "IssuerOfPatientID", "MedicalRecordLocator", "InsurancePlanIdentification",
         "AdmissionID", "PatientInsurancePlanCodeSequence", "MilitaryRank"), "record-number"
    ),
    **dict.fromkeys(
        ("AccessionNumber", "StudyID", "FillerOrderNumberImagingServiceRequest",
         "PlacerOrderNumberImagingServiceRequest",
         "RequestedProcedureID", "ScheduledProcedureStepID", "PerformedProcedureStepID", "SpecimenIdentifier",
         "ContainerIdentifier", "SpecimenAccessionNumber"), "accession-number"
    ),
    **dict.fromkeys(
        ("PatientAddress", "PatientTelephoneNumbers", "PatientTelecomInformation", "CountryOfResidence",
         "RegionOfResidence", "InstitutionAddress", "ReferringPhysicianAddress", "ReferringPhysicianTelephoneNumbers",
         "ResponsibleOrganization"), "contact"
    ),
    **dict.fromkeys(
        ("InstitutionName", "InstitutionalDepartmentName", "StationName", "InstitutionCodeSequence"), "institution"
    ),
    **dict.fromkeys(("DeviceSerialNumber", "DeviceUID", "GantryID", "PlateID", "DetectorID"), "serial-number"),
    **dict.fromkeys(("BarcodeValue", "LabelText"), "barcode"),
    **dict.fromkeys(
        ("PatientComments", "AdditionalPatientHistory", "ImageComments", "StudyComments", "VisitComments",
         "StudyDescription", "SeriesDescription", "ProtocolName", "RequestAttributesSequence", "Occupation",
         "EthnicGroup", "PatientReligiousPreference", "MedicalAlerts", "Allergies", "TextComments",
         "AcquisitionComments", "SpecimenShortDescription", "SpecimenDetailedDescription",
         "OriginalAttributesSequence"),
        "hidden-text"
    ),
}  # fmt: skip
"""Keyword -> what it is. Names of people (VR PN), dates (DA, DT), UIDs (UI) and private attributes count by kind."""

OF_CLASSES = (
    "SOPClassUID", "MediaStorageSOPClassUID", "TransferSyntaxUID", "ImplementationClassUID", "ContextUID",
    "MappingResourceUID", "ReferencedSOPClassUID", "CodingSchemeUID", "DimensionOrganizationUID",
)  # fmt: skip
"""UIDs of the standard, not of a patient's objects."""
NO_DATES = ("19000101", "20000101")


def of_dicom(path: Path, file: str, *, show: bool) -> Iterator[Finding]:
    """What a DICOM file's attributes hold; its pixels are not read."""
    try:
        import pydicom
    except ImportError:
        yield from _by_openslide(path, file, show)
        yield Finding("not-checked", file, NOT_INSTALLED)
        return
    data = pydicom.dcmread(path, stop_before_pixels=True)
    if data.get("PatientIdentityRemoved", "") == "YES" and data.get("Manufacturer") == "survviz":
        return  # written here: nothing but a pseudonym
    yield from _pixels(data, file)
    yield from _attributes(data, file, show)


def _pixels(data: Dataset, file: str) -> Iterator[Finding]:
    kinds = [str(word).upper() for word in data.get("ImageType", [])]
    size = f"{data.get('TotalPixelMatrixColumns', '?')} x {data.get('TotalPixelMatrixRows', '?')} pixels"
    if "LABEL" in kinds:
        yield Finding("label-image", file, f"the whole file, {size}")
    elif "OVERVIEW" in kinds:
        yield Finding("macro-image", file, f"the whole file, {size}")
    if data.get("BurnedInAnnotation") == "YES":
        yield Finding("burned-in", file, "BurnedInAnnotation")
    if data.get("SpecimenLabelInImage") == "YES" and "LABEL" not in kinds:
        yield Finding("burned-in", file, "SpecimenLabelInImage")


def _attributes(data: Dataset, file: str, show: bool) -> Iterator[Finding]:
    private, uids, first = 0, 0, ""
    for element in _flat(data):
        if element.tag.is_private:
            private += 1
            continue
        keyword, text = element.keyword or str(element.tag), _plain(element.value)
        if element.VR == "SQ" or text.lower() in EMPTY or not text.strip("^ "):
            continue
        if element.VR == "UI":
            if keyword not in OF_CLASSES:
                uids, first = uids + 1, first or keyword
            continue
        yield from _attribute(str(element.VR), keyword, text, file, show)
    if uids:
        yield Finding("uid", file, f"{first} and others", count=uids)
    if private:
        yield Finding("private-attribute", file, "attributes with odd group numbers", count=private)


def _attribute(kind: str, keyword: str, text: str, file: str, show: bool) -> Iterator[Finding]:
    code: Code | None = PROFILE.get(keyword)
    if code is None and kind == "PN":
        code = "name" if keyword.startswith("Patient") else "person"
    if code is None and kind in ("DA", "DT"):
        code = None if text[:8] in NO_DATES else "date"
    if code is not None:
        yield Finding(code, file, keyword, shown(text, show), done=REMOVED)
    elif kind in ("LO", "SH", "LT", "ST", "UT", "UC") and code_of(keyword) != "date":
        yield from findings_of(file, keyword, "prose" if code_of(keyword) is None else keyword, text, show=show)


def _flat(data: Any) -> Iterator[Any]:
    """Every element, those of sequences too; of a sequence of frames the first item stands for all."""
    for element in data:
        yield element
        if element.VR == "SQ":
            for item in list(element.value or [])[: 1 if "Frame" in (element.keyword or "") else 32]:
                yield from _flat(item)


def _plain(value: Any) -> str:
    if isinstance(value, bytes):
        return "" if len(value) > 1000 else value.decode("latin-1")
    return str(value).strip()


def _by_openslide(path: Path, file: str, show: bool) -> Iterator[Finding]:
    """Without pydicom: the attributes that OpenSlide repeats."""
    from survviz.wsi.openslide_backend import vendor_of

    if vendor_of(path) != "dicom":
        raise InputError(f"{path.name} is no DICOM slide that OpenSlide knows. {NOT_INSTALLED}")
    import openslide

    with openslide.OpenSlide(path) as handle:
        found = {key: value for key, value in handle.properties.items() if key.startswith("dicom.")}
    for key, value in found.items():
        keyword = key.rpartition(".")[2]
        kind = "DA" if keyword.endswith("Date") else "DT" if keyword.endswith("DateTime") else "LO"
        kind = "PN" if keyword.endswith(("PatientName", "PhysicianName", "OperatorsName")) else kind
        if value.lower() not in EMPTY and not keyword.endswith("UID"):
            yield from _attribute(kind, keyword, value, file, show)
