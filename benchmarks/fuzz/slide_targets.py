"""What slides say in their headers, where survviz reads it itself. Pixels are decoded by others: `slide_fuzz`."""

from __future__ import annotations

import io

from benchmarks.fuzz.target import Parser, Target, written

OME = """<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image><Pixels PhysicalSizeX="0.5"
PhysicalSizeXUnit="\u00b5m" PhysicalSizeY="0.5" SizeX="8" SizeY="8"><Channel Color="-16776961"/><Channel/></Pixels>
</Image></OME>"""


def _pyramid(**options: object) -> bytes:
    import numpy as np
    import tifffile

    file = io.BytesIO()
    with tifffile.TiffWriter(file) as tiff:
        for level in range(2):
            side = 64 >> level
            pixels = np.full((side, side, 3), 200, np.uint8)
            tiff.write(pixels, tile=(32, 32), photometric="rgb", subfiletype=level, metadata=None, **options)
    return file.getvalue()


def tiff() -> Parser:
    """Layout and description of a TIFF file; no pixel is decoded."""
    import numpy as np
    import tifffile

    from survviz.wsi.tiff_backend import TiffBackend

    def run(data: bytes) -> None:
        path = written("slide.tif", data)
        if TiffBackend.accepts(path):
            TiffBackend(path).close()

    channels = io.BytesIO()
    tifffile.imwrite(channels, np.zeros((2, 32, 32), np.uint16), ome=True, metadata={"axes": "CYX"})
    scale = {"resolution": (20000, 20000), "resolutionunit": 3}
    seeds = [_pyramid(), _pyramid(compression="zlib", **scale), _pyramid(compression="jpeg"), channels.getvalue()]
    return Parser(run, seeds)


def ome_xml() -> Parser:
    """Pixel size and colours from OME-XML and from QPTIFF's words."""
    from survviz.wsi.info import plausible_mpp, size_hint
    from survviz.wsi.tiff_metadata import ome_image, qpi_colour, with_palette

    def run(data: bytes) -> None:
        text = data.decode("utf-8", "replace")
        qpi_colour(text)
        x, y, colours = ome_image(text, 0)
        with_palette(colours, max(1, len(colours)))
        plausible_mpp(x, y)
        size_hint((1000, 9000), x)

    return Parser(run, [OME.encode(), b"<Color>1,2,3</Color>"], ("PhysicalSizeX", "Color", "<Pixels", "nan", "&#0;"))


def stored_jpeg() -> Parser:
    """JPEG tiles that are handed on, and the last look at them."""
    from PIL import Image

    from survviz.wsi.stored_jpeg import complete_jpeg, is_whole_jpeg

    def run(data: bytes) -> None:
        half = len(data) // 3
        for stored, tables in ((data, None), (data[half:], data[:half])):
            for photometric in (2, 6):
                made = complete_jpeg(stored, tables, photometric, (32, 32))
                if made is not None and not made.startswith(b"\xff\xd8\xff\xee"):
                    raise AssertionError("no complete JPEG was made")
        is_whole_jpeg(data, (32, 32))

    seeds = []
    for options in ({}, {"progressive": True}, {"subsampling": 2}):
        file = io.BytesIO()
        Image.new("RGB", (32, 32), "pink").save(file, "JPEG", **options)
        seeds.append(file.getvalue())
    return Parser(run, seeds)


def dicom() -> Parser:
    """The header of a slide that is DICOM, for the maps that refer to it."""
    import pydicom
    from pydicom.uid import ExplicitVRLittleEndian

    from survviz.figures.dicom_source import choose_grid, made_grid, source_grids

    def run(data: bytes) -> None:
        path = written("level.dcm", data)
        if grids := source_grids(path, "case", "slide", (4096, 4096)):
            choose_grid(grids, 256).to_slide_mm(np.zeros((2, 2)))

    import numpy as np

    header = made_grid("case", "slide", (4096, 4096), 0.5, 256).header
    header.SOPClassUID, header.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.77.1.6", "1.2.3.4"
    header.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    seeds = []
    for implicit in (False, True):
        file = io.BytesIO()
        header.file_meta = pydicom.dataset.FileMetaDataset()
        header.file_meta.TransferSyntaxUID = pydicom.uid.ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
        header.file_meta.MediaStorageSOPClassUID = header.SOPClassUID
        header.file_meta.MediaStorageSOPInstanceUID = header.SOPInstanceUID
        pydicom.dcmwrite(file, header, enforce_file_format=True)
        seeds.append(file.getvalue())
    return Parser(run, seeds)


TARGETS = {
    "tiff": Target("wsi.tiff_backend, wsi.tiff_layout, wsi.segments, wsi.tiff_metadata", tiff, runs=100_000),
    "ome_xml": Target("wsi.tiff_metadata, wsi.info", ome_xml, "text"),
    "stored_jpeg": Target("wsi.stored_jpeg", stored_jpeg),
    "dicom": Target("figures.dicom_source", dicom, runs=50_000, largest=8192),
}
