"""A cohort behind an address is the cohort of the folder: read in parts, in a bounded cache, never from the app."""

from __future__ import annotations

import multiprocessing
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from survviz.benchmark.board import leaderboard
from survviz.benchmark.run import run_suite
from survviz.cli import main
from survviz.cluster import Processes
from survviz.data.cohort import Cohort, load_cohort
from survviz.data.fingerprint import fingerprint
from survviz.data.packing import pack_cohort
from survviz.data.remote_cohort import at_worker, copied
from survviz.errors import InputError
from survviz.pipeline.cohort.inference import infer
from survviz.remote import address_of, at_hand, entry_of
from survviz.remote.cache import LIMIT_VARIABLE
from survviz.server.folders import allowed_path
from survviz.workspace import workspace
from tests.benchmark.conftest import SUITE
from tests.conftest import ROOT
from tests.pipeline.cohort_folders import SAMPLE, copy_of_sample
from tests.remote.conftest import KINDS

Publish = Callable[[str, Path], str]

CHECKPOINT = ROOT / "checkpoints" / "demo-survpgc"
HERE = Processes(0)


def assert_same(found: Cohort, expected: Cohort) -> None:
    pd.testing.assert_frame_equal(found.clinical, expected.clinical)
    pd.testing.assert_frame_equal(found.rna, expected.rna)
    assert sorted(found.features) == sorted(expected.features)
    for case in expected.case_ids:
        for one, other in zip(found.bags(case), expected.bags(case), strict=True):
            np.testing.assert_array_equal(one.features, other.features)
            np.testing.assert_array_equal(one.coords, other.coords)


def in_cache() -> dict[str, int]:
    """Slide file -> bytes."""
    root = workspace("remote", "files")
    return {file.name: file.stat().st_size for file in root.glob("*/*")}


@pytest.mark.parametrize("kind", KINDS)
def test_cohort_behind_an_address_is_that_of_the_folder(kind: str, publish: Publish, tiny_folder: Path) -> None:
    address = publish(kind, tiny_folder)
    folder = copied(address)
    found = load_cohort(folder)
    assert not in_cache(), "nothing large is fetched before it is read"
    assert_same(found, load_cohort(tiny_folder))
    assert address_of(folder) == address
    assert copied(address) == folder


@pytest.mark.parametrize("kind", ["s3", "file"])
def test_packed_features_behind_an_address(kind: str, publish: Publish, tiny_folder: Path, tmp_path: Path) -> None:
    packed = shutil.copytree(tiny_folder, tmp_path / "packed")
    pack_cohort(packed)
    expected = load_cohort(packed)
    found = load_cohort(copied(publish(kind, packed)))
    assert found.packed is not None
    assert_same(found, expected)
    assert list(in_cache()) == ["features.pack"]


def test_genomic_tokens_behind_an_address(publish: Publish, tiny_folder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_folder, tmp_path / "tokens")
    (folder / "tokens").mkdir()
    np.save(folder / "tokens" / "CASE-005.npy", np.arange(6, dtype=np.float32).reshape(2, 3))
    (folder / "cohort.toml").write_text(
        (folder / "cohort.toml").read_text() + '\n[genomic_tokens]\nfolder = "tokens"\n'
    )
    found = load_cohort(copied(publish("file", folder)))
    np.testing.assert_array_equal(found.genomic_tokens("CASE-005"), [[0, 1, 2], [3, 4, 5]])


def test_inference_from_s3_is_that_of_the_folder(publish: Publish, tmp_path: Path) -> None:
    folder = copy_of_sample(tmp_path / "cohort", slice(0, 6))
    (folder / "features").unlink()
    (folder / "features").mkdir()
    for slide in pd.read_csv(folder / "slides.csv")["slide_id"]:
        shutil.copy(SAMPLE / "features" / f"{slide}.h5", folder / "features")
    here = infer(CHECKPOINT, folder, tmp_path / "here", device="cpu")
    found = infer(CHECKPOINT, copied(publish("s3", folder)), tmp_path / "remote", device="cpu")
    pd.testing.assert_frame_equal(found.table, here.table, check_exact=True)
    assert found.survival.tobytes() == here.survival.tobytes()


def test_benchmark_from_s3_is_that_of_the_folder(publish: Publish, tiny_folder: Path, tmp_path: Path) -> None:
    suite = tmp_path / "suite.toml"
    text = SUITE.split("[[entries]]", maxsplit=1)[0].format(programmes=tiny_folder / "sets.gmt")
    text = text.replace("repeats = 2", "repeats = 1")
    suite.write_text(text.replace('name = "tiny"\ncannot', 'name = "tiny"\nfolder = "cohort"\ncannot'))
    shutil.copytree(tiny_folder, tmp_path / "cohort")
    boards = []
    root = publish("s3", tiny_folder).removesuffix("/cohort")
    for name, cohorts in (("here", tmp_path), ("remote", root)):
        document = leaderboard(run_suite(suite, tmp_path / name, cohorts=cohorts, place=HERE)).document()
        for row in document["cohorts"][0]["rows"]:
            row.pop("seconds")
        boards.append(document["cohorts"][0]["rows"])
    assert boards[0] == boards[1]
    assert run_suite(suite, tmp_path / "remote", cohorts=root, place=HERE).made == 0


def test_training_from_the_command_line(
    publish: Publish, tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"epochs": 1, "n_folds": 2, "n_bins": 2, "model_settings.d_embed": 8, "model_settings.d_attention": 4}
    options = [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
    words = [
        "train",
        "--model",
        "abmil",
        "--cohort",
        publish("s3", tiny_folder),
        "--out",
        str(tmp_path / "made"),
        *options,
    ]
    monkeypatch.setattr("sys.argv", ["survviz", *words, "--json"])
    with pytest.raises(SystemExit, match="0"):
        main()
    assert (tmp_path / "made" / "config.json").is_file()


@pytest.fixture
def three_slides(publish: Publish, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Cohort:
    """A cohort of many slides with a cache that holds three of them."""
    size = max(path.stat().st_size for path in (tiny_folder / "features").iterdir())
    monkeypatch.setenv(LIMIT_VARIABLE, str(3.5 * size / 1e9))
    return load_cohort(copied(publish("file", tiny_folder)))


def test_cache_keeps_what_was_read_last(three_slides: Cohort) -> None:
    first, second, third, fourth = sorted(three_slides.features)[:4]
    stamps = iter(range(1_000_000_000, 1_000_000_100))
    for slide in (first, second, third, first, fourth):
        three_slides.bag(slide)
        for file in workspace("remote", "files").glob(f"*/{slide}.h5"):
            os.utime(file, (at := next(stamps), at))
        assert len(in_cache()) <= 3
    assert sorted(in_cache()) == [f"{slide}.h5" for slide in (first, third, fourth)]


def test_what_is_being_read_is_not_evicted(three_slides: Cohort) -> None:
    slides = sorted(three_slides.features)[:4]
    with ExitStack() as stack:
        held = [stack.enter_context(at_hand(three_slides.features[slide])) for slide in slides[:3]]
        with pytest.raises(InputError, match=LIMIT_VARIABLE):
            three_slides.bag(slides[3])
        assert all(file.is_file() for file in held)
    three_slides.bag(slides[3])


def read_all(folder: Path, environment: dict[str, str], ends: Callable[[], object]) -> None:
    """What two processes do at the same time."""
    os.environ.update(environment)
    cohort = load_cohort(folder)
    ends()
    for slide in sorted(cohort.features):
        assert len(cohort.bag(slide)) == 12


def test_two_processes_share_a_cache_that_is_too_small_for_both(three_slides: Cohort) -> None:
    spawn = multiprocessing.get_context("spawn")
    together = spawn.Barrier(2)
    both = [
        spawn.Process(target=read_all, args=(three_slides.folder, dict(os.environ), together.wait)) for _ in range(2)
    ]
    for process in both:
        process.start()
    for process in both:
        process.join()
    assert [process.exitcode for process in both] == [0, 0]
    assert len(in_cache()) <= 3


@pytest.mark.parametrize("kind", ["s3", "file"])
def test_changed_file_is_another_cohort_and_the_old_one_says_so(kind: str, publish: Publish, tiny_folder: Path) -> None:
    import fsspec

    address = publish(kind, tiny_folder)
    before = load_cohort(copied(address))
    first, second = sorted(before.features)[:2]
    before.bag(first)
    store, path = fsspec.core.url_to_fs(address, **({"skip_instance_cache": True} if kind == "s3" else {}))
    for slide in (first, second):
        store.put_file(
            str(tiny_folder / "features" / f"{sorted(before.features)[-1]}.h5"), f"{path}/features/{slide}.h5"
        )
    after = load_cohort(copied(address))
    assert after.folder != before.folder
    assert fingerprint(after) != fingerprint(before)
    assert not np.array_equal(after.bag(first).features, before.bag(first).features)
    with pytest.raises(InputError, match="written again"):
        before.bag(second)
    with pytest.raises(InputError, match="written again"):
        at_worker(Path("elsewhere") / before.folder.name, address)
    assert at_worker(Path("elsewhere") / after.folder.name, address) == after.folder


def test_broken_fetch_leaves_nothing(publish: Publish, tiny_folder: Path, tmp_path: Path) -> None:
    address = publish("file", tiny_folder)
    cohort = load_cohort(copied(address))
    slide = sorted(cohort.features)[0]
    (Path(address.removeprefix("file://")) / "features" / f"{slide}.h5").unlink()
    with pytest.raises(InputError, match="There is no file://"):
        cohort.bag(slide)
    assert not in_cache()


@pytest.mark.parametrize("name", ["../secret.csv", "/etc/passwd", "a//b.csv", "s3://other/table.csv"])
def test_table_outside_of_the_address_is_refused(
    name: str, publish: Publish, tiny_folder: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(tiny_folder, tmp_path / "hostile")
    (folder / "cohort.toml").write_text((folder / "cohort.toml").read_text().replace('"rna.csv"', f'"{name}"'))
    with pytest.raises(InputError, match="no plain path"):
        copied(publish("file", folder))


def test_missing_cohort_and_silent_store_are_said_in_words(s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="s3://nobody"):
        copied("s3://nobody/cohort")
    with pytest.raises(InputError, match=r"Expected s3://, file://, memory://"):
        copied("https://example.org/cohort")


@pytest.mark.parametrize(
    "text", ["s3://bucket/cohort", "http://169.254.169.254/latest", "file:///etc", "s3:/bucket/cohort"]
)
def test_app_refuses_addresses_in_words(text: str) -> None:
    """Whatever a page opens goes through one of these."""
    with pytest.raises(InputError, match="only from the command line"):
        load_cohort(text)
    with pytest.raises(InputError, match="only from the command line"):
        allowed_path("somebody", text)


def test_list_of_remote_files_in_an_uploaded_folder_is_not_followed(
    publish: Publish, tiny_folder: Path, tmp_path: Path
) -> None:
    real = copied(publish("file", tiny_folder))
    forged = shutil.copytree(real, tmp_path / "uploaded")
    assert (forged / ".remote.json").is_file()
    assert load_cohort(forged).features == {}
    assert address_of(forged) is None
    assert entry_of(forged / "features" / "CASE-005-0.h5") is None
    assert entry_of(real / "features" / "CASE-005-0.h5") is not None


@pytest.fixture(autouse=True)
def closed_sessions() -> Iterator[None]:
    """S3 connections end with the test's server."""
    yield
    import s3fs

    s3fs.S3FileSystem.clear_instance_cache()
