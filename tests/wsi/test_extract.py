"""Slide -> bag, and the cache in front of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from survviz.errors import CancelledError, MissingMppError, NoTissueError, SlideError
from survviz.wsi.extract import extract, extract_cached
from survviz.wsi.slide import open_slide
from survviz.wsi.tissue import tissue_mask


class MeanColour:
    """Three numbers per patch: the smallest encoder there is."""

    name = "mean-colour"
    dim = 3
    patch_px = 128
    mpp = 1.0
    feature_names = ("red", "green", "blue")

    def __init__(self, revision: str = "1") -> None:
        self.revision = revision
        self.patches = 0

    def encode(self, patches: np.ndarray) -> np.ndarray:
        self.patches += len(patches)
        return patches.mean(axis=(1, 2), dtype=np.float32)


@pytest.fixture
def slide_file(write_pyramid, tissue_like) -> Path:
    return write_pyramid(tissue_like(2600, 2300), mpp=0.5)


def test_bag_says_where_its_patches_come_from(slide_file) -> None:
    encoder = MeanColour()
    with open_slide(slide_file, probe=False) as slide:
        bag = extract(slide, encoder, batch_size=7)
        assert bag.slide_hash == slide.content_hash()
    assert (bag.slide_id, bag.encoder, bag.encoder_revision) == ("slide", "mean-colour", "1")
    assert (bag.mpp, bag.patch_size_level0, bag.slide_size, bag.mpp_source) == (1.0, 256, (2600, 2300), "file")
    assert bag.features.shape == (len(bag), 3)
    assert bag.features.dtype == np.float32
    assert encoder.patches == len(bag) > 20


def test_features_belong_to_their_coordinates(slide_file, tissue_like) -> None:
    image = tissue_like(2600, 2300)
    with open_slide(slide_file, probe=False) as slide:
        bag = extract(slide, MeanColour())
    for (x, y), feature in zip(bag.coords, bag.features, strict=True):
        np.testing.assert_allclose(feature, image[y : y + 256, x : x + 256].mean((0, 1)), atol=1.0)


def test_batch_size_has_no_influence(slide_file) -> None:
    with open_slide(slide_file, probe=False) as slide:
        first, second = extract(slide, MeanColour(), batch_size=3), extract(slide, MeanColour(), batch_size=100)
    np.testing.assert_array_equal(first.features, second.features)
    np.testing.assert_array_equal(first.coords, second.coords)


def test_progress_counts_patches_and_may_cancel(slide_file) -> None:
    seen: list[tuple[int, int]] = []

    def progress(done: int, total: int) -> None:
        seen.append((done, total))
        if done >= 16:
            raise CancelledError("stopped by a person")

    with open_slide(slide_file, probe=False) as slide, pytest.raises(CancelledError):
        extract(slide, MeanColour(), progress=progress, batch_size=8)
    assert [done for done, _ in seen] == [0, 8, 16]
    assert len({total for _, total in seen}) == 1


def test_a_slide_is_encoded_once(slide_file, survviz_home) -> None:
    encoder = MeanColour()
    first, notices = extract_cached(slide_file, encoder)
    count = encoder.patches
    calls: list[tuple[int, int]] = []
    second, again = extract_cached(slide_file, encoder, progress=lambda done, total: calls.append((done, total)))
    assert encoder.patches == count
    assert notices == again
    assert calls == [(count, count)]
    np.testing.assert_array_equal(first.features, second.features)
    np.testing.assert_array_equal(first.coords, second.coords)
    for name in (
        "slide_id",
        "mpp",
        "patch_size_level0",
        "encoder",
        "encoder_revision",
        "slide_size",
        "slide_hash",
        "mpp_source",
    ):
        assert getattr(first, name) == getattr(second, name)
    assert len(list((survviz_home / "features").glob("*.h5"))) == 1


def test_another_revision_pixel_size_or_slide_is_encoded_anew(write_pyramid, tissue_like, tmp_path) -> None:
    path = write_pyramid(tissue_like(2600, 2300), mpp=None)
    for encoder, mpp in ((MeanColour("1"), 0.5), (MeanColour("2"), 0.5), (MeanColour("1"), 0.4)):
        extract_cached(path, encoder, mpp=mpp, cache=tmp_path / "cache")
        assert encoder.patches > 0
    assert len(list((tmp_path / "cache").glob("*.h5"))) == 3
    write_pyramid(tissue_like(2600, 2300, seed=1), mpp=None)
    encoder = MeanColour("1")
    extract_cached(path, encoder, mpp=0.5, cache=tmp_path / "cache")
    assert encoder.patches > 0


def test_a_damaged_cache_file_is_made_again(slide_file, tmp_path) -> None:
    extract_cached(slide_file, MeanColour(), cache=tmp_path)
    (file,) = tmp_path.glob("*.h5")
    file.write_bytes(b"not an h5 file")
    encoder = MeanColour()
    bag, _ = extract_cached(slide_file, encoder, cache=tmp_path)
    assert encoder.patches == len(bag)
    extract_cached(slide_file, encoder, cache=tmp_path)
    assert encoder.patches == len(bag)


def test_a_cancelled_slide_leaves_no_cache(slide_file, tmp_path) -> None:
    def cancel(done: int, total: int) -> None:
        raise CancelledError("stopped")

    with pytest.raises(CancelledError):
        extract_cached(slide_file, MeanColour(), progress=cancel, cache=tmp_path / "cache")
    assert not list(tmp_path.glob("cache/*"))


def test_what_cannot_be_encoded_is_said(write_pyramid, tissue_like, tmp_path) -> None:
    with pytest.raises(MissingMppError):
        extract_cached(write_pyramid(tissue_like(1000, 1000), mpp=None), MeanColour())
    with pytest.raises(NoTissueError):
        extract_cached(write_pyramid(np.full((900, 900, 3), 245, np.uint8)), MeanColour())
    with pytest.raises(SlideError):
        extract_cached(tmp_path / "absent.svs", MeanColour())


@pytest.mark.real
def test_real_slide_gives_its_bag_and_notices(shared_data, tmp_path) -> None:
    path = shared_data / "slides" / "TCGA-CR-7395-01A-01-TS1.svs"
    bag, notices = extract_cached(path, MeanColour(), mpp=2.0, cache=tmp_path)
    assert bag.mpp_source == "person"
    assert bag.patch_size_level0 == 64
    assert 2200 < len(bag) < 2700
    assert [notice.code for notice in notices] == ["slide.coarse", "slide.mpp"]


@pytest.mark.real
def test_mask_given_is_the_mask_used(shared_data) -> None:
    with open_slide(shared_data / "slides" / "CMU-1-Small-Region.svs", probe=False) as slide:
        mask = tissue_mask(slide)
        first, second = extract(slide, MeanColour(), mask=mask), extract(slide, MeanColour())
    np.testing.assert_array_equal(first.coords, second.coords)
