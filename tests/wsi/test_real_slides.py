"""Every file of the shared slides: what opens, what it declares, what it shows, what it hides."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import openslide
import pytest

from survviz.errors import MissingMppError, SlideError
from survviz.wsi.direct_backend import DirectBackend
from survviz.wsi.openslide_backend import OpenSlideBackend
from survviz.wsi.slide import open_slide, read_slide_info

pytestmark = pytest.mark.real

DAMAGED = {"broken.svs", "unreadable.svs"}
EXPECTED: dict[str, tuple[str, tuple[int, int], int, float | None, bool]] = {
    "CMU-1-Small-Region.svs": ("aperio", (2220, 2967), 1, 0.499, True),
    "TCGA-CR-7395-01A-01-TS1.svs": ("aperio", (4443, 3567), 2, None, True),
    "boxes.tiff": ("generic-tiff", (300, 250), 4, None, True),
    "boxes_0.dcm": ("dicom", (16, 16), 1, 0.499, True),
    "boxes_1.dcm": ("dicom", (16, 16), 1, 0.499, True),
    "kidney-48-5.tif": ("generic-tiff", (1493, 901), 1, None, True),
    "multi-channel-z-series.ome.tif": ("ome-tiff", (439, 167), 1, None, False),
    "multi_frame_jpeg_camelyon.dcm": ("dicom", (1152, 700), 1, None, True),
    "sm_image.dcm": ("dicom", (50, 50), 1, 0.499, True),
    "small.svs": ("aperio", (16, 16), 1, 0.499, True),
    "small_vectra.qptiff": ("perkinelmer-qptiff", (1920, 1440), 1, 0.4965, False),
    "test3-DAPI-2-387.ndpi": ("hamamatsu", (3968, 4864), 7, 0.2282, True),
}
PRIVATE = ("user", "date", "time", "filename", "scanscope", "imageid", "serial", "barcode", "label", "macro", "comment")


@pytest.fixture(params=sorted(EXPECTED))
def path(request: pytest.FixtureRequest, shared_data: Path) -> Path:
    return shared_data / "slides" / request.param


def test_every_shared_file_is_accounted_for(shared_data) -> None:
    files = {file.name for file in (shared_data / "slides").iterdir()}
    assert files == set(EXPECTED) | DAMAGED


def test_it_opens_and_says_what_it_is(path) -> None:
    info = read_slide_info(path)
    vendor, dimensions, levels, mpp, is_rgb = EXPECTED[path.name]
    assert (info.vendor, info.dimensions, len(info.levels), info.is_rgb) == (vendor, dimensions, levels, is_rgb)
    assert info.declared_mpp == (None if mpp is None else pytest.approx(mpp, abs=1e-4))


def test_nothing_in_its_description_could_name_a_patient(path) -> None:
    info = read_slide_info(path)
    for key, value in info.properties.items():
        assert not any(word in key.lower() for word in PRIVATE), key
        assert len(value) < 40
    with open_slide(path, info.declared_mpp or 1.0) as slide:
        assert not any("associated" in name or "label" in name for name in dir(slide))


@pytest.mark.parametrize("name", ["test3-DAPI-2-387.ndpi", "CMU-1-Small-Region.svs"])
def test_a_real_slide_may_be_closed_while_others_read_it(shared_data, name) -> None:
    slide = open_slide(shared_data / "slides" / name)

    def read_until_closed(_: int) -> str:
        try:
            while True:
                slide.read_region(300, 300, 0, 256, 256)
        except SlideError as error:
            return str(error)

    with ThreadPoolExecutor(4) as pool:
        messages = pool.map(read_until_closed, range(4))
        slide.close()
        assert all("was closed" in message for message in messages)


def test_it_shows_a_picture(path) -> None:
    with open_slide(path, read_slide_info(path).declared_mpp or 1.0) as slide:
        thumbnail = slide.thumbnail(500)
        whole = slide.read_region(0, 0, len(slide.levels) - 1, slide.levels[-1].width, slide.levels[-1].height)
        assert max(thumbnail.shape) <= 500
        assert thumbnail.std() > 1
        np.testing.assert_allclose(thumbnail.mean((0, 1)), whole.mean((0, 1)), atol=4)
        assert len(slide.content_hash()) == 64


@pytest.mark.parametrize("name", sorted(name for name, row in EXPECTED.items() if row[3] is None))
def test_a_pixel_size_it_does_not_declare_is_asked_for(shared_data, name) -> None:
    with pytest.raises(MissingMppError, match=name):
        open_slide(shared_data / "slides" / name)


def test_the_tcga_slide_is_said_to_look_coarse(shared_data) -> None:
    with pytest.raises(MissingMppError, match=r"extent suggests about 2 um/px.*0\.25 \(40x\) and 0\.5 \(20x\).*--mpp"):
        open_slide(shared_data / "slides" / "TCGA-CR-7395-01A-01-TS1.svs")


def test_the_vectra_composite_uses_the_colours_of_the_file(shared_data) -> None:
    with open_slide(shared_data / "slides" / "small_vectra.qptiff") as slide:
        shown = slide.thumbnail(400)
    assert slide.info.channels == 3
    assert all(shown[..., channel].max() > 150 for channel in range(3))


@pytest.mark.parametrize("name", ["CMU-1-Small-Region.svs", "small.svs"])
def test_tiles_decoded_directly_are_those_of_openslide(shared_data, name) -> None:
    path = shared_data / "slides" / name
    described = OpenSlideBackend(path)
    direct = DirectBackend(path, described)
    width, height = direct.info.dimensions
    np.testing.assert_array_equal(direct.read(0, 0, 0, width, height), described.read(0, 0, 0, width, height))
    assert direct.info.declared_mpp == described.info.declared_mpp
    assert direct.identity() == described.identity() != ""
    direct.close()
    described.close()


def test_a_slide_that_is_not_plain_jpeg_is_left_to_openslide(shared_data) -> None:
    path = shared_data / "slides" / "TCGA-CR-7395-01A-01-TS1.svs"
    described = OpenSlideBackend(path)
    with pytest.raises(SlideError):
        DirectBackend(path, described)
    described.close()


def test_pixels_are_those_of_openslide(shared_data) -> None:
    path = shared_data / "slides" / "TCGA-CR-7395-01A-01-TS1.svs"
    with open_slide(path, 2.0) as slide, openslide.OpenSlide(path) as reference:
        for x, y, level in ((1000, 1200, 0), (0, 0, 1), (4300, 3400, 0)):
            other = np.asarray(reference.read_region((x, y), level, (256, 256)).convert("RGBA"))
            mine = slide.read_region(x, y, level, 256, 256)
            seen = other[..., 3] == 255
            np.testing.assert_array_equal(mine[seen], other[..., :3][seen])
            assert (mine[other[..., 3] == 0] == 255).all()
