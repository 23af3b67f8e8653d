"""What a slide is flagged for, and what it is not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from survviz.types import Notice
from survviz.wsi.flags import SHARP, sharpness, slide_notices, stain_of, stain_of_density
from survviz.wsi.slide import open_slide
from survviz.wsi.tissue import optical_density, tissue_mask

ROOT = Path(__file__).parents[2]


def notices(path: Path, mpp: float | None = None) -> dict[str, Notice]:
    with open_slide(path, mpp, probe=False) as slide:
        return {notice.code: notice for notice in slide_notices(slide, tissue_mask(slide))}


def test_brown_stain_stops(write_pyramid, tissue_like) -> None:
    found = notices(write_pyramid(tissue_like(1500, 1500, colour=(140, 95, 60))))
    assert found["slide.stain"].level == "stop"
    assert "brown (DAB)" in found["slide.stain"].text


def test_blue_only_stain_stops(write_pyramid, tissue_like) -> None:
    assert (
        "without eosin" in notices(write_pyramid(tissue_like(1500, 1500, colour=(140, 145, 175))))["slide.stain"].text
    )


def test_pink_and_purple_stain_does_not_stop(write_pyramid, tissue_like) -> None:
    for colour in ((190, 110, 170), (220, 150, 190), (150, 90, 160)):
        assert "slide.stain" not in notices(write_pyramid(tissue_like(1500, 1500, colour=colour)))


def test_a_coarse_slide_says_what_was_given_and_what_follows(write_pyramid, tissue_like) -> None:
    image = tissue_like(2400, 2400)
    found = notices(write_pyramid(image, mpp=None), 2.0)["slide.coarse"]
    assert found.level == "warning"
    assert "2 um/px (you gave it)" in found.text
    assert "0.5 um/px" in found.text
    assert "enlarged 4.0 times" in found.text
    assert "the file declares" in notices(write_pyramid(image, mpp=1.0))["slide.coarse"].text
    assert "slide.coarse" not in notices(write_pyramid(image, mpp=0.5))
    assert "slide.coarse" not in notices(write_pyramid(image, mpp=0.25))


def test_a_slide_of_glass_with_a_crumb_says_so(write_pyramid, tissue_like) -> None:
    image = np.full((6000, 6000, 3), 244, np.uint8)
    image[1000:1500, 1000:1500] = tissue_like(500, 500)
    found = notices(write_pyramid(image))["slide.glass"]
    assert found.level == "warning"
    assert "mostly glass" in found.text
    assert "Few patches" in found.text


def test_a_slide_with_little_tissue_is_said_to_be_mostly_glass(write_pyramid, tissue_like) -> None:
    image = np.full((4000, 4000, 3), 244, np.uint8)
    image[1000:1900, 1000:1900] = tissue_like(900, 900)
    assert notices(write_pyramid(image))["slide.glass"].level == "info"
    assert "slide.glass" not in notices(write_pyramid(tissue_like(1500, 1500)))


def test_a_pixel_size_from_a_person_is_said_to_be_one(write_pyramid, tissue_like) -> None:
    image = tissue_like(1500, 1500)
    assert "0.5 um/px was given by a person" in notices(write_pyramid(image, mpp=None), 0.5)["slide.mpp"].text
    assert "slide.mpp" not in notices(write_pyramid(image, mpp=0.5))


SAMPLE_SLIDES = sorted((ROOT / "sample_data" / "slides").glob("*.tif"))
LARGEST = max(SAMPLE_SLIDES, key=lambda path: path.stat().st_size)


@pytest.mark.parametrize(
    "slide",
    [pytest.param(one, id=one.stem, marks=[pytest.mark.slow] if one == LARGEST else []) for one in SAMPLE_SLIDES],
)
def test_sample_slides_are_sharp_and_their_blurred_copies_are_not(slide: Path, write_pyramid) -> None:
    with open_slide(slide, probe=False) as opened:
        width, height = opened.dimensions
        image = opened.read_region(0, 0, 0, width, height)
        mpp = opened.mpp
    for sigma_um, flagged in ((0.0, False), (0.75, True), (1.5, True)):
        blurred = ndimage.gaussian_filter(image, (sigma_um / mpp, sigma_um / mpp, 0)) if sigma_um else image
        found = notices(write_pyramid(blurred, mpp=mpp, name=f"blurred-{sigma_um}.tif", compression="jpeg"))
        assert ("slide.blurred" in found) is flagged


def test_a_flat_slide_is_named_only_where_its_overview_is_dear(formula_slide, write_pyramid, tissue_like) -> None:
    big, _ = formula_slide(12_000, 12_000)
    small, _ = formula_slide(5000, 5000)
    with open_slide(write_pyramid(tissue_like(1500, 1500)), probe=False) as slide:
        mask = tissue_mask(slide)
    assert "slide.flat" in [notice.code for notice in slide_notices(big, mask)]
    assert "slide.flat" not in [notice.code for notice in slide_notices(small, mask)]


def test_the_most_serious_notice_comes_first(write_pyramid, tissue_like) -> None:
    path = write_pyramid(tissue_like(1500, 1500, colour=(140, 95, 60)), mpp=2.0)
    assert list(notices(path))[:2] == ["slide.stain", "slide.coarse"]


@pytest.mark.real
def test_real_he_slides_raise_no_alarm(shared_data) -> None:
    assert notices(shared_data / "slides" / "CMU-1-Small-Region.svs") == {}
    tcga = shared_data / "slides" / "TCGA-CR-7395-01A-01-TS1.svs"
    assert list(notices(tcga, 2.0)) == ["slide.coarse", "slide.mpp"]
    assert list(notices(tcga, 0.5)) == ["slide.mpp"]


@pytest.mark.real
@pytest.mark.parametrize(
    ("name", "mpp", "words"),
    [
        ("kidney-48-5.tif", 8.0, "without eosin"),
        ("kidney-48-5.tif", 0.5, "without eosin"),
        ("test3-DAPI-2-387.ndpi", None, "fluorescence"),
        ("small_vectra.qptiff", None, "fluorescence (3 channels)"),
        ("multi-channel-z-series.ome.tif", 0.5, "fluorescence (3 channels)"),
    ],
)
def test_real_slides_of_other_stains_stop(shared_data, name, mpp, words) -> None:
    found = notices(shared_data / "slides" / name, mpp)["slide.stain"]
    assert found.level == "stop"
    assert words in found.text


@pytest.mark.real
def test_a_real_slide_out_of_focus_is_flagged(shared_data, write_pyramid) -> None:
    with open_slide(shared_data / "slides" / "CMU-1-Small-Region.svs", probe=False) as slide:
        image = slide.read_region(0, 0, 0, *slide.dimensions)
    blurred = ndimage.gaussian_filter(image, (1.5, 1.5, 0))
    assert "slide.blurred" in notices(write_pyramid(blurred, compression="jpeg"))
    assert "slide.blurred" not in notices(write_pyramid(image, compression="jpeg"))


@pytest.mark.real
def test_gliomas_are_he_and_sharp(shared_data) -> None:
    files = sorted((shared_data / "gbmlgg" / "roi").glob("*.jpg"))[::30]
    images = [np.asarray(Image.open(file).convert("RGB")) for file in files]
    words = [stain_of_density(optical_density(image).reshape(-1, 3)).words for image in images]
    assert words.count("H&E") >= 0.98 * len(words)
    assert np.mean([sharpness(image) > SHARP for image in images]) > 0.98


@pytest.mark.real
def test_stain_words_are_given_for_every_slide_with_tissue(shared_data) -> None:
    with open_slide(shared_data / "slides" / "CMU-1-Small-Region.svs", probe=False) as slide:
        stain = stain_of(slide, tissue_mask(slide))
    assert stain.words == "H&E"
    assert stain.pink > 0.5
    assert stain.brown < 0.01
