"""Words that occur nowhere else, planted where personal data lies; and the search for them in whatever leaves."""

from __future__ import annotations

import gzip
import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import tifffile
from PIL import Image

FOLDER, STEM, CASE = "Quonsetfolder", "Roe_Jane_Quonsetstem", "Roe Jane Quonsetcase"
TAGS = ("Quonsetartist", "Quonsethost", "Quonsetfilename", "Quonsetuser", "Quonsetscanner", "Quonsetlabel")
SAVEDIR, HEADER, PRIVATE, NUMBER = "Quonsetsavedir", "Quonsetpatient", "Quonsetprivate", "Quonsetnumber"
ANY = b"quonset"
MAGENTA = (255, 0, 255)


def personal_slide(source: Path, folder: Path, stem: str = STEM) -> Path:
    """A copy of a slide, with a description, tags, and a label of one colour."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{stem}{source.suffix}"
    said = f"scan|Filename = {TAGS[2]}|User = {TAGS[3]}|ScanScope ID = {TAGS[4]}"
    tags = [(315, 2, 0, TAGS[0], True), (316, 2, 0, TAGS[1], True)]
    common = {"photometric": "rgb", "metadata": None, "compression": "jpeg"}
    with tifffile.TiffFile(source) as read, tifffile.TiffWriter(path) as file:
        for number, page in enumerate(read.pages):
            where = {"resolution": page.resolution, "resolutionunit": page.resolutionunit} if not number else {}
            more = {"description": said, "extratags": tags} if not number else {"subfiletype": 1}
            file.write(page.asarray(), tile=(256, 256), **where, **more, **common)
        label = np.full((96, 128, 3), MAGENTA, np.uint8)
        file.write(label, description=f"label {TAGS[5]}", **common)
    return path


def personal_features(path: Path) -> None:
    """Puts `savedir` into a feature file, as CLAM does."""
    with h5py.File(path, "r+") as file:
        file.attrs["savedir"] = f"/home/{SAVEDIR}/patches"
        file["coords"].attrs["savedir"] = f"/home/{SAVEDIR}/patches"


def streams(body: bytes) -> Iterator[bytes]:
    """The bytes, and those of everything that is packed in them."""
    yield body
    if body[:2] == b"\x1f\x8b":
        yield gzip.decompress(body)
    if body[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            for name in archive.namelist():
                yield name.encode()
                yield from streams(archive.read(name))
    if body[:4] == b"%PDF":
        import pypdf

        reader = pypdf.PdfReader(io.BytesIO(body))
        yield " ".join(page.extract_text() for page in reader.pages).encode()
        yield repr(reader.metadata).encode()
        for packed in re.finditer(rb"stream\r?\n(.*?)endstream", body, re.DOTALL):
            try:
                yield zlib.decompress(packed[1])
            except zlib.error:
                continue
    if body[:8] == b"\x89PNG\r\n\x1a\n":
        with Image.open(io.BytesIO(body)) as image:
            image.load()
            yield repr(image.info).encode()


def leaks(body: bytes, words: bytes = ANY) -> list[str]:
    """What surrounds each planted word, in any case of letters and in UTF-16 too."""
    found: list[str] = []
    for stream in streams(body):
        plain = stream.lower()
        for form in (words, words.decode().encode("utf-16-le")):
            at = plain.find(form)
            if at >= 0:
                found.append(repr(stream[max(0, at - 60) : at + 60]))
    return found


def shows_label(body: bytes) -> bool:
    """Whether a picture holds the colour of the planted label."""
    with Image.open(io.BytesIO(body)) as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    return bool((np.abs(pixels - MAGENTA).max(axis=-1) < 40).any())
