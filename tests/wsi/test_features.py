"""Feature files: ours go round, those of other tools are read, what cannot be trusted is refused in words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from survviz.errors import InputError, MissingMppError
from survviz.types import Bag
from survviz.units import Mpp
from survviz.wsi.features import read_features, write_features
from survviz.wsi.isolated_features import read_features_safely


def grid(n: int = 6, step: int = 512, columns: int = 3) -> np.ndarray:
    index = np.arange(n)
    return np.stack([index % columns * step, index // columns * step], axis=1).astype(np.int64)


def values(n: int = 6, d: int = 5, dtype: Any = np.float32) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((n, d)).astype(dtype)


def make_bag(**changes: Any) -> Bag:
    bag = Bag(
        slide_id="slide-1",
        features=values(),
        coords=grid(),
        patch_size_level0=512,
        mpp=Mpp(0.5),
        encoder="he-descriptor",
        encoder_revision="1",
        slide_size=(4000, 3000),
        slide_hash="abc123",
        mpp_source="person",
    )
    return replace(bag, **changes)


def write_h5(path: Path, data: dict[str, Any], attrs: dict[str, dict[str, Any]] | None = None) -> Path:
    """Datasets by name; attributes by dataset, "" for the file itself."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for name, array in data.items():
            file.create_dataset(name, data=array)
        for name, pairs in (attrs or {}).items():
            (file[name] if name else file).attrs.update(pairs)
    return path


TRIDENT_COORDS = {
    "patch_size": 256,
    "patch_size_level0": 512,
    "level0_magnification": 40,
    "target_magnification": 20,
    "overlap": 0,
    "name": "slide-1",
    "savetodir": "/home/someone/jane_doe",
    "level0_width": 4000,
    "level0_height": 3000,
}
CLAM_PATCHES = {
    "patch_size": 256,
    "patch_level": 1,
    "downsample": np.array([4.0, 4.0]),
    "level_dim": np.array([1000, 750]),
    "save_path": "/home/someone/jane_doe",
}


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("compress", [False, True])
def test_written_bag_is_read_back_whole(tmp_path: Path, dtype: Any, compress: bool) -> None:
    bag = make_bag(features=values(dtype=dtype))
    found = read_features(write_features(tmp_path / "slide-1.h5", bag, patch_px=256, compress=compress))
    np.testing.assert_array_equal(found.features, bag.features)
    np.testing.assert_array_equal(found.coords, bag.coords)
    assert found.features.dtype == dtype
    assert found.coords.dtype == np.int64
    for name in ("slide_id", "patch_size_level0", "mpp", "encoder", "encoder_revision", "slide_size", "slide_hash"):
        assert getattr(found, name) == getattr(bag, name)
    assert found.mpp_source == "person"
    assert found.slide_mpp == found.mpp * 256 / bag.patch_size_level0


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), n=st.integers(0, 12), d=st.integers(1, 6), compress=st.booleans())
def test_any_bag_goes_round(tmp_path: Path, data: st.DataObject, n: int, d: int, compress: bool) -> None:
    floats = st.floats(-1e4, 1e4, width=16)
    features = data.draw(hnp.arrays(data.draw(st.sampled_from([np.float16, np.float32])), (n, d), elements=floats))
    places = data.draw(st.sets(st.tuples(st.integers(0, 2**40), st.integers(0, 2**40)), min_size=n, max_size=n))
    ordered = sorted(places, key=lambda place: (place[1], place[0]))
    coords = np.array(ordered, dtype=np.int64).reshape(-1, 2)
    bag = make_bag(
        features=features,
        coords=coords,
        slide_size=data.draw(st.sampled_from([None, (2**41, 2**41)])),
        slide_hash=data.draw(st.none() | st.text("0123456789abcdef", min_size=1)),
        mpp=Mpp(data.draw(st.floats(0.1, 10))),
        mpp_source=data.draw(st.sampled_from([None, "file", "person"])),
    )
    found = read_features(write_features(tmp_path / "any.h5", bag, compress=compress))
    np.testing.assert_array_equal(found.features, bag.features)
    np.testing.assert_array_equal(found.coords, bag.coords)
    for name in ("slide_id", "mpp", "slide_size", "slide_hash", "mpp_source", "encoder", "encoder_revision"):
        assert getattr(found, name) == getattr(bag, name)


def test_file_has_tridents_layout_and_no_path(tmp_path: Path) -> None:
    with h5py.File(write_features(tmp_path / "a.h5", make_bag(), patch_px=256)) as file:
        assert set(file) == {"features", "coords"}
        at = dict(file["coords"].attrs)
        assert (at["patch_size"], at["patch_size_level0"], at["overlap"]) == (256, 512, 0)
        assert (at["level0_width"], at["level0_height"]) == (4000, 3000)
        assert (at["target_magnification"], at["level0_magnification"]) == (20, 40)
        assert file["features"].attrs["encoder"] == "he-descriptor"
        everything = [*at.values(), *file["features"].attrs.values(), *file.attrs.values()]
    assert not any("/" in value for value in everything if isinstance(value, str))


def test_nothing_is_left_behind_when_writing_fails(tmp_path: Path) -> None:
    bad = make_bag(encoder="a\x00b")
    with pytest.raises(ValueError, match=r"(?i)null"):
        write_features(tmp_path / "a.h5", bad)
    assert list(tmp_path.iterdir()) == []


def test_writing_replaces_an_older_file(tmp_path: Path) -> None:
    write_features(tmp_path / "a.h5", make_bag(slide_hash="old"))
    assert read_features(write_features(tmp_path / "a.h5", make_bag(slide_hash="new"))).slide_hash == "new"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"features": np.full((6, 5), np.nan, np.float32)}, "NaN"),
        ({"features": np.full((6, 5), np.inf, np.float16)}, "infinite"),
        ({"features": values(5)}, "do not belong"),
        ({"patch_size_level0": 0}, "patch side"),
        ({"slide_size": (800, 800)}, "outside the slide"),
    ],
)
def test_unusable_bag_is_not_written(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        write_features(tmp_path / "a.h5", make_bag(**changes))


def test_trident_file_is_read(tmp_path: Path) -> None:
    path = write_h5(
        tmp_path / "slide-1.h5",
        {"features": values(dtype=np.float16), "coords": grid()},
        {"coords": TRIDENT_COORDS, "features": {"encoder": "uni_v1", "savetodir": "/home/jane_doe", "name": "slide-1"}},
    )
    bag = read_features(path)
    assert (bag.slide_id, bag.patch_size_level0, bag.mpp, bag.encoder) == ("slide-1", 512, 0.5, "uni")
    assert (bag.slide_size, bag.slide_hash, bag.encoder_revision) == ((4000, 3000), None, "")
    assert "jane" not in repr(bag)


def test_measured_resolution_corrects_a_nominal_magnification(tmp_path: Path) -> None:
    path = write_h5(tmp_path / "s.h5", {"features": values(), "coords": grid()}, {"coords": TRIDENT_COORDS})
    assert read_features(path, mpp=0.4964).mpp == 0.4964
    assert read_features(path, slide_mpp=0.2482).mpp == pytest.approx(0.4964)
    assert read_features(path).slide_mpp == pytest.approx(0.25)
    assert read_features(path, slide_mpp=0.2482).slide_mpp == 0.2482


def test_tridents_word_none_is_not_a_number(tmp_path: Path) -> None:
    attrs = {"patch_size": 256, "level0_magnification": "None", "target_magnification": "None"}
    path = write_h5(tmp_path / "s.h5", {"features": values(), "coords": grid()}, {"coords": attrs})
    with pytest.raises(MissingMppError):
        read_features(path)
    assert read_features(path, mpp=0.5).patch_size_level0 == 512  # from the grid


def test_older_trident_file_gives_the_side_by_magnification(tmp_path: Path) -> None:
    attrs = {"patch_size": 256, "level0_magnification": 40, "target_magnification": 10}
    path = write_h5(tmp_path / "s.h5", {"features": values(), "coords": grid()}, {"coords": attrs})
    assert read_features(path).patch_size_level0 == 1024


@pytest.mark.parametrize("shape", [(0, 1024), (0,)])
def test_empty_slide_gives_an_empty_bag(tmp_path: Path, shape: tuple[int, ...]) -> None:
    path = write_h5(
        tmp_path / "s.h5",
        {"features": np.zeros(shape, np.float32), "coords": np.zeros((0, 2), np.int64)},
        {"coords": TRIDENT_COORDS},
    )
    bag = read_features(path)
    assert len(bag) == 0
    assert bag.features.ndim == 2


def test_clam_features_take_the_patch_size_from_the_patches_folder(tmp_path: Path) -> None:
    coords = grid(step=1024)
    write_h5(tmp_path / "patches" / "s.h5", {"coords": coords}, {"coords": CLAM_PATCHES})
    path = write_h5(tmp_path / "h5_files" / "s.h5", {"features": values(), "coords": coords.astype(np.int32)})
    bag = read_features(path, slide_mpp=0.25)
    assert (bag.patch_size_level0, bag.mpp, bag.encoder) == (1024, 1.0, "unknown")
    assert read_features(path, mpp=1.0, encoder="uni").encoder == "uni"
    assert "jane" not in repr(bag)


def test_clam_custom_downsample_widens_the_patch(tmp_path: Path) -> None:
    coords = grid(step=2048)
    patches = write_h5(tmp_path / "p.h5", {"coords": coords}, {"coords": CLAM_PATCHES | {"custom_downsample": 2}})
    path = write_h5(tmp_path / "s.h5", {"features": values(), "coords": coords})
    assert read_features(path, coords_path=patches, slide_mpp=0.25).patch_size_level0 == 2048


def test_clam_features_alone_take_the_patch_size_from_the_grid(tmp_path: Path) -> None:
    path = write_h5(tmp_path / "s.h5", {"features": values(), "coords": grid(step=300)})
    assert read_features(path, mpp=0.5).patch_size_level0 == 300


@pytest.mark.parametrize("coords", [[[0, 0], [512, 0], [0, 300]], [[0, 0], [512, 0], [1024, 0]], [[5, 5]]])
def test_unknown_patch_side_is_refused(tmp_path: Path, coords: list[list[int]]) -> None:
    path = write_h5(tmp_path / "s.h5", {"features": values(len(coords)), "coords": np.array(coords)})
    with pytest.raises(InputError, match="patch_size_level0"):
        read_features(path, mpp=0.5)
    assert read_features(path, mpp=0.5, patch_size_level0=256).patch_size_level0 == 256


def test_other_coordinates_in_the_patches_file_are_refused(tmp_path: Path) -> None:
    patches = write_h5(tmp_path / "p.h5", {"coords": grid(step=1024)}, {"coords": CLAM_PATCHES})
    path = write_h5(tmp_path / "s.h5", {"features": values(), "coords": grid(step=512)})
    with pytest.raises(InputError, match="other coordinates"):
        read_features(path, coords_path=patches, mpp=0.5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_clam_tensor_file_is_read_with_its_coordinates(tmp_path: Path, dtype: torch.dtype) -> None:
    coords = grid(step=1024)
    write_h5(tmp_path / "h5_files" / "s.h5", {"features": values(), "coords": coords})
    write_h5(tmp_path / "patches" / "s.h5", {"coords": coords}, {"coords": CLAM_PATCHES})
    path = tmp_path / "pt_files" / "s.pt"
    path.parent.mkdir()
    tensor = torch.from_numpy(values()).to(dtype)
    torch.save(tensor, path)
    bag = read_features(path, slide_mpp=0.25)
    np.testing.assert_array_equal(bag.features.astype(np.float32), tensor.float().numpy())
    assert (bag.patch_size_level0, bag.mpp) == (1024, 1.0)


def test_clam_tensor_file_without_coordinates_is_refused(tmp_path: Path) -> None:
    torch.save(torch.zeros(3, 4), tmp_path / "s.pt")
    with pytest.raises(InputError, match="coords_path"):
        read_features(tmp_path / "s.pt", mpp=0.5)


class Harmful:
    """Unpickling this writes a file."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.write_text, (self.target, "code ran")


def test_tensor_file_never_runs_code(tmp_path: Path) -> None:
    coords = write_h5(tmp_path / "c.h5", {"coords": grid()}, {"coords": CLAM_PATCHES})
    torch.save(Harmful(tmp_path / "proof"), tmp_path / "s.pt")
    with pytest.raises(InputError, match="cannot be read"):
        read_features(tmp_path / "s.pt", coords_path=coords, mpp=0.5)
    assert not (tmp_path / "proof").exists()


@pytest.mark.parametrize("content", [{"a": torch.zeros(2)}, torch.zeros(3, dtype=torch.int64)])
def test_tensor_file_of_another_kind_is_refused(tmp_path: Path, content: Any) -> None:
    coords = write_h5(tmp_path / "c.h5", {"coords": grid()}, {"coords": CLAM_PATCHES})
    torch.save(content, tmp_path / "s.pt")
    with pytest.raises(InputError, match="expected one floating-point tensor"):
        read_features(tmp_path / "s.pt", coords_path=coords, mpp=0.5)


def test_stamp_micrometres_become_pixels(tmp_path: Path) -> None:
    path = write_h5(
        tmp_path / "s.h5",
        {"feats": values(dtype=np.float16), "coords": grid(step=256).astype(np.float64)},
        {"": {"unit": "um", "tile_size_um": 256.0, "tile_size_px": 224, "extractor": "uni2", "stamp_version": "2.1.0"}},
    )
    bag = read_features(path, slide_mpp=0.25)
    np.testing.assert_array_equal(bag.coords, grid(step=1024))
    assert (bag.patch_size_level0, bag.encoder) == (1024, "uni2-h")
    assert bag.mpp == pytest.approx(256 / 224)
    assert bag.slide_mpp == 0.25
    with pytest.raises(InputError, match="slide_mpp"):
        read_features(path)


def test_older_stamp_file_names_its_tile_size_differently(tmp_path: Path) -> None:
    path = write_h5(
        tmp_path / "s.h5",
        {"feats": values(), "coords": grid(step=256).astype(np.float32)},
        {"": {"unit": "um", "tile_size": 256.0, "extractor": "virchow2"}},
    )
    assert read_features(path, slide_mpp=0.5).patch_size_level0 == 512


def test_oldest_stamp_file_counts_in_steps_of_224(tmp_path: Path) -> None:
    path = write_h5(tmp_path / "s.h5", {"feats": values(), "coords": grid(step=224)}, {"": {"extractor": "ctp"}})
    bag = read_features(path, slide_mpp=0.5)
    np.testing.assert_array_equal(bag.coords, grid(step=512))
    assert bag.patch_size_level0 == 512


@pytest.mark.parametrize(("attrs", "message"), [({"unit": "mm"}, "mm"), ({"feat_type": "patient"}, "patient")])
def test_other_stamp_files_are_refused(tmp_path: Path, attrs: dict[str, Any], message: str) -> None:
    path = write_h5(tmp_path / "s.h5", {"feats": values(), "coords": grid()}, {"": attrs})
    with pytest.raises(InputError, match=message):
        read_features(path, slide_mpp=0.5)


def test_mmp_file_loses_its_leading_axis(tmp_path: Path) -> None:
    path = write_h5(tmp_path / "s.h5", {"features": values()[None], "coords": grid()})
    np.testing.assert_array_equal(read_features(path, mpp=0.5).features, values())


def test_rows_are_put_in_order(tmp_path: Path) -> None:
    shuffle = np.array([3, 0, 5, 1, 4, 2])
    path = write_h5(
        tmp_path / "s.h5", {"features": values()[shuffle], "coords": grid()[shuffle]}, {"coords": TRIDENT_COORDS}
    )
    bag = read_features(path)
    np.testing.assert_array_equal(bag.coords, grid())
    np.testing.assert_array_equal(bag.features, values())


def test_double_precision_is_stored_as_single(tmp_path: Path) -> None:
    path = write_h5(
        tmp_path / "s.h5", {"features": values(dtype=np.float64), "coords": grid()}, {"coords": TRIDENT_COORDS}
    )
    assert read_features(path).features.dtype == np.float32


BAD = values()
BAD[4, 2] = np.nan


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"features": BAD, "coords": grid()}, "1 of 6 patches hold NaN.*row 4"),
        ({"features": values(5), "coords": grid()}, "5 rows of features but 6"),
        ({"features": values()[0], "coords": grid()}, "slide embedding"),
        ({"features": values(), "coords": grid().astype(np.float64) * np.nan}, "NaN"),
        ({"features": values(), "coords": np.zeros((6, 3), np.int64)}, r"expected \(N, 2\)"),
        ({"features": np.array([[b"x"] * 2] * 6), "coords": grid()}, "expected numbers"),
        ({"features": values()}, "expected 'features'"),
        ({"attention_scores": np.zeros(6), "coords": grid()}, "attention_scores"),
    ],
)
def test_unusable_file_is_refused(tmp_path: Path, data: dict[str, Any], message: str) -> None:
    path = write_h5(tmp_path / "s.h5", data, {"coords": TRIDENT_COORDS} if "coords" in data else None)
    with pytest.raises(InputError, match=message):
        read_features(path)


@pytest.mark.parametrize("content", [b"", b"not an h5 file", b"\x89HDF\r\n\x1a\n" + b"\x00" * 200])
def test_damaged_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "s.h5").write_bytes(content)
    with pytest.raises(InputError, match="cannot be read as HDF5"):
        read_features(tmp_path / "s.h5")


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing\.h5"):
        read_features(tmp_path / "nothing.h5")


def test_link_to_another_file_is_refused(tmp_path: Path) -> None:
    write_h5(tmp_path / "secret.h5", {"features": values()})
    with h5py.File(tmp_path / "s.h5", "w") as file:
        file["features"] = h5py.ExternalLink("secret.h5", "features")
        file["coords"] = grid()
    with pytest.raises(InputError, match="Links to other files"):
        read_features(tmp_path / "s.h5", mpp=0.5)


def test_external_storage_is_refused(tmp_path: Path) -> None:
    (tmp_path / "raw").write_bytes(b"\x00" * 120)
    with h5py.File(tmp_path / "s.h5", "w") as file:
        file.create_dataset("features", (6, 5), "f4", external=[("raw", 0, 120)])
        file["coords"] = grid()
    with pytest.raises(InputError, match="not a plain dataset"):
        read_features(tmp_path / "s.h5", mpp=0.5)


def test_declared_size_beyond_memory_is_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "s.h5", "w") as file:
        file.create_dataset("features", (10**9, 1024), "f4", chunks=(1000, 1024))
        file["coords"] = grid()
    with pytest.raises(InputError, match="16 GiB"):
        read_features(tmp_path / "s.h5", mpp=0.5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mpp": 1.0}, "was encoded at 0.5"),
        ({"encoder": "uni"}, "'uni' was asked for"),
        ({"patch_size_level0": 256}, "512 level-0 pixels, but 256"),
    ],
)
def test_argument_that_contradicts_the_file_is_refused(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    path = write_features(tmp_path / "s.h5", make_bag())
    with pytest.raises(InputError, match=message):
        read_features(path, **options)


def test_safe_reading_gives_the_same_bag(tmp_path: Path) -> None:
    path = write_features(tmp_path / "s.h5", make_bag())
    np.testing.assert_array_equal(read_features_safely(path).features, read_features(path).features)


def test_safe_reading_passes_on_what_is_wrong(tmp_path: Path) -> None:
    path = write_h5(tmp_path / "s.h5", {"features": values(), "coords": grid()})
    with pytest.raises(MissingMppError, match="which resolution"):
        read_features_safely(path)
    assert len(read_features_safely(path, mpp=0.5, coords_path=None)) == 6


def test_safe_reading_ends_the_child_that_hangs() -> None:
    # One of our files with five bytes changed: HDF5 1.14 follows it in a circle for ever.
    with pytest.raises(InputError, match="damaged"):
        read_features_safely(Path(__file__).parent / "hanging.h5", timeout_seconds=5)


def test_safe_reading_ends_the_child_that_exhausts_memory(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "s.h5", "w") as file:
        file.create_dataset("features", (3_000_000, 1024), "f4", chunks=(1000, 1024))
        file["coords"] = grid()
    with pytest.raises(InputError, match=r"s\.h5"):
        read_features_safely(tmp_path / "s.h5", mpp=0.5)
