"""TIFF and the vendors' formats: tags, descriptions (Aperio, OME, Philips, QPTIFF, Ventana), EXIF, label and macro."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from survviz.phi.finding import Finding
from survviz.phi.keys import findings_of, shown

PRIVATE_IMAGES = re.compile(r"\b(label|macro)", re.IGNORECASE)
PRIVATE_SUBFILES = {1: "label", 9: "macro"}
"""Aperio's NewSubfileType of strips that are no level."""
SERIAL = re.compile(r"(?:\bS/?N|serial(?: ?(?:no|number))?)[:#= ]+([A-Z0-9-]{3,})", re.IGNORECASE)
NAMED_TAGS = {
    269: "DocumentName", 285: "PageName", 306: "DateTime", 315: "Artist", 316: "HostComputer", 33432: "Copyright",
    65427: "Hamamatsu Reference", 65442: "Hamamatsu serial number",
}  # fmt: skip
KEYS_OF_TAGS = {269: "title", 285: "title", 33432: "copyright", 65427: "barcode", 65442: "serial"}
TEXT_TAGS = {270: "ImageDescription", 305: "Software", 271: "Make", 272: "Model", 65449: "Hamamatsu properties"}
BLOCK_TAGS = {700: "XMP", 33723: "IPTC", 34377: "Photoshop blocks"}
EXIF_TAGS = {34665: "EXIF", 34853: "GPS"}
PICTURE_BLOCKS = ("exif", "icc_profile", "ExifOffset")
MAX_PAGES = 512
MOST_XML = 4 * 2**20


def of_tiff(path: Path, file: str, *, show: bool) -> Iterator[Finding]:
    """What the tags of a TIFF file hold, page by page; nothing of its pixels is read."""
    import tifffile

    with tifffile.TiffFile(path) as tiff:
        if not len(tiff.pages):
            yield Finding("not-checked", file, "it has no page; it is damaged")
        for number, page in enumerate(tiff.pages[:MAX_PAGES]):
            if not isinstance(page, tifffile.TiffPage):
                page = page.aspage()
            yield from _private_image(page, number, file)
            for tag in page.tags:
                yield from _tag(tag, f"page {number}", file, show)


def _private_image(page: Any, number: int, file: str) -> Iterator[Finding]:
    said = PRIVATE_IMAGES.search(str(page.description)[:2000]) if len(str(page.description)) < 2000 else None
    word = said[1].lower() if said else ""
    if not word and page.description.startswith("Aperio") and not page.is_tiled:
        word = PRIVATE_SUBFILES.get(int(page.subfiletype), "")
    if not word and 65421 in page.tags and float(page.tags[65421].value) == -1:  # Hamamatsu: SourceLens
        word = "macro"
    if word:
        size = f"{page.imagewidth} x {page.imagelength} pixels"
        yield Finding("label-image" if word == "label" else "macro-image", file, f"page {number}, {size}")


def _tag(tag: Any, page: str, file: str, show: bool) -> Iterator[Finding]:
    if tag.code in BLOCK_TAGS:
        yield from of_text(_as_text(tag.value), f"{BLOCK_TAGS[tag.code]} of {page}", file, show)
        return
    if tag.code in NAMED_TAGS:
        key = KEYS_OF_TAGS.get(tag.code, NAMED_TAGS[tag.code])
        yield from findings_of(file, f"{NAMED_TAGS[tag.code]} of {page}", key, tag.value, show=show)
        return
    if tag.code in EXIF_TAGS and isinstance(tag.value, dict):
        yield from of_exif(tag.value, f"{EXIF_TAGS[tag.code]} of {page}", file, show)
        return
    if tag.code in TEXT_TAGS and isinstance(tag.value, str | bytes):
        yield from of_text(_as_text(tag.value), f"{TEXT_TAGS[tag.code]} of {page}", file, show)


def _as_text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def of_exif(values: dict[Any, Any], where: str, file: str, show: bool) -> Iterator[Finding]:
    """Owner, serial numbers, dates, comments; a position as a whole."""
    if where.startswith("GPS") and values:
        yield Finding("place", file, where)
        return
    for key, value in values.items():
        name = str(key)
        if isinstance(value, dict):
            yield from of_exif(value, f"GPS in {where}" if "GPS" in name else where, file, show)
        elif isinstance(value, str | bytes) and len(value) < 10_000:
            yield from findings_of(file, f"{name} in {where}", name, value, show=show)


def of_text(text: str, where: str, file: str, show: bool) -> Iterator[Finding]:
    """A description: XML, Aperio's `key = value|`, lines of `key=value`, or prose."""
    text = text.strip()
    if text.startswith("<") and len(text) <= MOST_XML and (root := _xml(text)) is not None:
        yield from _of_xml(root, where, file, show)
        return
    parts = re.split(r"[|\r\n]+", text)
    prose = []
    for part in parts:
        key, equals, value = part.partition("=")
        if equals and len(key) < 60:
            yield from findings_of(file, f"{key.strip()} in {where}", key.strip(), value, show=show)
        else:
            prose.append(part)
    for found in SERIAL.finditer(" ".join(prose)):
        yield Finding("serial-number", file, where, shown(found[1], show))
    yield from findings_of(file, where, "prose", " ".join(prose), show=show)


def _xml(text: str) -> ElementTree.Element | None:
    if "<!DOCTYPE" in text[:10_000] or "<!ENTITY" in text:  # entities can be made to exhaust memory
        return None
    try:
        return ElementTree.fromstring(re.sub(r"<\?(?!xml).*?\?>", "", text, flags=re.DOTALL))
    except (ElementTree.ParseError, ValueError):
        return None


def _of_xml(root: ElementTree.Element, where: str, file: str, show: bool) -> Iterator[Finding]:
    """Elements and attributes by their names; Philips names values by an attribute, and embeds label and macro."""
    image_type = ""
    for element in root.iter():
        name = str(element.tag).rpartition("}")[2]
        named = element.get("Name", "") if name.lower() == "attribute" else ""
        key, text = re.sub(r"^(?:DICOM|PII?M_DP(?:_UFS)?)_", "", named or name).replace("_", " "), element.text or ""
        if named.endswith("IMAGE_TYPE"):
            image_type = text.strip().upper()
        if named.endswith("IMAGE_DATA"):
            if PRIVATE_IMAGES.match(image_type):
                code = "label-image" if image_type.startswith("LABEL") else "macro-image"
                yield Finding(code, file, f"{named} in {where}, {len(text):,} characters of base64")
            continue
        yield from findings_of(file, f"{named or name} in {where}", key.title() if named else key, text, show=show)
        for attribute, value in element.attrib.items():
            plain = attribute.rpartition("}")[2]
            if "schemaLocation" not in plain and plain not in ("Name", "Group", "Element", "ID", "Creator"):
                yield from findings_of(file, f"{name}/{plain} in {where}", plain, value, show=show)


def of_vendor(path: Path, file: str, *, show: bool) -> Iterator[Finding]:
    """Properties that OpenSlide tells of any format (NDPI, MRXS, SCN, BIF ...), and sizes of label and macro."""
    import openslide

    try:
        if openslide.OpenSlide.detect_format(path) is None:
            return
        handle = openslide.OpenSlide(path)
    except (openslide.OpenSlideError, ValueError):
        return
    with handle:
        properties = dict(handle.properties)
    for word in ("label", "macro"):
        width, height = (properties.get(f"openslide.associated.{word}.{side}") for side in ("width", "height"))
        if width:
            code = "label-image" if word == "label" else "macro-image"
            yield Finding(code, file, f"associated image, {width} x {height} pixels")
    for key, value in properties.items():
        if key.startswith("openslide.") and key != "openslide.comment":
            continue
        if key in ("openslide.comment", "tiff.ImageDescription"):
            yield from of_text(value, key, file, show)
        elif len(value) < 10_000:
            yield from findings_of(file, key, key.rpartition(".")[2], value, show=show)


def of_picture(path: Path, file: str, *, show: bool) -> Iterator[Finding]:
    """EXIF and texts of a JPEG or PNG."""
    from PIL import ExifTags, Image

    with Image.open(path) as image:
        exif = image.getexif()
        named = {ExifTags.TAGS.get(code, str(code)): value for code, value in exif.items()}
        inner = {ExifTags.TAGS.get(code, str(code)): value for code, value in exif.get_ifd(34665).items()}
        if exif.get_ifd(34853):
            yield Finding("place", file, "GPS in EXIF")
        for key, value in {**named, **inner, **image.info}.items():
            if (
                isinstance(value, str | bytes)
                and key not in ("exif", "icc_profile", "ExifOffset")
                and len(value) < 10_000
            ):
                yield from findings_of(file, f"{key} of the picture", str(key), value, show=show)
