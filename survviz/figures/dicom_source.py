"""What a DICOM map refers to: the header of one level of a slide, without anything that names a patient.

A slide that is DICOM already keeps its own identifiers (study, series, instance, frame of reference), because a viewer
finds the slide by them; every other attribute that could name a person is left out. For any other slide the header is
made here, with identifiers derived from the slide's name and size, so that all files of one slide belong together.
"""

from __future__ import annotations

import struct
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from survviz.errors import InputError

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from survviz.figures.patch_map import PatchMap

INSTALL = "Writing DICOM needs highdicom, which is not installed. Install it with `pip install 'survviz[dicom]'`."
WHOLE_SLIDE = "1.2.840.10008.5.1.4.1.1.77.1.6"
NO_DATE = "20000101"
"""Dates of care identify patients; where the standard demands one, this stands in."""

TILE = 256
LARGEST_SIDE = 2048
MIN_PATCH_PX = 4
MAX_FILES = 64
DAMAGED = (
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
    ArithmeticError,
    NotImplementedError,
    OSError,
    struct.error,
)
"""What pydicom raises on damaged headers, which it reads when they are asked for."""

_NAMESPACE = uuid.UUID("0f9f7a3e-53f5-5b0f-8d5e-3a1d5c9d6b11")


@dataclass(frozen=True, slots=True)
class LevelGrid:
    """One resolution of a slide, as DICOM describes it.

    Attributes:
        header: attributes of the image that a map refers to; no pixels.
        width, height: of its total pixel matrix.
        downsample: level-0 pixels per pixel.
        is_source: the image exists (the slide is DICOM); else it is made by survviz.
    """

    header: Dataset
    width: int
    height: int
    downsample: float
    is_source: bool

    def to_slide_mm(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """(N, 2) x, y in level-0 pixels -> (N, 3) mm in the slide's coordinate system (z = 0).

        The origin of the matrix is the centre of its first pixel, hence the half pixel.
        """
        measures = self.header.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
        down, across = (float(value) for value in measures.PixelSpacing)
        origin = self.header.TotalPixelMatrixOriginSequence[0]
        start = np.array(
            [float(origin.XOffsetInSlideCoordinateSystem), float(origin.YOffsetInSlideCoordinateSystem), 0.0]
        )
        directions = np.array([float(value) for value in self.header.ImageOrientationSlide]).reshape(2, 3)
        pixel = np.asarray(points, dtype=np.float64) / self.downsample - 0.5
        found = start + pixel[:, :1] * across * directions[0] + pixel[:, 1:] * down * directions[1]
        found[:, 2] = 0.0
        return found


def require_highdicom() -> Any:
    """The highdicom package.

    Raises:
        InputError: it is not installed.
    """
    try:
        import highdicom
    except ImportError as error:
        raise InputError(INSTALL) from error
    return highdicom


def derived_uid(*parts: object) -> str:
    """A UID that depends on the parts only (ISO/IEC 9834-8 form, below 2.25)."""
    return f"2.25.{uuid.uuid5(_NAMESPACE, '/'.join(str(part) for part in parts)).int}"


def made_grid(case_id: str, slide_id: str, slide_size: tuple[int, int], mpp: float | None, patch: int) -> LevelGrid:
    """Grid of a slide that is not DICOM: an overview in which a patch is a whole number of pixels, 16 at most.

    Raises:
        InputError: the pixel size is not known, or the slide has more patches than an overview can hold.
    """
    if mpp is None:
        raise InputError(
            f"Slide {slide_id} has no known pixel size (um per pixel), and DICOM places everything in millimetres. "
            "Give it on the page Load case, or with --mpp."
        )
    longest = max(slide_size)
    fitting = [k for k in (16, 8, 4, 2, 1) if k <= patch and longest * k / patch <= LARGEST_SIDE]
    if not fitting:
        raise InputError(f"A slide of {longest} pixels with patches of {patch} is too large for a DICOM overview.")
    downsample = patch / fitting[0]
    width, height = (max(1, -(-side * fitting[0] // patch)) for side in slide_size)
    header = _made_header(case_id, slide_id, slide_size, (width, height), mpp * downsample / 1000)
    return LevelGrid(header, width, height, downsample, is_source=False)


def _made_header(
    case_id: str, slide_id: str, slide_size: tuple[int, int], size: tuple[int, int], spacing: float
) -> Dataset:
    from pydicom.dataset import Dataset

    width, height = size
    subject = (case_id, slide_id, *slide_size)
    header = Dataset()
    _add_patient(header, case_id)
    header.StudyInstanceUID = derived_uid("study", *subject)
    header.SeriesInstanceUID = derived_uid("series", *subject)
    header.SOPInstanceUID = derived_uid("overview", *subject, width, height)
    header.SOPClassUID = WHOLE_SLIDE
    header.FrameOfReferenceUID = derived_uid("frame of reference", *subject)
    header.PositionReferenceIndicator = "SLIDE_CORNER"
    header.Modality = "SM"
    header.Rows = header.Columns = TILE
    header.NumberOfFrames = -(-width // TILE) * -(-height // TILE)
    header.TotalPixelMatrixColumns, header.TotalPixelMatrixRows = width, height
    header.TotalPixelMatrixFocalPlanes = 1
    header.DimensionOrganizationType = "TILED_FULL"
    header.ImageType = ["DERIVED", "PRIMARY", "VOLUME", "RESAMPLED"]
    header.ImageOrientationSlide = [0.0, -1.0, 0.0, -1.0, 0.0, 0.0]
    origin = Dataset()  # so that every point of the slide has positive coordinates
    origin.XOffsetInSlideCoordinateSystem = _decimal(height * spacing)
    origin.YOffsetInSlideCoordinateSystem = _decimal(width * spacing)
    header.TotalPixelMatrixOriginSequence = [origin]
    _add_pixel_measures(header, spacing)
    _add_specimen(header, slide_id, derived_uid("specimen", *subject))
    return header


def _add_patient(header: Dataset, case_id: str) -> None:
    """The pseudonym, and nothing else of a patient or a study."""
    header.SpecificCharacterSet = "ISO_IR 192"
    header.PatientID = case_id[:64]
    header.PatientName = f"{case_id[:63]}^"  # a name of one part
    header.PatientIdentityRemoved = "YES"
    header.DeidentificationMethod = "survviz: pseudonym only, no dates"
    for empty in (
        "PatientBirthDate",
        "PatientSex",
        "AccessionNumber",
        "StudyID",
        "StudyDate",
        "StudyTime",
        "ReferringPhysicianName",
    ):
        setattr(header, empty, "")


def _add_pixel_measures(header: Dataset, spacing: float) -> None:
    from pydicom.dataset import Dataset

    measures, shared = Dataset(), Dataset()
    measures.PixelSpacing = [_decimal(spacing), _decimal(spacing)]
    measures.SliceThickness = "0.004"
    shared.PixelMeasuresSequence = [measures]
    header.SharedFunctionalGroupsSequence = [shared]


def _add_specimen(header: Dataset, slide_id: str, uid: str) -> None:
    from pydicom.dataset import Dataset

    specimen = Dataset()
    specimen.SpecimenIdentifier, specimen.SpecimenUID = slide_id[:64], uid
    specimen.IssuerOfTheSpecimenIdentifierSequence, specimen.SpecimenPreparationSequence = [], []
    header.ContainerIdentifier = slide_id[:64]
    header.IssuerOfTheContainerIdentifierSequence = []
    header.ContainerTypeCodeSequence = [code("433466003", "SCT", "Microscope slide")]
    header.SpecimenDescriptionSequence = [specimen]


def code(value: str, scheme: str, meaning: str) -> Dataset:
    """A coded concept as a sequence item."""
    from pydicom.dataset import Dataset

    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def _decimal(value: float) -> str:
    """A decimal string of at most 16 characters, as DICOM's DS wants it."""
    return f"{value:.10g}"[:16]


def slide_grid(
    patch_map: PatchMap, path: Path, vendor: str, slide_size: tuple[int, int], mpp: float | None
) -> LevelGrid:
    """Where a map lies: a level of the slide where that is DICOM, else on an overview that can be made of it."""
    case_id, patch = patch_map.provenance.case_id, patch_map.patch_size_level0
    if vendor == "dicom":
        return choose_grid(source_grids(path, case_id, patch_map.slide_id, slide_size), patch)
    return made_grid(case_id, patch_map.slide_id, slide_size, mpp, patch)


def source_grids(path: Path, case_id: str, slide_id: str, slide_size: tuple[int, int]) -> list[LevelGrid]:
    """Levels of a slide that is DICOM, finest first; empty where the file is none.

    Instances of the same series that lie beside the file count too: a pyramid is one file per level.

    Raises:
        InputError: a header is damaged.
    """
    from pydicom.errors import BytesLengthException

    try:
        return _source_grids(path, case_id, slide_id, slide_size)
    except (*DAMAGED, BytesLengthException) as error:
        raise InputError(
            f"The DICOM header of {path.name} is damaged or incomplete ({error}), so a map cannot be placed on it. "
            "Export the slide again."
        ) from error


def _source_grids(path: Path, case_id: str, slide_id: str, slide_size: tuple[int, int]) -> list[LevelGrid]:
    import pydicom
    from pydicom.errors import InvalidDicomError

    def header_of(file: Path) -> Dataset | None:
        try:
            found = pydicom.dcmread(file, stop_before_pixels=True)
        except (InvalidDicomError, OSError):
            return None
        return found if found.get("SOPClassUID") == WHOLE_SLIDE else None

    first = header_of(path)
    if first is None:
        return []
    beside = sorted(other for other in path.parent.glob(f"*{path.suffix}") if other != path)[:MAX_FILES]
    headers = [first, *(found for other in beside if (found := header_of(other)) is not None)]
    grids = [
        _source_grid(header, case_id, slide_id, slide_size)
        for header in headers
        if header.get("SeriesInstanceUID") == first.get("SeriesInstanceUID") and _is_placed(header)
    ]
    return sorted(grids, key=lambda grid: grid.downsample)


def _is_placed(header: Dataset) -> bool:
    """A level of the tissue (no label or overview) whose place on the slide is declared."""
    needed = ("TotalPixelMatrixOriginSequence", "ImageOrientationSlide", "FrameOfReferenceUID", "ContainerIdentifier")
    is_tissue = not {"LABEL", "OVERVIEW"} & set(header.get("ImageType", []))
    return is_tissue and all(name in header for name in needed) and "SharedFunctionalGroupsSequence" in header


def _source_grid(header: Dataset, case_id: str, slide_id: str, slide_size: tuple[int, int]) -> LevelGrid:
    from pydicom.dataset import Dataset

    kept = Dataset()
    for name in (
        "StudyInstanceUID",
        "SeriesInstanceUID",
        "SOPInstanceUID",
        "SOPClassUID",
        "FrameOfReferenceUID",
        "Modality",
        "Rows",
        "Columns",
        "NumberOfFrames",
        "TotalPixelMatrixColumns",
        "TotalPixelMatrixRows",
        "DimensionOrganizationType",
        "ImageType",
        "ImageOrientationSlide",
        "TotalPixelMatrixOriginSequence",
    ):
        setattr(kept, name, getattr(header, name))
    kept.PositionReferenceIndicator = "SLIDE_CORNER"
    kept.TotalPixelMatrixFocalPlanes = header.get("TotalPixelMatrixFocalPlanes", 1)
    measures = header.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    shared = Dataset()
    shared.PixelMeasuresSequence = [measures]
    kept.SharedFunctionalGroupsSequence = [shared]
    _add_patient(kept, case_id)
    _add_specimen(kept, slide_id, derived_uid("specimen", case_id, slide_id, *slide_size))
    width, height = int(header.TotalPixelMatrixColumns), int(header.TotalPixelMatrixRows)
    grid = LevelGrid(kept, width, height, slide_size[0] / width, is_source=True)
    if not (width > 0 < height and np.isfinite(grid.to_slide_mm(np.zeros((1, 2)))).all()):
        raise ValueError("sizes or places that no slide has")
    return grid


def choose_grid(grids: list[LevelGrid], patch: int) -> LevelGrid:
    """The coarsest level in which a patch still has some pixels, so that the map is small and matches the pyramid.

    Raises:
        InputError: there is no level.
    """
    if not grids:
        raise InputError("The DICOM slide does not say where its levels lie, so a map cannot be placed on it.")
    fitting = [grid for grid in grids if patch / grid.downsample >= MIN_PATCH_PX]
    return fitting[-1] if fitting else grids[0]
