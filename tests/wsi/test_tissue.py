"""Tissue is found; glass, pen, shadow and film are not."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from survviz.errors import NoTissueError
from survviz.wsi.slide import open_slide
from survviz.wsi.tissue import tissue_mask, tissue_mask_of_image

CLASSES = ("ADI", "BACK", "DEB", "LYM", "MUC", "MUS", "NORM", "STR", "TUM")


def shares(rgb: np.ndarray, mpp: float) -> tuple[float, float]:
    found = tissue_mask_of_image(rgb, mpp=mpp)
    assert not (found.tissue & found.pen).any()
    return float(found.tissue.mean()), float(found.pen.mean())


def read(path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"))


@pytest.mark.parametrize("colour", [(190, 110, 170), (214, 170, 205), (90, 60, 140), (140, 95, 60)])
def test_a_stained_disc_is_found_where_it_is(tissue_like, colour) -> None:
    image = tissue_like(400, 300, colour=colour)
    y, x = np.mgrid[:300, :400]
    disc = (x - 200) ** 2 + (y - 150) ** 2 < (0.38 * 300) ** 2
    found = tissue_mask_of_image(image).tissue
    overlap = (found & disc).sum() / (found | disc).sum()
    assert overlap > 0.9


@pytest.mark.parametrize("tint", [(0.97, 0.95, 0.98), (0.96, 0.88, 0.94), (0.92, 0.92, 0.86)])
def test_the_mask_does_not_change_when_the_glass_is_tinted(tissue_like, tint) -> None:
    image = tissue_like(400, 300)
    tinted = np.clip(image * np.array(tint), 0, 255).astype(np.uint8)
    first, second = tissue_mask_of_image(image).tissue, tissue_mask_of_image(tinted).tissue
    assert (first & second).sum() / (first | second).sum() > 0.97


@pytest.mark.parametrize(
    ("name", "ink"),
    [("green", (40, 160, 130)), ("blue", (40, 70, 170)), ("red", (205, 25, 35)), ("black", (25, 22, 26))],
)
def test_pen_is_not_tissue(tissue_like, name, ink) -> None:
    image = tissue_like(500, 400)
    image[30:60, 40:460] = ink
    image[180:215, 40:460] = ink
    found = tissue_mask_of_image(image)
    assert not found.tissue[30:60, 40:460].any(), name
    assert not found.tissue[183:212, 45:455].any(), name
    assert found.pen[30:60, 40:460].mean() > 0.95
    assert found.tissue[230:300, 200:300].mean() > 0.9


def test_grey_shadow_cover_slip_edge_and_dust_are_not_tissue() -> None:
    image = np.full((400, 600, 3), 243, np.uint8)
    image[:, 100:104] = 120  # edge of the cover slip
    ramp = np.linspace(243, 150, 200).astype(np.uint8)
    image[:, 400:] = ramp[None, :, None]  # shadow
    image[200:206, 300:306] = (150, 60, 120)  # a stained speck
    assert not tissue_mask_of_image(image).tissue.any()


def test_even_colour_is_not_tissue() -> None:
    image = np.full((300, 300, 3), 244, np.uint8)
    image[50:250, 50:250] = (150, 90, 150)
    assert not tissue_mask_of_image(image).tissue.any()


def test_bright_cells_on_black_are_found() -> None:
    image = np.zeros((300, 300, 3), np.uint8)
    rng = np.random.default_rng(0)
    image[100:200, 100:200, 2] = rng.integers(60, 200, (100, 100))
    found = tissue_mask_of_image(image)
    assert found.dark_background
    assert found.tissue[110:190, 110:190].all()
    assert found.tissue.mean() < 0.2


def test_a_slide_without_tissue_is_an_error_in_words(write_pyramid) -> None:
    with (
        open_slide(write_pyramid(np.full((1200, 1200, 3), 244, np.uint8), name="glass.tif")) as slide,
        pytest.raises(NoTissueError, match="glass: no tissue was found"),
    ):
        tissue_mask(slide)


def test_mask_knows_its_scale(write_pyramid, tissue_like) -> None:
    with open_slide(write_pyramid(tissue_like(3000, 2000)), probe=False) as slide:
        mask = tissue_mask(slide, max_side=600)
        assert max(mask.mask.shape) <= 600
        assert mask.downsample == pytest.approx((3000 / mask.mask.shape[1], 2000 / mask.mask.shape[0]))
        assert mask.share_tissue == pytest.approx(np.pi * 760**2 / 6e6, rel=0.08)
        assert mask.share_pen == 0


@pytest.mark.real
@pytest.mark.parametrize("name", CLASSES)
def test_nct_crc_classes_are_tissue_except_background(shared_data, name) -> None:
    for index in range(3):
        tissue, pen = shares(read(shared_data / "patches" / "nct_crc" / f"{name}_{index}.png"), 0.5)
        assert pen == 0
        assert tissue == 0 if name == "BACK" else tissue > 0.9


@pytest.mark.real
@pytest.mark.parametrize(
    ("name", "mpp", "tissue", "pen"),
    [
        ("almost-white-1", 1, (0, 0), (0, 0)),
        ("almost-white-2", 1, (0, 0.1), (0, 0)),
        ("almost-white-ihc", 1, (0, 0), (0, 0)),
        ("no-tissue", 1, (0, 0), (0, 0)),
        ("no-tissue2", 1, (0, 0.02), (0, 0)),
        ("no-tissue-line", 1, (0, 0), (0, 0.02)),
        ("no-tissue-green-pen", 1, (0, 0.01), (0.7, 0.9)),
        ("no-tissue-red-pen", 1, (0, 0.01), (0.6, 0.9)),
        ("diagnostic-slide-thumb-rgb", 25, (0.35, 0.5), (0.2, 0.4)),
        ("high-nuclei-score-red-pen-level1", 1, (0.8, 0.95), (0.05, 0.2)),
        ("medium-nuclei-score-green-pen-level1", 1, (0.3, 0.6), (0.4, 0.65)),
        ("tcga-green-pen", 2, (0.7, 0.85), (0.15, 0.3)),
        ("tcga-red-pen", 2, (0.5, 0.7), (0.25, 0.4)),
        ("tcga-lung-rgb", 0.5, (0.85, 1), (0, 0.01)),
    ],
)
def test_pen_and_glass_images(shared_data, name, mpp, tissue, pen) -> None:
    found = shares(read(shared_data / "patches" / "pen_and_glass" / f"{name}.png"), mpp)
    assert tissue[0] <= found[0] <= tissue[1]
    assert pen[0] <= found[1] <= pen[1]


@pytest.mark.real
@pytest.mark.parametrize(
    ("name", "mpp", "low", "high"),
    [
        ("CMU-1-Small-Region.svs", None, 0.33, 0.45),
        ("TCGA-CR-7395-01A-01-TS1.svs", 2.0, 0.58, 0.68),
        ("kidney-48-5.tif", 8.0, 0.002, 0.006),
        ("test3-DAPI-2-387.ndpi", None, 0.6, 0.9),
        ("small_vectra.qptiff", None, 0.45, 0.65),
    ],
)
def test_real_slides_have_as_much_tissue_as_one_sees(shared_data, name, mpp, low, high) -> None:
    with open_slide(shared_data / "slides" / name, mpp, probe=False) as slide:
        mask = tissue_mask(slide)
    assert low <= mask.share_tissue <= high
    assert mask.share_pen < 0.01
