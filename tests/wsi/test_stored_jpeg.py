"""A stored JPEG tile becomes a file of its own, without anything that is not pixels."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from survviz.wsi.stored_jpeg import RGB_PHOTOMETRIC, YCBCR_PHOTOMETRIC, complete_jpeg

SIDE = 64


def encoded(**options: object) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=80, **options)
    return buffer.getvalue()


def decoded(stream: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(stream)).convert("RGB"))


def test_pixels_stay_and_words_go() -> None:
    given = encoded(comment=b"Jane Doe, 1 January 1940", icc_profile=b"Jane Doe" * 20)
    complete = complete_jpeg(given, None, YCBCR_PHOTOMETRIC, (SIDE, SIDE))
    assert complete is not None
    assert b"Jane" in given
    assert b"Jane" not in complete
    np.testing.assert_array_equal(decoded(complete), decoded(given))


def test_photometric_decides_what_the_components_are() -> None:
    given = encoded()
    as_ycbcr, as_rgb = (
        complete_jpeg(given, None, photometric, (SIDE, SIDE)) for photometric in (YCBCR_PHOTOMETRIC, RGB_PHOTOMETRIC)
    )
    assert as_ycbcr is not None
    assert as_rgb is not None
    raw = Image.open(io.BytesIO(given))
    raw.draft("YCbCr", None)
    np.testing.assert_array_equal(decoded(as_rgb), np.asarray(raw))
    assert (decoded(as_ycbcr) != decoded(as_rgb)).any()


@pytest.mark.parametrize("photometric", [0, 1, 3, 5, 8])
def test_other_colour_models_are_not_handed_on(photometric: int) -> None:
    assert complete_jpeg(encoded(), None, photometric, (SIDE, SIDE)) is None


def test_a_tile_of_another_size_or_of_one_channel_is_not_handed_on() -> None:
    assert complete_jpeg(encoded(), None, YCBCR_PHOTOMETRIC, (SIDE, SIDE - 1)) is None
    buffer = io.BytesIO()
    Image.new("L", (SIDE, SIDE)).save(buffer, "JPEG")
    assert complete_jpeg(buffer.getvalue(), None, YCBCR_PHOTOMETRIC, (SIDE, SIDE)) is None


@given(st.binary(max_size=64), st.integers(0, 700), st.integers(0, 255))
def test_damaged_streams_are_refused_or_stay_jpeg(noise: bytes, place: int, value: int) -> None:
    whole = bytearray(encoded())
    whole[min(place, len(whole) - 1)] = value
    for stream in (noise, bytes(whole), bytes(whole[:place]), b"\xff\xd8" + noise):
        complete = complete_jpeg(stream, noise, YCBCR_PHOTOMETRIC, (SIDE, SIDE))
        assert complete is None or complete.startswith(b"\xff\xd8\xff\xee")
