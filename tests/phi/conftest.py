"""Files full of invented personal data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image

PERSON, BORN, NUMBER = "Roe^Jane", "19500304", "MRN-0047110815"
APERIO = (
    "Aperio Image Library v10.2.41\n512x512 (256x256) JPEG/RGB Q=70|AppMag = 20|MPP = 0.5|ScanScope ID = SS7042"
    "|Filename = Roe Jane S19-12345|Date = 12/29/19|Time = 09:59:15|User = jdoe|Title = Jane Roe born 1950-03-04"
)


@pytest.fixture
def aperio(tmp_path: Path) -> Path:
    """An SVS with a label, a macro, and everything that Aperio writes of a person."""
    path = tmp_path / "scan.svs"
    pixels, private = np.full((512, 512, 3), 200, np.uint8), np.full((60, 80, 3), (255, 0, 255), np.uint8)
    common = {"photometric": "rgb", "compression": "jpeg", "metadata": None, "software": False}
    tags = [
        (315, 2, 0, "Dr Maria Weber", True),
        (316, 2, 0, "PATHOLOGY-PC7", True),
        (306, 2, 20, "2019:12:29 09:59:15", True),
    ]
    with tifffile.TiffWriter(path) as file:
        file.write(pixels, tile=(256, 256), description=APERIO, extratags=tags, **common)
        for word, kind in (("label", 1), ("macro", 9)):
            file.write(
                private, rowsperstrip=16, description=f"Aperio Image Library\n{word} 80x60", subfiletype=kind, **common
            )
    return path


@pytest.fixture
def features(tmp_path: Path) -> Path:
    """An h5 as CLAM writes it."""
    path = tmp_path / "features.h5"
    with h5py.File(path, "w") as file:
        data = file.create_dataset("coords", data=np.zeros((2, 2), np.int64))
        data.attrs["savedir"] = "/home/jdoe/Roe Jane 1950/patches"
        data.attrs["patch_size"] = 256
        data.attrs["name"] = "scan"
        file["elsewhere"] = h5py.ExternalLink("/home/jdoe/other.h5", "x")
    return path


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "patients.csv"
    cells = {
        "id": ["P1", "P2"],
        "Last Name": ["Roe", "Poe"],
        "date_of_birth": ["1950-03-04", "1961-07-08"],
        "remark": ["seen by jane@clinic.org", ""],
        "age": [70, 60],
        "grade": ["high", "low"],
    }
    pd.DataFrame(cells).to_csv(path, index=False)
    return path


@pytest.fixture
def write_dicom(tmp_path: Path) -> Callable[..., Path]:
    """Writes a small DICOM file with a patient in it."""

    def write(name: str = "scan.dcm", **more: object) -> Path:
        import pydicom
        from pydicom.dataset import Dataset, FileMetaDataset

        data = Dataset()
        data.file_meta = FileMetaDataset()
        data.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
        data.SOPClassUID, data.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.77.1.6", "1.2.3.4"
        data.PatientName, data.PatientBirthDate, data.PatientID = PERSON, BORN, NUMBER
        data.StudyDate, data.AccessionNumber, data.BurnedInAnnotation = "20191229", "S19-12345", "YES"
        data.ImageType = ["ORIGINAL", "PRIMARY", "LABEL", "NONE"]
        data.add_new((0x0009, 0x0010), "LO", "MAKER")
        data.add_new((0x0009, 0x1001), "LO", "Roe Jane")
        for keyword, value in more.items():
            setattr(data, keyword, value)
        path = tmp_path / name
        data.save_as(path, enforce_file_format=True)
        return path

    return write


@pytest.fixture
def photograph(tmp_path: Path) -> Path:
    """A JPEG with EXIF, a position among it."""
    path = tmp_path / "photo.jpg"
    exif = Image.Exif()
    exif[315], exif[306] = "Maria Weber", "2019:12:29 10:00:00"
    exif.get_ifd(34853)[1] = "N"
    Image.new("RGB", (16, 16)).save(path, exif=exif)
    return path
