"""DICOM files: required attributes, values in the right place, and nothing of a patient but the pseudonym."""

from __future__ import annotations

import io
import sys
from dataclasses import replace
from pathlib import Path

import highdicom
import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from survviz.errors import InputError
from survviz.figures.dicom import bulk_annotations, parametric_map, rasterise
from survviz.figures.dicom_slide import overview_image
from survviz.figures.dicom_source import LevelGrid, choose_grid, made_grid, source_grids
from survviz.figures.patch_map import PatchMap, Provenance

SIDE = 224
SLIDES = Path(__file__).parents[2] / "../shared/data/slides"

PATIENT_AND_STUDY = (
    "PatientName PatientID PatientBirthDate PatientSex StudyInstanceUID StudyDate StudyTime StudyID AccessionNumber "
    "ReferringPhysicianName"
)
EQUIPMENT = "Manufacturer ManufacturerModelName DeviceSerialNumber SoftwareVersions"
MAP_ATTRIBUTES = (
    f"{PATIENT_AND_STUDY} {EQUIPMENT} Modality SeriesInstanceUID SeriesNumber FrameOfReferenceUID "
    "PositionReferenceIndicator InstanceNumber ContentDate ContentTime NumberOfFrames Rows Columns SamplesPerPixel "
    "PhotometricInterpretation BitsAllocated FloatPixelData SharedFunctionalGroupsSequence ImageType "
    "DimensionOrganizationSequence ContentQualification ContentLabel ContentDescription BurnedInAnnotation "
    "RecognizableVisualFeatures "
    "LossyImageCompression PresentationLUTShape AcquisitionContextSequence ContainerIdentifier "
    "IssuerOfTheContainerIdentifierSequence ContainerTypeCodeSequence SpecimenDescriptionSequence "
    "TotalPixelMatrixColumns TotalPixelMatrixRows TotalPixelMatrixOriginSequence ImageOrientationSlide "
    "ReferencedSeriesSequence SOPClassUID SOPInstanceUID"
)
ANNOTATION_ATTRIBUTES = (
    f"{PATIENT_AND_STUDY} {EQUIPMENT} Modality SeriesInstanceUID SeriesNumber FrameOfReferenceUID InstanceNumber "
    "ContentLabel ContentDescription ContentDate ContentTime AnnotationCoordinateType AnnotationGroupSequence "
    "ReferencedSeriesSequence SOPClassUID SOPInstanceUID"
)
GROUP_ATTRIBUTES = (
    "AnnotationGroupNumber AnnotationGroupUID AnnotationGroupLabel AnnotationGroupGenerationType "
    "AnnotationGroupAlgorithmIdentificationSequence AnnotationPropertyCategoryCodeSequence "
    "AnnotationPropertyTypeCodeSequence NumberOfAnnotations AnnotationAppliesToAllOpticalPaths GraphicType "
    "PointCoordinatesData MeasurementsSequence"
)
SLIDE_ATTRIBUTES = (
    f"{PATIENT_AND_STUDY} {EQUIPMENT} Modality SeriesInstanceUID FrameOfReferenceUID PositionReferenceIndicator "
    "InstanceNumber ContentDate ContentTime NumberOfFrames Rows Columns SamplesPerPixel PhotometricInterpretation "
    "PlanarConfiguration BitsAllocated BitsStored HighBit PixelRepresentation PixelData SharedFunctionalGroupsSequence "
    "ImageType ImagedVolumeWidth ImagedVolumeHeight ImagedVolumeDepth TotalPixelMatrixColumns TotalPixelMatrixRows "
    "TotalPixelMatrixOriginSequence ImageOrientationSlide AcquisitionDateTime AcquisitionContextSequence "
    "LossyImageCompression LossyImageCompressionRatio LossyImageCompressionMethod VolumetricProperties "
    "SpecimenLabelInImage BurnedInAnnotation FocusMethod ExtendedDepthOfField NumberOfOpticalPaths OpticalPathSequence "
    "ContainerIdentifier ContainerTypeCodeSequence SpecimenDescriptionSequence DimensionOrganizationType"
)


@pytest.fixture
def slide_map() -> PatchMap:
    """A ragged map: 40 of the 12 x 7 patches of a slide whose size is no multiple of anything."""
    rng = np.random.default_rng(3)
    cells = rng.permutation(12 * 7)[:40]
    coords = (np.stack([cells % 12, cells // 12], axis=1) * SIDE).astype(np.int32)
    values = rng.lognormal(size=40).astype(np.float32)
    source = Provenance("CASE-1", "demo", "he-descriptor", mpp=0.5, mpp_source="file")
    words = "Attention clinic → pathology."
    return PatchMap(
        "attention",
        "clinical",
        "pathology",
        "T stage",
        "S-1",
        values,
        coords,
        SIDE,
        1 / 84,
        semantics=words,
        provenance=source,
    )


@pytest.fixture
def grid() -> LevelGrid:
    return made_grid("CASE-1", "S-1", (2801, 1603), 0.5, SIDE)


def read(body: bytes) -> Dataset:
    return pydicom.dcmread(io.BytesIO(body))


def matrix_of(found: Dataset) -> np.ndarray:
    """Total pixel matrix of a TILED_FULL image, assembled frame by frame, by row and then by column."""
    frames = np.frombuffer(found.FloatPixelData, "<f4").reshape(-1, found.Rows, found.Columns)
    columns = -(-found.TotalPixelMatrixColumns // found.Columns)
    rows = [np.concatenate(frames[i : i + columns], axis=1) for i in range(0, len(frames), columns)]
    return np.concatenate(rows)[: found.TotalPixelMatrixRows, : found.TotalPixelMatrixColumns]


def assert_has(found: Dataset, names: str) -> None:
    missing = [name for name in names.split() if name not in found]
    assert not missing


def assert_names_nobody(found: Dataset, pseudonym: str = "CASE-1") -> None:
    assert (found.PatientID, str(found.PatientName).rstrip("^")) == (pseudonym, pseudonym)
    assert found.PatientIdentityRemoved == "YES"
    for name in ("PatientBirthDate", "PatientSex", "StudyDate", "AccessionNumber", "StudyID", "ReferringPhysicianName"):
        assert str(found.get(name, "")) == ""


def test_value_at_each_patch_is_the_pixel_there(slide_map: PatchMap, grid: LevelGrid) -> None:
    found = read(parametric_map(slide_map, grid))
    matrix = matrix_of(found)
    centres = (slide_map.coords + SIDE / 2) / grid.downsample
    np.testing.assert_array_equal(matrix[centres[:, 1].astype(int), centres[:, 0].astype(int)], slide_map.values)
    outside = np.setdiff1d(np.unique(matrix), slide_map.values)
    assert outside.tolist() == [0.0]
    assert (matrix > 0).sum() == 40 * round(SIDE / grid.downsample) ** 2


def test_parametric_map_has_what_its_definition_requires(slide_map: PatchMap, grid: LevelGrid) -> None:
    found = read(parametric_map(slide_map, grid))
    assert_has(found, MAP_ATTRIBUTES)
    assert found.SOPClassUID == "1.2.840.10008.5.1.4.1.1.30"
    assert (found.ContentLabel, found.ContentQualification) == ("HEATMAP", "RESEARCH")
    assert (found.DimensionOrganizationType, found.BitsAllocated) == ("TILED_FULL", 32)
    shared = found.SharedFunctionalGroupsSequence[0]
    assert_has(shared, "PixelMeasuresSequence ParametricMapFrameTypeSequence RealWorldValueMappingSequence")
    times, share = shared.RealWorldValueMappingSequence
    assert (times.RealWorldValueSlope, times.RealWorldValueIntercept) == (1, 0)
    assert share.RealWorldValueSlope == pytest.approx(1 / 84)
    assert times.MeasurementUnitsCodeSequence[0].CodeValue == "1"
    quantity = times.QuantityDefinitionSequence[0].ConceptCodeSequence[0]
    assert (quantity.CodeValue, quantity.CodeMeaning) == ("130402", "Class activation")
    assert "Research Use" in found.ImageComments


def test_parametric_map_opens_in_highdicom(slide_map: PatchMap, grid: LevelGrid) -> None:
    opened = highdicom.pm.ParametricMap.from_dataset(read(parametric_map(slide_map, grid)))
    matrix = opened.get_total_pixel_matrix(apply_real_world_transform=False, dtype=np.float32)
    np.testing.assert_array_equal(matrix, rasterise(slide_map, grid))


def test_window_of_a_signed_map_is_centred_on_zero(slide_map: PatchMap, grid: LevelGrid) -> None:
    values = (slide_map.values - 1) / 100
    signed = replace(slide_map, values=values, nature="signed", unit="risk", uniform=1.0)
    window = read(parametric_map(signed, grid)).SharedFunctionalGroupsSequence[0].FrameVOILUTSequence[0]
    assert float(window.WindowCenter) == 0
    assert float(window.WindowWidth) == pytest.approx(2 * np.abs(values).max(), rel=1e-5)


def test_rectangles_lie_on_their_patches_in_millimetres(slide_map: PatchMap, grid: LevelGrid) -> None:
    found = highdicom.ann.MicroscopyBulkSimpleAnnotations.from_dataset(read(bulk_annotations([slide_map], grid)))
    group = found.get_annotation_group(number=1)
    corners = np.array(group.get_graphic_data(coordinate_type="3D"))
    assert corners.shape == (40, 4, 3)
    transform = highdicom.spatial.ReferenceToImageTransformer(
        image_position=(*_origin(grid), 0.0),
        image_orientation=tuple(grid.header.ImageOrientationSlide),
        pixel_spacing=(0.0005 * grid.downsample,) * 2,
    )
    pixels = np.array([transform(rectangle.astype(np.float64)) for rectangle in corners])[..., :2] * grid.downsample
    expected = slide_map.coords[:, None] + np.array([[0, 0], [SIDE, 0], [SIDE, SIDE], [0, SIDE]])
    np.testing.assert_allclose(pixels, expected, atol=0.02)


def _origin(grid: LevelGrid) -> tuple[float, float]:
    origin = grid.header.TotalPixelMatrixOriginSequence[0]
    return float(origin.XOffsetInSlideCoordinateSystem), float(origin.YOffsetInSlideCoordinateSystem)


def test_annotations_have_what_their_definition_requires(slide_map: PatchMap, grid: LevelGrid) -> None:
    other = replace(slide_map, token="Age", values=np.where(np.arange(40) == 3, np.nan, slide_map.values))
    found = read(bulk_annotations([slide_map, other], grid))
    assert_has(found, ANNOTATION_ATTRIBUTES)
    assert found.SOPClassUID == "1.2.840.10008.5.1.4.1.1.91.1"
    assert found.AnnotationCoordinateType == "3D"
    assert [group.AnnotationGroupNumber for group in found.AnnotationGroupSequence] == [1, 2]
    for group, values in zip(found.AnnotationGroupSequence, (slide_map.values, other.values), strict=True):
        assert_has(group, GROUP_ATTRIBUTES)
        assert (group.GraphicType, group.NumberOfAnnotations) == ("RECTANGLE", 40)
        assert group.AnnotationGroupAlgorithmIdentificationSequence[0].AlgorithmName == "demo"
        opened = highdicom.ann.AnnotationGroup.from_dataset(group)
        names, measured, units = opened.get_measurements()
        np.testing.assert_array_equal(measured[:, 0], values.astype(np.float32))
        assert units[0].value == "1"
        assert "attention" in names[0].meaning


def test_overview_is_a_whole_slide_image_under_the_map(slide_map: PatchMap, grid: LevelGrid, tmp_path: Path) -> None:
    import openslide

    pixels = np.zeros((grid.height, grid.width, 3), np.uint8)
    pixels[..., 0] = np.linspace(0, 255, grid.width)
    pixels[..., 1] = np.linspace(0, 255, grid.height)[:, None]
    path = tmp_path / "overview.dcm"
    path.write_bytes(overview_image(grid, pixels, 0.5))
    found = pydicom.dcmread(path)
    assert_has(found, SLIDE_ATTRIBUTES)
    assert_names_nobody(found)
    heat = read(parametric_map(slide_map, grid))
    assert (
        found.SOPInstanceUID == heat.ReferencedSeriesSequence[0].ReferencedInstanceSequence[0].ReferencedSOPInstanceUID
    )
    for name in ("StudyInstanceUID", "FrameOfReferenceUID", "TotalPixelMatrixColumns", "TotalPixelMatrixRows"):
        assert found[name].value == heat[name].value
    with openslide.OpenSlide(path) as slide:
        assert slide.dimensions == (grid.width, grid.height)
        assert float(slide.properties["openslide.mpp-x"]) == pytest.approx(0.5 * grid.downsample)
        back = np.asarray(slide.read_region((0, 0), 0, slide.dimensions).convert("RGB"), int)
    assert np.abs(back - pixels).mean() < 3


def test_nothing_of_a_patient_is_written_but_the_pseudonym(slide_map: PatchMap, grid: LevelGrid) -> None:
    for body in (parametric_map(slide_map, grid), bulk_annotations([slide_map], grid)):
        assert_names_nobody(read(body))


def test_files_of_one_slide_belong_together_and_differ_between_maps(slide_map: PatchMap, grid: LevelGrid) -> None:
    first, again = read(parametric_map(slide_map, grid)), read(parametric_map(slide_map, grid))
    other = read(parametric_map(replace(slide_map, token="Age"), grid))
    assert first.SOPInstanceUID == again.SOPInstanceUID != other.SOPInstanceUID
    assert first.StudyInstanceUID == other.StudyInstanceUID
    assert first.FrameOfReferenceUID == other.FrameOfReferenceUID


@pytest.mark.parametrize("size", [(100_000, 80_000), (900, 700), (224, 224)])
def test_made_grid_gives_each_patch_whole_pixels_within_bounds(size: tuple[int, int]) -> None:
    grid = made_grid("C", "S", size, 0.25, SIDE)
    assert (SIDE / grid.downsample).is_integer()
    assert max(grid.width, grid.height) <= 2049
    assert grid.width * grid.downsample >= size[0]


def test_slide_without_a_pixel_size_is_refused_in_words() -> None:
    with pytest.raises(InputError, match="no known pixel size"):
        made_grid("C", "S", (900, 700), None, SIDE)


def test_missing_package_is_explained(slide_map: PatchMap, grid: LevelGrid, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "highdicom", None)
    with pytest.raises(InputError, match=r"pip install 'survviz\[dicom\]'"):
        parametric_map(slide_map, grid)


def make_source(folder: Path, size: int = 512, *, step: int = 1, name: str = "level0") -> Path:
    """One level of a DICOM slide that names its patient."""
    grid = made_grid("SECRET", "S19-77", (512, 512), 0.5, 256)
    spaced = made_grid("SECRET", "S19-77", (512, 512), 0.5, 256).header
    spaced.TotalPixelMatrixColumns = spaced.TotalPixelMatrixRows = size // step
    spaced.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].PixelSpacing = [0.0005 * step] * 2
    spaced.SOPInstanceUID = f"2.25.{100 + step}"
    level = LevelGrid(spaced, size // step, size // step, step, is_source=False)
    path = folder / f"{name}.dcm"
    path.write_bytes(overview_image(level, np.full((size // step,) * 2 + (3,), 200, np.uint8), 0.5))
    found = pydicom.dcmread(path)
    found.PatientName, found.PatientBirthDate, found.AccessionNumber = "Doe^Jane", "19500102", "A-77"
    found.StudyDate, found.ReferringPhysicianName = "20200102", "House^Gregory"
    found.save_as(path)
    assert grid.is_source is False
    return path


def test_dicom_slide_keeps_its_identifiers_and_loses_its_patient(tmp_path: Path) -> None:
    path = make_source(tmp_path)
    make_source(tmp_path, step=4, name="level1")
    make_source(tmp_path, step=64, name="level2")
    (tmp_path / "other.dcm").write_bytes(b"no dicom")
    grids = source_grids(path, "CASE-1", "S-1", (512, 512))
    assert [grid.downsample for grid in grids] == [1, 4, 64]
    chosen = choose_grid(grids, 128)
    assert chosen.downsample == 4
    coords = np.array([[0, 0], [128, 256], [384, 384]], dtype=np.int32)
    source = Provenance("CASE-1", "demo")
    shown = PatchMap(
        "attention", "a", "pathology", "all", "S-1", np.array([1, 2, 3], np.float32), coords, 128, provenance=source
    )
    original = pydicom.dcmread(tmp_path / "level1.dcm")
    found = read(parametric_map(shown, chosen))
    assert_names_nobody(found)
    for secret in ("Doe", "House", "A-77", "S19-77", "19500102", "20200102"):
        assert secret.encode() not in parametric_map(shown, chosen)
    reference = found.ReferencedSeriesSequence[0]
    assert reference.SeriesInstanceUID == original.SeriesInstanceUID
    assert reference.ReferencedInstanceSequence[0].ReferencedSOPInstanceUID == original.SOPInstanceUID
    assert found.StudyInstanceUID == original.StudyInstanceUID
    assert found.FrameOfReferenceUID == original.FrameOfReferenceUID
    assert (found.TotalPixelMatrixColumns, found.TotalPixelMatrixRows) == (128, 128)
    assert found.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].PixelSpacing == [0.002, 0.002]
    assert matrix_of(found)[64 + 16, 32 + 16] == 2


@pytest.mark.real
def test_map_of_a_real_dicom_slide_lies_on_its_matrix() -> None:
    path = SLIDES / "sm_image.dcm"
    if not path.exists():
        pytest.skip("needs ../shared/data")
    grid = choose_grid(source_grids(path, "CASE-1", "S-1", (50, 50)), 10)
    coords = np.array([[10, 20], [40, 40]], dtype=np.int32)
    shown = PatchMap("attention", "a", "pathology", "all", "S-1", np.array([1, 2], np.float32), coords, 10)
    found = read(parametric_map(shown, grid))
    original = pydicom.dcmread(path, stop_before_pixels=True)
    assert found.StudyInstanceUID == original.StudyInstanceUID
    assert matrix_of(found)[25, 15] == 1
    assert matrix_of(found)[45, 45] == 2
    assert str(original.PatientID) not in str(found)
    corners = read(bulk_annotations([shown], grid)).AnnotationGroupSequence[0].PointCoordinatesData
    x, y = np.frombuffer(corners, "<f4").reshape(2, 4, 2)[0, 0]
    assert x == pytest.approx(23.449873 - 19.5 * 0.000499, abs=1e-5)  # rows run towards smaller x
    assert y == pytest.approx(25.691574 - 9.5 * 0.000499, abs=1e-5)
