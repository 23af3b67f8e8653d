"""A packed store gives the same bags as the feature files, rounded to float16, and notices when they differ."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.reduction import ForkingPickler
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from survviz.cli.app import app
from survviz.data.cohort import load_cohort
from survviz.data.packed_store import MAGIC, PackedStore
from survviz.data.packing import pack_cohort
from survviz.errors import InputError
from survviz.types import Bag
from survviz.wsi.features import read_features, write_features


@pytest.fixture
def packed_folder(cohort_folder: Path) -> Path:
    pack_cohort(cohort_folder)
    return cohort_folder


def test_bags_equal_float16_of_the_files_in_every_field(packed_folder: Path) -> None:
    from_files, from_store = load_cohort(packed_folder, packed=False), load_cohort(packed_folder)
    for case_id in from_files.case_ids:
        for file, stored in zip(from_files.bags(case_id), from_store.bags(case_id), strict=True):
            np.testing.assert_array_equal(stored.features, file.features.astype(np.float16))
            assert stored.features.dtype == np.float16
            np.testing.assert_array_equal(stored.coords, file.coords)
            assert replace(stored, features=file.features, coords=file.coords) == file
    assert [len(from_store.bags(case)) for case in ("C000", "C001", "C003")] == [0, 1, 2]


def test_every_field_of_a_bag_survives(cohort_folder: Path, make_bag: Callable[..., Bag]) -> None:
    bag = replace(
        make_bag("C001_a", 1),
        slide_size=(99_999, 5_000),
        slide_hash="ab12",
        mpp_source="person",
        encoder_revision="7",
        patch_size_level0=512,
    )
    write_features(cohort_folder / "features" / "C001_a.h5", bag)
    pack_cohort(cohort_folder)
    stored = load_cohort(cohort_folder).bag("C001_a")
    np.testing.assert_array_equal(stored.coords, bag.coords)
    assert replace(stored, features=bag.features, coords=bag.coords) == bag


def test_bags_are_views_that_nobody_can_write_to(packed_folder: Path) -> None:
    cohort = load_cohort(packed_folder)
    first, second = (cohort.bags("C001")[0] for _ in range(2))
    assert not first.features.flags.owndata
    assert first.features.ctypes.data == second.features.ctypes.data
    assert first.features.ctypes.data % 64 == 0
    with pytest.raises(ValueError, match="read-only"):
        first.features[0, 0] = 1


def test_the_toml_names_the_file_and_keeps_its_comments(cohort_folder: Path) -> None:
    toml = cohort_folder / "cohort.toml"
    toml.write_text(toml.read_text().replace("[features]", "# patches\n[features]  # encoded"))
    for out in (None, cohort_folder / "elsewhere" / "all.pack"):
        pack_cohort(cohort_folder, out)
    text = toml.read_text()
    assert '[features]  # encoded\npacked = "elsewhere/all.pack"\nencoder = "test-encoder"' in text
    assert text.count("packed =") == 1
    assert "# patches" in text


def test_a_store_stands_alone_when_the_files_are_gone(packed_folder: Path) -> None:
    before = load_cohort(packed_folder, packed=False).bags("C003")
    shutil.rmtree(packed_folder / "features")
    after = load_cohort(packed_folder).bags("C003")
    assert [bag.slide_id for bag in after] == [bag.slide_id for bag in before]
    with pytest.raises(InputError, match="packed file only"):
        pack_cohort(packed_folder)


def test_a_changed_file_is_noticed(packed_folder: Path, make_bag: Callable[..., Bag]) -> None:
    write_features(packed_folder / "features" / "C001_a.h5", make_bag("C001_a", seed=99))
    cohort = load_cohort(packed_folder)
    with pytest.raises(InputError, match=r"C001_a.*written again since.*survviz pack"):
        cohort.bags("C001")
    assert cohort.bags("C002")


def test_a_copied_file_is_not_a_changed_one(packed_folder: Path) -> None:
    path = packed_folder / "features" / "C001_a.h5"
    os.utime(path, (1, 1))
    assert load_cohort(packed_folder).bags("C001")


def test_files_that_came_or_went_are_noticed(packed_folder: Path) -> None:
    features = packed_folder / "features"
    (features / "C001_a.h5").rename(packed_folder / "aside.h5")
    with pytest.raises(InputError, match=r"holds C001_a.*pack.*again"):
        load_cohort(packed_folder)
    (packed_folder / "aside.h5").rename(features / "C001_a.h5")
    slides = packed_folder / "slides.csv"
    slides.write_text(slides.read_text() + "C000,C000_a\n")
    shutil.copy(features / "C001_a.h5", features / "C000_a.h5")
    with pytest.raises(InputError, match="has no C000_a"):
        load_cohort(packed_folder)


def test_another_pixel_size_in_the_slide_table_is_noticed(packed_folder: Path) -> None:
    slides = packed_folder / "slides.csv"
    lines = slides.read_text().splitlines()
    slides.write_text("\n".join([lines[0] + ",mpp", *(f"{line},0.25" for line in lines[1:])]) + "\n")
    with pytest.raises(InputError, match="another pixel size or encoder"):
        load_cohort(packed_folder).bags("C001")


def test_values_beyond_float16_are_refused_and_nothing_is_left_behind(
    cohort_folder: Path, make_bag: Callable[..., Bag]
) -> None:
    bag = make_bag("C001_a", 1)
    bag.features[4, 2] = 70_000
    write_features(cohort_folder / "features" / "C001_a.h5", bag)
    with pytest.raises(InputError, match=r"C001_a: 1 features.*65,504.*70000 in row 4, column 2"):
        pack_cohort(cohort_folder)
    assert not [path for path in cohort_folder.iterdir() if "pack" in path.name]
    assert "packed" not in (cohort_folder / "cohort.toml").read_text()


@pytest.mark.parametrize("kept", [0.0, 0.5, 0.999])
def test_a_damaged_store_is_said_to_be_one(packed_folder: Path, kept: float) -> None:
    path = packed_folder / "features.pack"
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(InputError, match=r"features.pack"):
        load_cohort(packed_folder)


def test_an_index_that_points_outside_the_file_is_refused(tmp_path: Path, packed_folder: Path) -> None:
    content = (packed_folder / "features.pack").read_bytes()
    length = int.from_bytes(content[-16:-8], "little")
    index = json.loads(content[-16 - length : -16])
    index["slides"]["C001_a"]["n_patches"] = 10**12
    text = json.dumps(index).encode()
    path = tmp_path / "bad.pack"
    path.write_bytes(content[: -16 - length] + text + len(text).to_bytes(8, "little") + MAGIC)
    with pytest.raises(InputError, match="cut off or no packed"):
        PackedStore.open(path)


def test_a_cohort_goes_to_a_worker_process_without_its_patches(packed_folder: Path) -> None:
    cohort = load_cohort(packed_folder)
    sent = ForkingPickler.dumps(cohort.packed)
    assert len(sent) < 1000
    assert ForkingPickler.loads(sent).bag("C001_a", None, slide_mpp=None, encoder="test-encoder").features.tolist() == (
        cohort.bags("C001")[0].features.tolist()
    )


def test_the_verb_packs_and_says_what_it_wrote(cohort_folder: Path) -> None:
    result = CliRunner().invoke(app, ["pack", "--cohort", str(cohort_folder), "--json"])
    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)
    bags = [read_features(path) for path in (cohort_folder / "features").iterdir()]
    assert said["n_slides"] == len(bags)
    assert said["n_patches"] == sum(map(len, bags))
    assert said["named"]
    assert load_cohort(cohort_folder).packed is not None


@pytest.fixture
def shards(cohort_folder: Path) -> Path:
    """The packed features in a file per slide."""
    pack_cohort(cohort_folder, shard_bytes=1)
    return cohort_folder / "features.packs"


def test_shards_give_the_same_bags_as_one_file(cohort_folder: Path, shards: Path) -> None:
    assert len(list(shards.iterdir())) == len(list((cohort_folder / "features").iterdir())) > 2
    from_shards, from_files = load_cohort(cohort_folder), load_cohort(cohort_folder, packed=False)
    assert from_shards.packed is not None
    for case_id in from_files.case_ids:
        for file, stored in zip(from_files.bags(case_id), from_shards.bags(case_id), strict=True):
            np.testing.assert_array_equal(stored.features, file.features.astype(np.float16))
            np.testing.assert_array_equal(stored.coords, file.coords)
    shutil.rmtree(cohort_folder / "features")
    assert load_cohort(cohort_folder).features.keys() == from_files.features.keys()


def test_only_shards_whose_files_changed_are_packed_again(
    cohort_folder: Path, shards: Path, make_bag: Callable[..., Bag]
) -> None:
    before = {file.name: file.stat().st_mtime_ns for file in shards.iterdir()}
    (shards / "00099.pack").write_bytes(b"left over")
    bag = replace(make_bag("C001_a", 1), encoder_revision="7")
    write_features(cohort_folder / "features" / "C001_a.h5", bag)
    with pytest.raises(InputError, match="Run `survviz pack`"):
        load_cohort(cohort_folder)
    pack_cohort(cohort_folder, shard_bytes=1)
    after = {file.name: file.stat().st_mtime_ns for file in shards.iterdir()}
    assert after.keys() == before.keys()
    assert sum(after[name] != before[name] for name in before) == 1
    assert load_cohort(cohort_folder).bag("C001_a").encoder_revision == "7"


def test_shards_with_a_slide_twice_or_none_at_all_are_refused(cohort_folder: Path, shards: Path) -> None:
    shutil.copy(shards / "00000.pack", shards / "00042.pack")
    with pytest.raises(InputError, match="twice"):
        load_cohort(cohort_folder)
    for file in shards.iterdir():
        file.unlink()
    with pytest.raises(InputError, match=r"no \.pack files"):
        load_cohort(cohort_folder)
