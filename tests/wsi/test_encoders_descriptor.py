"""The embedded H&E descriptor: finite, named, the same in any batch, and about tissue rather than about stain."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from survviz.errors import InputError, UnknownNameError
from survviz.wsi.encoders import Encoder, create_encoder, list_encoders
from survviz.wsi.encoders.he_segment import find_nuclei
from survviz.wsi.encoders.he_stain import EOSIN, HAEMATOXYLIN, separate

GOLDEN = Path(__file__).parent / "golden_he_descriptor.json"
DOCS = Path(__file__).parents[2] / "docs" / "encoders.md"


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return create_encoder()


def render(
    side: int = 256, *, nuclei: int = 40, radius: float = 3.5, stain: float = 1.3, eosin: float = 0.45, seed: int = 0
) -> NDArray[np.uint8]:
    """Pink ground with round nuclei of one size (um) at 0.5 um per pixel, mixed by the published stain vectors."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:side, 0:side] * 0.5
    h = np.full((side, side), 0.1)
    cells = max(int(np.ceil(np.sqrt(nuclei))), 1)
    step = side * 0.5 / cells
    for k in range(nuclei):
        cx, cy = (k % cells + 0.5) * step, (k // cells + 0.5) * step
        h = np.maximum(h, stain / (1 + np.exp((np.hypot(x - cx, y - cy) - radius) / 0.3)))
    e = eosin + 0.03 * rng.standard_normal((side, side))
    vectors = np.array([HAEMATOXYLIN, EOSIN])
    vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    od = h[..., None] * vectors[0] + e[..., None] * vectors[1]
    return np.clip(256 * np.exp(-od) - 1, 0, 255).round().astype(np.uint8)


def value(encoder: Encoder, patch: NDArray[np.uint8], name: str) -> float:
    assert encoder.feature_names is not None
    return float(encoder.encode(patch[None])[0, encoder.feature_names.index(name)])


def test_default_encoder_is_the_descriptor_and_meets_the_protocol(encoder: Encoder) -> None:
    assert list_encoders()[0] == encoder.name == "he-descriptor"
    assert isinstance(encoder, Encoder)
    assert (encoder.patch_px, encoder.mpp, encoder.revision) == (256, 0.5, "1")


def test_every_number_has_a_name_of_its_own(encoder: Encoder) -> None:
    assert encoder.feature_names is not None
    assert 64 <= encoder.dim <= 256
    assert len(set(encoder.feature_names)) == encoder.dim


def test_documentation_lists_every_number_in_order(encoder: Encoder) -> None:
    rows = re.findall(r"^\| (\d+) \| ([^|]+) \|", DOCS.read_text(), flags=re.MULTILINE)
    assert [(int(number), name.strip()) for number, name in rows] == list(enumerate(encoder.feature_names or ()))


def test_revision_1_gives_the_stored_values(encoder: Encoder) -> None:
    golden = json.loads(GOLDEN.read_text())
    found = encoder.encode(render(nuclei=60, radius=4.5, seed=3)[None])[0]
    assert golden["revision"] == encoder.revision
    assert tuple(golden["values"]) == encoder.feature_names
    np.testing.assert_allclose(found, list(golden["values"].values()), rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("shape", [(256, 256), (224, 224), (64, 64), (65, 131), (512, 96)])
@pytest.mark.parametrize("kind", ["white", "black", "grey", "noise", "salt", "ramp", "half"])
def test_values_are_finite_and_moderate_for_any_picture(encoder: Encoder, kind: str, shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    pictures = {
        "white": np.full((*shape, 3), 255),
        "black": np.zeros((*shape, 3)),
        "grey": np.full((*shape, 3), 128),
        "noise": rng.integers(0, 256, (*shape, 3)),
        "salt": 255 * (rng.random((*shape, 1)) > 0.01) * np.ones(3),
        "ramp": np.linspace(0, 255, shape[1])[None, :, None] * np.ones((shape[0], 1, 3)),
        "half": np.where(np.arange(shape[1])[None, :, None] < shape[1] // 2, 255, 90) * np.ones((shape[0], 1, 3)),
    }
    found = encoder.encode(pictures[kind].astype(np.uint8)[None])
    assert found.dtype == np.float32
    assert np.isfinite(found).all()
    assert np.abs(found).max() < 100


@settings(max_examples=25, deadline=None)
@given(st.integers(64, 140), st.integers(64, 140), st.integers(0, 2**32 - 1), st.integers(1, 255))
def test_values_are_finite_for_random_pictures(height: int, width: int, seed: int, top: int) -> None:
    rng = np.random.default_rng(seed)
    picture = rng.integers(0, top + 1, (1, height, width, 3), dtype=np.uint8)
    assert np.isfinite(create_encoder().encode(picture)).all()


def test_value_does_not_depend_on_the_batch(encoder: Encoder) -> None:
    patches = np.stack([render(nuclei=n, seed=n) for n in (5, 20, 60, 120, 200)])
    together = encoder.encode(patches)
    alone = np.concatenate([encoder.encode(patch[None]) for patch in patches])
    np.testing.assert_array_equal(together, alone)
    np.testing.assert_array_equal(encoder.encode(patches[::-1]), together[::-1])


def test_patches_are_left_unchanged(encoder: Encoder) -> None:
    patch = render()[None]
    before = patch.copy()
    encoder.encode(patch)
    np.testing.assert_array_equal(patch, before)


@pytest.mark.parametrize("turn", ["rot90", "fliplr", "flipud"])
def test_turning_a_patch_changes_little(encoder: Encoder, turn: str) -> None:
    patch = render(nuclei=49)
    turned = np.ascontiguousarray(getattr(np, turn)(patch))
    assert np.abs(encoder.encode(patch[None]) - encoder.encode(turned[None])).max() < 0.1


def test_empty_batch_gives_no_rows(encoder: Encoder) -> None:
    assert encoder.encode(np.zeros((0, 256, 256, 3), np.uint8)).shape == (0, encoder.dim)


@pytest.mark.parametrize(
    "patches",
    [np.zeros((1, 32, 32, 3), np.uint8), np.zeros((1, 64, 64, 3), np.float32), np.zeros((64, 64, 3), np.uint8)],
)
def test_wrong_patches_are_refused(encoder: Encoder, patches: NDArray) -> None:
    with pytest.raises(InputError, match="uint8"):
        encoder.encode(patches)


def test_unmixing_gives_back_the_mixed_stains() -> None:
    stains = separate(render(nuclei=0, eosin=0.5))
    assert stains.h.mean() == pytest.approx(0.1, abs=0.02)
    assert stains.e.mean() == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize(("nuclei", "radius"), [(0, 3.0), (25, 3.0), (64, 3.5), (100, 4.0), (36, 6.0)])
def test_nuclei_are_counted_and_measured(nuclei: int, radius: float) -> None:
    found = find_nuclei(separate(render(nuclei=nuclei, radius=radius)).h)
    assert len(found.size) == nuclei
    if nuclei:
        assert np.median(found.size) == pytest.approx(2 * radius, rel=0.15)
        assert found.elongation.max() < 1.3


def test_touching_nuclei_are_told_apart() -> None:
    assert len(find_nuclei(separate(render(nuclei=324, radius=3.7)).h).size) == pytest.approx(324, rel=0.05)


def test_small_dark_round_nuclei_count_as_lymphocyte_like(encoder: Encoder) -> None:
    name = "lymphocyte-like nuclei (small, dark, round), per mm2 (log)"
    small = render(nuclei=81, radius=3.0, stain=1.5)
    large_pale = render(nuclei=81, radius=5.5, stain=0.95)
    assert value(encoder, small, name) > value(encoder, large_pale, name) + 2
    assert value(encoder, large_pale, "large pale nuclei, per mm2 (log)") > 3


def test_holes_count_as_clear_space(encoder: Encoder) -> None:
    patch = render(nuclei=10)
    y, x = np.mgrid[0:256, 0:256]
    patch[np.hypot(x - 128, y - 128) < 60] = 245
    assert value(encoder, patch, "clear space fraction (glass, fat, lumen)") == pytest.approx(
        np.pi * 60**2 / 256**2, rel=0.1
    )
    assert value(encoder, patch, "clear space wider than 32 um, share") > 0.1


def test_parallel_stripes_are_fibres(encoder: Encoder) -> None:
    stripes = render(nuclei=0)
    stripes[:, ::12] = (200, 90, 150)
    stripes[:, 1::12] = (200, 90, 150)
    name = "eosin fibres, parallel within 16 um"
    assert value(encoder, stripes, name) > value(encoder, render(nuclei=0), name) + 0.5


def test_blur_lowers_sharpness(encoder: Encoder) -> None:
    patch = render(nuclei=60)
    soft = np.array(Image.fromarray(patch).resize((64, 64)).resize((256, 256)))
    assert value(encoder, soft, "sharpness") < value(encoder, patch, "sharpness") - 0.3


def nearest_neighbour_accuracy(features: NDArray[np.float32], labels: list[str]) -> float:
    """Leave-one-out 1-NN after z-scores."""
    z = (features - features.mean(0)) / (features.std(0) + 1e-9)
    distance = ((z[:, None] - z[None]) ** 2).sum(-1)
    np.fill_diagonal(distance, np.inf)
    return float(np.mean([labels[i] == labels[j] for i, j in enumerate(distance.argmin(1))]))


@pytest.fixture(scope="module")
def tiles(shared_data: Path) -> tuple[NDArray[np.uint8], list[str]]:
    files = sorted((shared_data / "patches" / "nct_crc").glob("*.png"))
    return np.stack([np.asarray(Image.open(file).convert("RGB")) for file in files]), [file.name[:3] for file in files]


@pytest.mark.real
def test_tissue_classes_are_told_apart(encoder: Encoder, tiles: tuple[NDArray[np.uint8], list[str]]) -> None:
    patches, labels = tiles
    assert nearest_neighbour_accuracy(encoder.encode(patches), labels) > 0.4  # chance: 2 of 26


@pytest.mark.real
def test_mild_stain_change_matters_less_than_tissue(
    encoder: Encoder, tiles: tuple[NDArray[np.uint8], list[str]]
) -> None:
    patches, _ = tiles
    features = encoder.encode(patches)
    od = -np.log((patches.astype(np.float64) + 1) / 256)
    stronger = np.clip(256 * np.exp(-1.08 * od) - 1, 0, 255).round().astype(np.uint8)
    shift = np.abs(encoder.encode(stronger) - features) / (features.std(0) + 1e-6)
    assert np.median(shift) < 0.2
    tissue = [i for i in range(len(patches)) if not 3 <= i < 6]  # without the artificial background tiles
    z = features / (features.std(0) + 1e-6)
    moved = encoder.encode(stronger) / (features.std(0) + 1e-6)
    distance = ((moved[:, None] - z[None]) ** 2).sum(-1)
    assert np.mean([distance[i].argmin() == i for i in tissue]) > 0.9


@pytest.mark.slow
def test_speed_is_at_least_150_patches_per_second_and_core(encoder: Encoder) -> None:
    patches = np.stack([render(nuclei=n, seed=n) for n in range(20, 180, 5)])
    encoder.encode(patches[:4])
    best = 0.0
    for _ in range(5):
        start = time.process_time()
        encoder.encode(patches)
        best = max(best, len(patches) / (time.process_time() - start))
    assert best > 150


def test_unknown_encoder_suggests_a_name() -> None:
    with pytest.raises(UnknownNameError, match="he-descriptor"):
        create_encoder("he-descriptr")


def test_descriptor_takes_no_weights() -> None:
    with pytest.raises(InputError, match="no weights"):
        create_encoder("he-descriptor", weights="somewhere")


@pytest.mark.parametrize(("name", "side"), [("he-descriptor-2um", 64), ("he-descriptor-2um-region", 256)])
def test_a_coarse_descriptor_measures_the_enlarged_patch(encoder: Encoder, name: str, side: int) -> None:
    coarse = create_encoder(name)
    assert (coarse.mpp, coarse.patch_px, coarse.feature_names) == (2.0, side, encoder.feature_names)
    patch = np.full((side, side, 3), (210, 160, 190), dtype=np.uint8)
    even = np.full((4 * side, 4 * side, 3), (210, 160, 190), dtype=np.uint8)
    np.testing.assert_array_equal(coarse.encode(patch[None]), encoder.encode(even[None]))


def test_a_coarse_descriptor_finds_the_size_and_number_of_large_nuclei(encoder: Encoder) -> None:
    """Averaged to 2 um per pixel and back: lengths stay in um, to a pixel of 2 um."""
    coarse = create_encoder("he-descriptor-2um")
    fine = render(nuclei=36, radius=6.0, seed=1)
    small = fine.reshape(64, 4, 64, 4, 3).mean(axis=(1, 3)).round().astype(np.uint8)
    for number, tolerance in (("nuclear size, median (um)", 1.0), ("nuclei, per mm2 (log)", 0.1)):
        assert value(coarse, small, number) == pytest.approx(value(encoder, fine, number), abs=tolerance)


def test_a_coarse_descriptor_refuses_weights_and_slivers() -> None:
    with pytest.raises(InputError, match="no weights"):
        create_encoder("he-descriptor-2um", weights="somewhere")
    with pytest.raises(InputError, match="at least 16 px"):
        create_encoder("he-descriptor-2um").encode(np.zeros((1, 15, 64, 3), np.uint8))
