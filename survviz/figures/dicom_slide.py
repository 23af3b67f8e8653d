"""The overview that a made DICOM map lies on, as VL Whole Slide Microscopy, so that the set opens on its own.

Only for slides that are not DICOM; the pixels are the tissue at a low resolution, never a label or a macro image.
"""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from survviz import __version__
from survviz.errors import InputError
from survviz.figures.dicom_source import NO_DATE, TILE, LevelGrid, code, require_highdicom

JPEG_QUALITY = 90
THICKNESS_MM = 0.004


def overview_image(grid: LevelGrid, pixels: NDArray[np.uint8], mpp: float) -> bytes:
    """One level of a slide as JPEG tiles.

    Args:
        grid: made by `made_grid`.
        pixels: (height, width, 3) of that grid.
        mpp: um per pixel of level 0.

    Raises:
        InputError: highdicom (and with it pydicom) is not installed, or the pixels do not fill the grid.
    """
    require_highdicom()
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.encaps import encapsulate
    from pydicom.uid import JPEGBaseline8Bit

    if pixels.shape != (grid.height, grid.width, 3):
        raise InputError(f"Pixels of shape {pixels.shape} were given for a level of {grid.width} x {grid.height}.")
    image = Dataset()
    image.update(grid.header)
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    image.file_meta.MediaStorageSOPClassUID = image.SOPClassUID
    image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
    image.SeriesNumber, image.InstanceNumber = 900, 1
    image.SeriesDescription = "Overview made by survviz"
    image.Manufacturer = image.ManufacturerModelName = "survviz"
    image.DeviceSerialNumber, image.SoftwareVersions = "none", __version__
    image.ContentDate = NO_DATE
    image.ContentTime = "000000"
    image.AcquisitionDateTime = f"{NO_DATE}000000"
    image.AcquisitionContextSequence = []
    millimetres = mpp * grid.downsample / 1000
    image.ImagedVolumeWidth, image.ImagedVolumeHeight = grid.width * millimetres, grid.height * millimetres
    image.ImagedVolumeDepth = THICKNESS_MM * 1000
    image.VolumetricProperties, image.FocusMethod = "VOLUME", "AUTO"
    image.SpecimenLabelInImage = image.BurnedInAnnotation = image.ExtendedDepthOfField = "NO"
    image.LossyImageCompression, image.LossyImageCompressionMethod = "01", "ISO_10918_1"
    _add_optical_path(image)
    _add_frame_type(image)
    frames = [_jpeg(tile) for tile in _tiles(pixels)]
    image.LossyImageCompressionRatio = f"{3 * TILE * TILE * len(frames) / sum(map(len, frames)):.2f}"
    image.SamplesPerPixel, image.PhotometricInterpretation, image.PlanarConfiguration = 3, "YBR_FULL_422", 0
    image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 8, 8, 7, 0
    image.PixelData = encapsulate(frames)
    out = io.BytesIO()
    image.save_as(out, enforce_file_format=True)
    return out.getvalue()


def _add_optical_path(image) -> None:
    from pydicom.dataset import Dataset

    path = Dataset()
    path.OpticalPathIdentifier = "1"
    path.IlluminationTypeCodeSequence = [code("111744", "DCM", "Brightfield illumination")]
    path.IlluminationColorCodeSequence = [code("414298005", "SCT", "Full Spectrum")]
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    path.ICCProfile, path.ColorSpace = profile + b"\0" * (len(profile) % 2), "SRGB"
    image.NumberOfOpticalPaths = 1
    image.OpticalPathSequence = [path]


def _add_frame_type(image) -> None:
    from pydicom.dataset import Dataset

    frame_type, light = Dataset(), Dataset()
    frame_type.FrameType = image.ImageType
    light.OpticalPathIdentifier = "1"
    shared = Dataset()
    shared.update(image.SharedFunctionalGroupsSequence[0])
    shared.WholeSlideMicroscopyImageFrameTypeSequence = [frame_type]
    shared.OpticalPathIdentificationSequence = [light]
    image.SharedFunctionalGroupsSequence = [shared]


def _tiles(pixels: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """Tiles by row, then column; those at the right and lower edge are filled with white."""
    height, width = pixels.shape[:2]
    rows, columns = -(-height // TILE), -(-width // TILE)
    canvas = np.full((rows * TILE, columns * TILE, 3), 255, dtype=np.uint8)
    canvas[:height, :width] = pixels
    parts = canvas.reshape(rows, TILE, columns, TILE, 3).swapaxes(1, 2)
    return list(parts.reshape(-1, TILE, TILE, 3))


def _jpeg(pixels: NDArray[np.uint8]) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=JPEG_QUALITY, subsampling="4:2:2")
    return out.getvalue()
