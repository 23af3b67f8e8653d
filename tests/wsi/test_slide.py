"""Opening slides: pixel sizes, levels, pixels, identity."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
import tifffile

from survviz.errors import InputError, MissingMppError, SlideError
from survviz.wsi.info import plausible_mpp, size_hint, whole_downsample
from survviz.wsi.segments import SegmentCache
from survviz.wsi.slide import Slide, open_slide, read_slide_info


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    rng = np.random.default_rng(1)
    return np.kron(rng.integers(0, 256, (45, 61, 3)), np.ones((16, 16, 1))).astype(np.uint8)[:713, :971]


def test_tiled_tiff_is_read_exactly_at_every_level(write_pyramid, image) -> None:
    with open_slide(write_pyramid(image), probe=False) as slide:
        assert (slide.vendor, slide.dimensions, slide.slide_id) == ("generic-tiff", (971, 713), "slide")
        assert (slide.mpp, slide.mpp_source) == (pytest.approx(0.5, rel=1e-6), "file")
        assert [level.downsample for level in slide.levels] == [1.0, 2.0, 4.0]
        np.testing.assert_array_equal(slide.read_region(100, 50, 0, 300, 200), image[50:250, 100:400])
        second = slide.read_region(200, 100, 1, 64, 32)
        np.testing.assert_array_equal(second[4, 4], image[108, 208])


def test_jpeg_2000_in_plain_tiff_is_read(write_pyramid, image) -> None:
    path = write_pyramid(image, compression="jpeg2000")
    with open_slide(path, probe=False) as slide:
        assert slide.vendor == "generic-tiff"
        assert slide.info.properties["compression"] == "JPEG2000"
        assert slide.mpp == pytest.approx(0.5, rel=1e-6)
        np.testing.assert_array_equal(slide.read_region(0, 0, 0, 971, 713), image)


@pytest.mark.parametrize("compression", ["zlib", "jpeg2000"])
def test_outside_the_slide_is_white(write_pyramid, image, compression) -> None:
    with open_slide(write_pyramid(image, compression=compression), probe=False) as slide:
        region = slide.read_region(-10, -20, 0, 1000, 800)
    assert region.shape == (800, 1000, 3)
    np.testing.assert_array_equal(region[20:733, 10:981], image)
    region[20:733, 10:981] = 255
    assert (region == 255).all()
    with open_slide(write_pyramid(image), probe=False) as slide:
        assert (slide.read_region(5000, 5000, 0, 10, 10) == 255).all()


def test_sixteen_bit_rgb_is_scaled_not_wrapped(write_pyramid, image) -> None:
    path = write_pyramid(image.astype(np.uint16) * 257, compression="jpeg2000")
    with open_slide(path, probe=False) as slide:
        np.testing.assert_array_equal(slide.read_region(0, 0, 0, 971, 713), image)


def test_planar_rgb_is_read(write_pyramid, image) -> None:
    path = write_pyramid(
        np.ascontiguousarray(np.moveaxis(image, -1, 0)), levels=1, planarconfig="separate", compression="jpeg2000"
    )
    with open_slide(path, probe=False) as slide:
        assert slide.info.is_rgb
        np.testing.assert_array_equal(slide.read_region(3, 5, 0, 400, 300), image[5:305, 3:403])


def test_strips_are_read(tmp_path, image) -> None:
    tifffile.imwrite(tmp_path / "strips.tif", image, photometric="rgb", rowsperstrip=50, compression="lzw")
    with open_slide(tmp_path / "strips.tif", 0.5) as slide:
        np.testing.assert_array_equal(slide.read_region(30, 40, 0, 500, 300), image[40:340, 30:530])


def test_missing_pixel_size_is_asked_for_not_guessed(write_pyramid, image) -> None:
    path = write_pyramid(image, mpp=None, name="unknown.tif")
    with pytest.raises(MissingMppError, match=r"unknown\.tif .*0\.25 \(40x\) and 0\.5 \(20x\).*--mpp"):
        open_slide(path)
    with open_slide(path, 0.25) as slide:
        assert (slide.mpp, slide.mpp_source) == (0.25, "person")
    with pytest.raises(InputError, match=r"0\.05 to 20"):
        open_slide(path, 500.0)


def test_a_given_pixel_size_must_agree_with_the_file(write_pyramid, image) -> None:
    path = write_pyramid(image, mpp=0.5)
    with open_slide(path, 0.502) as slide:
        assert (slide.mpp, slide.mpp_source) == (pytest.approx(0.5, rel=1e-6), "file")
    with pytest.raises(InputError, match=r"declares 0\.5 um/px, but 0\.25 was given"):
        open_slide(path, 0.25)


def test_print_resolution_is_not_a_pixel_size(write_pyramid, image) -> None:
    path = write_pyramid(image, mpp=None, resolution=(72, 72), resolutionunit="INCH")
    with pytest.raises(MissingMppError, match="placeholder"):
        open_slide(path)


def test_resolution_in_inches_counts_and_without_unit_does_not(write_pyramid, image) -> None:
    inches = write_pyramid(image, mpp=None, compression="jpeg2000", resolution=(50800, 50800), resolutionunit="INCH")
    assert read_slide_info(inches).declared_mpp == pytest.approx(0.5, rel=1e-4)
    bare = write_pyramid(
        image, mpp=None, name="b.tif", compression="jpeg2000", resolution=(20000, 20000), resolutionunit=1
    )
    assert read_slide_info(bare).declared_mpp is None


@pytest.mark.parametrize(("size", "unit"), [(0.5, "µm"), (500.0, "nm"), (0.0005, "mm"), (0.00005, "cm")])
def test_ome_pixel_size_is_read_in_its_unit(tmp_path, image, size, unit) -> None:
    path = tmp_path / "a.ome.tif"
    metadata = {"axes": "YXS"} | {
        f"PhysicalSize{axis}{part}": value for axis in "XY" for part, value in (("", size), ("Unit", unit))
    }
    tifffile.imwrite(
        path, image, tile=(256, 256), photometric="rgb", metadata=metadata, compression="jpeg2000", ome=True
    )
    info = read_slide_info(path)
    assert (info.vendor, info.slide_id, info.is_rgb) == ("ome-tiff", "a", True)
    assert info.declared_mpp == pytest.approx(0.5)


def test_ome_pyramid_in_sub_files_is_found(tmp_path, image) -> None:
    path = tmp_path / "p.ome.tif"
    options = {"tile": (128, 128), "photometric": "rgb", "compression": "jpeg2000"}
    with tifffile.TiffWriter(path, ome=True) as file:
        file.write(image, subifds=1, metadata={"axes": "YXS", "PhysicalSizeX": 0.25, "PhysicalSizeY": 0.25}, **options)
        file.write(image[::2, ::2], subfiletype=1, **options)
    with open_slide(path, probe=False) as slide:
        assert [level.downsample for level in slide.levels] == [1.0, 2.0]
        assert slide.mpp == 0.25
        np.testing.assert_array_equal(slide.read_region(0, 0, 1, 100, 100), image[:200:2, :200:2])


def test_channels_are_shown_in_the_colours_the_file_names(tmp_path) -> None:
    channels = np.zeros((2, 300, 400), np.uint16)
    channels[0, 50:100, 50:100] = 4000
    channels[1, 200:250, 300:350] = 900
    path = tmp_path / "f.ome.tif"
    colours = [int.from_bytes(bytes(rgba), "big", signed=True) for rgba in ([255, 0, 0, 255], [0, 0, 255, 255])]
    metadata = {"axes": "CYX", "Channel": {"Color": colours}, "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5}
    tifffile.imwrite(path, channels, tile=(256, 256), metadata=metadata, ome=True, photometric="minisblack")
    with open_slide(path, probe=False) as slide:
        assert (slide.info.is_rgb, slide.info.channels) == (False, 2)
        shown = slide.read_region(0, 0, 0, 400, 300)
    assert shown[75, 75].tolist() == [255, 0, 0]
    assert shown[225, 325].tolist() == [0, 0, 255]
    assert shown[10, 10].tolist() == [0, 0, 0]


def patch_at(slide: Slide, corner: tuple[int, int]) -> np.ndarray:
    return slide.read_region(*corner, 0, 64, 64)


def test_threads_read_the_same_as_one(write_pyramid, image) -> None:
    for compression in ("zlib", "jpeg2000"):
        with (
            open_slide(write_pyramid(image, compression=compression), probe=False) as slide,
            ThreadPoolExecutor(8) as pool,
        ):
            corners = [(x, y) for x in range(0, 900, 90) for y in range(0, 700, 70)]
            regions = list(pool.map(partial(patch_at, slide), corners * 3))
            for (x, y), region in zip(corners * 3, regions, strict=True):
                expected = np.full((64, 64, 3), 255, np.uint8)
                part = image[y : y + 64, x : x + 64]
                expected[: part.shape[0], : part.shape[1]] = part
                np.testing.assert_array_equal(region, expected)


def test_content_hash_follows_the_bytes_not_the_name(write_pyramid, image, tmp_path) -> None:
    path = write_pyramid(image)
    copy = tmp_path / "copy.tif"
    shutil.copy(path, copy)
    other = write_pyramid(255 - image, name="other.tif")
    hashes = []
    for file in (path, copy, other):
        with open_slide(file) as slide:
            hashes.append(slide.content_hash())
    assert hashes[0] == hashes[1] != hashes[2]
    assert len(hashes[0]) == 64


def test_thumbnail_shows_the_whole_slide(write_pyramid, image) -> None:
    with open_slide(write_pyramid(image), probe=False) as slide:
        thumbnail = slide.thumbnail(243)
        assert thumbnail.shape == (178, 243, 3)
        np.testing.assert_allclose(thumbnail.mean((0, 1)), image.mean((0, 1)), atol=1.0)
        assert slide.thumbnail(5000).shape == image.shape


def test_best_level_is_never_coarser_than_asked(write_pyramid, image) -> None:
    with open_slide(write_pyramid(image), probe=False) as slide:
        assert [slide.best_level(d) for d in (0.5, 1, 1.9, 2, 3.9, 4, 100)] == [0, 0, 0, 1, 1, 2, 2]


def test_flat_slide_gets_an_overview_that_matches_its_pixels(formula_slide) -> None:
    slide, backend = formula_slide(6000, 5000)
    thumbnail = slide.thumbnail(750)
    full = slide.read_region(0, 0, 0, 6000, 5000)
    exact = full[:4992, :5984].astype(float).reshape(624, 8, 748, 8, 3).mean((1, 3))[..., :2]
    np.testing.assert_allclose(thumbnail[:624, :748, :2], exact, atol=1.0)
    count = len(backend.reads)
    slide.thumbnail(100)
    assert len(backend.reads) == count, "a second low zoom must not read the slide again"


def test_hint_is_given_only_where_the_extent_says_something() -> None:
    assert "about 2 um/px" in size_hint((4443, 3567), None)
    assert size_hint((60_000, 40_000), None) == ""
    assert "field of view" in size_hint((1493, 901), None)
    assert "0.25 um/px" in size_hint((60_000, 40_000), 40.0)


def test_implausible_and_oblong_pixels_are_not_used() -> None:
    assert plausible_mpp(0.25, 0.2501)[0] == pytest.approx(0.25005)
    assert plausible_mpp(None, None) == (None, "")
    assert plausible_mpp(0.25, 0.5)[0] is None
    assert plausible_mpp(float("nan"), 0.5)[0] is None
    assert plausible_mpp(352.8, 352.8)[0] is None


def test_level_sizes_cut_by_rounding_keep_a_whole_downsample() -> None:
    assert whole_downsample((4443, 3567), (2221, 1783)) == 2.0
    assert whole_downsample((300, 250), (37, 31)) == 8.0
    assert whole_downsample((1000, 1000), (400, 400)) == 2.5


def test_file_that_is_no_slide_is_refused(tmp_path) -> None:
    with pytest.raises(SlideError, match="There is no slide file"):
        open_slide(tmp_path / "absent.svs")
    for name, content in (
        ("a.svs", b""),
        ("b.svs", b"II*\0"),
        ("c.tif", b"II*\0" + bytes(500)),
        ("d.txt", b"hello" * 99),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(SlideError, match=name):
            open_slide(tmp_path / name)


def test_mrxs_without_its_folder_says_what_is_missing(tmp_path) -> None:
    (tmp_path / "case.mrxs").write_bytes(b"")
    with pytest.raises(SlideError, match=r"case\.mrxs needs its folder case beside it"):
        open_slide(tmp_path / "case.mrxs")


def test_palette_and_single_giant_strip_are_refused_in_words(tmp_path) -> None:
    index = np.zeros((64, 64), np.uint8)
    tifffile.imwrite(tmp_path / "p.tif", index, photometric="palette", colormap=np.zeros((3, 256), np.uint16))
    with pytest.raises(SlideError, match="palette"):
        read_slide_info(tmp_path / "p.tif")
    tifffile.imwrite(
        tmp_path / "g.tif",
        np.zeros((9500, 9500, 3), np.uint8),
        photometric="rgb",
        rowsperstrip=9500,
        compression="zlib",
    )
    with pytest.raises(SlideError, match=r"blocks of 258 MB.*vips tiffsave"):
        read_slide_info(tmp_path / "g.tif")


@pytest.mark.parametrize("compression", ["zlib", "jpeg2000"])
def test_a_closed_slide_says_so(write_pyramid, image, compression) -> None:
    slide = open_slide(write_pyramid(image, compression=compression), probe=False)
    slide.close()
    with pytest.raises(SlideError, match="was closed"):
        slide.read_region(0, 0, 0, 64, 64)


def test_a_slide_may_be_closed_while_others_read_it(write_pyramid, image) -> None:
    slide = open_slide(write_pyramid(image), probe=False)

    def read_until_closed(_: int) -> str:
        try:
            while True:
                patch_at(slide, (100, 100))
        except SlideError as error:
            return str(error)

    with ThreadPoolExecutor(4) as pool:
        messages = pool.map(read_until_closed, range(4))
        slide.close()
        assert all("was closed" in message for message in messages)


def test_a_region_may_be_drawn_on_without_changing_the_slide(write_pyramid, image) -> None:
    with open_slide(write_pyramid(image), probe=False) as slide:
        first = slide.read_region(0, 0, 0, 256, 256)
        first[:] = 0
        np.testing.assert_array_equal(slide.read_region(0, 0, 0, 256, 256), image[:256, :256])


def test_the_segment_cache_forgets_the_oldest_first_and_stays_within_its_size() -> None:
    cache = SegmentCache(1000)
    for index in range(20):
        cache.put((1, index), np.zeros(100, np.uint8))
        cache.get((1, 0))
    assert [index for index in range(20) if cache.get((1, index)) is not None] == [0, *range(11, 20)]
    cache.put((2, 0), np.zeros(5000, np.uint8))
    assert cache.get((1, 0)) is None
    assert cache.get((2, 0)) is not None
    cache.forget(2)
    assert cache.get((2, 0)) is None
