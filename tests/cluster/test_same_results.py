"""Two Ray workers give what one process gives, to the bit; one that is killed in the middle costs nothing."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from survviz.benchmark.board import leaderboard
from survviz.benchmark.run import run_suite
from survviz.cli import main
from survviz.cluster import Failed, Place, Processes, Ray
from survviz.errors import CancelledError, InputError
from survviz.pipeline import extraction
from survviz.pipeline.cohort import part_runs
from survviz.pipeline.cohort.inference import infer
from survviz.pipeline.cohort.results import CohortResults
from survviz.pipeline.extraction import MANIFEST, Encoded, EncoderChoice, extract_slides, read_manifest
from tests.benchmark.conftest import SUITE, write_suite
from tests.cluster.deadly_work import DEADLY, TRACE, deadly_part, part_that_dies_once, slide_that_dies_once
from tests.conftest import ROOT
from tests.pipeline.cohort_folders import copy_of_sample

pytestmark = pytest.mark.xdist_group("ray")

HERE = Processes(0)
CHECKPOINT = ROOT / "checkpoints" / "demo-survpgc"
SLIDES = sorted((ROOT / "sample_data" / "slides").glob("*.tif"))[1:5]
COARSE = EncoderChoice("he-descriptor-2um")
BASELINES = (
    SUITE.split("[[entries]]", maxsplit=1)[0]
    + SUITE[SUITE.index('[[entries]]\nname = "small snn"') :].split('[[entries]]\nname = "broken"')[0]
)


def encode(out: Path, place: Place, **options: Callable[..., None]) -> dict[str, Encoded | Failed]:
    found: dict[str, Encoded | Failed] = {}

    def keep(path: Path, outcome: Encoded | Failed) -> None:
        found[path.stem] = outcome

    work = [(path, path.stem, None) for path in SLIDES]
    extract_slides(work, COARSE, out, place=place, finished=keep, **options)
    return found


def features(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.h5")}


def scored(results: CohortResults) -> tuple[pd.DataFrame, bytes, list[dict[str, str]]]:
    return results.table, results.survival.tobytes(), results.not_scored.to_dict("records")


def assert_same(found: CohortResults, expected: CohortResults) -> None:
    (table, *rest), (other, *others) = scored(found), scored(expected)
    pd.testing.assert_frame_equal(table, other, check_exact=True)
    assert rest == others
    assert [found.document[name] for name in ("device", "identity")] == [
        expected.document[name] for name in ("device", "identity")
    ]


def assert_one_died(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert (folder / TRACE).is_dir()
    assert ["It is started again" in record.getMessage() for record in caplog.records] == [True]


def test_extraction_is_the_same_though_a_worker_is_killed(
    two_workers: Ray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    encode(tmp_path / "here", HERE)
    monkeypatch.setattr(extraction, "extract_slide", slide_that_dies_once)
    with caplog.at_level(logging.WARNING, logger="survviz.cluster"):
        found = encode(tmp_path / "ray", two_workers)
    assert_one_died(tmp_path, caplog)
    assert set(found) == {path.stem for path in SLIDES}
    assert features(tmp_path / "ray") == features(tmp_path / "here")
    lines = [json.loads(line)["slide_id"] for line in (tmp_path / "ray" / MANIFEST).read_text().splitlines()]
    assert Counter(lines) == Counter(path.stem for path in SLIDES), "each slide has one line"
    assert not [path for path in (tmp_path / "ray").iterdir() if path.suffix == ".part"]


def test_cancelled_extraction_goes_on_after_its_finished_slides(two_workers: Ray, tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        if 0 < done < total:
            raise CancelledError("Cancelled.")

    with pytest.raises(CancelledError):
        encode(tmp_path, two_workers, progress=stop)
    before = read_manifest(tmp_path)
    stamps = {row.file: (tmp_path / row.file).stat().st_mtime_ns for row in before.values()}
    assert 0 < len(before) < len(SLIDES)
    assert len(encode(tmp_path, HERE)) == len(SLIDES)
    assert {name: (tmp_path / name).stat().st_mtime_ns for name in stamps} == stamps
    assert len(read_manifest(tmp_path)) == len(SLIDES)


def test_inference_is_the_same_though_a_worker_is_killed(
    two_workers: Ray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(part_runs, "CASES_PER_PART", 5)
    folder = copy_of_sample(tmp_path / "cohort", slice(0, 18))
    expected = infer(CHECKPOINT, folder, tmp_path / "here", device="cpu")
    monkeypatch.setattr(part_runs, "score_part", part_that_dies_once)
    with caplog.at_level(logging.WARNING, logger="survviz.cluster"):
        found = infer(CHECKPOINT, folder, tmp_path / "ray", device="cpu", place=two_workers)
    assert_one_died(tmp_path, caplog)
    assert_same(found, expected)
    assert len(found.table) == found.table.index.nunique() == 18


def test_case_that_kills_its_worker_is_a_row_and_the_others_are_scored(
    two_workers: Ray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(part_runs, "score_part", deadly_part)
    monkeypatch.setattr(part_runs, "CASES_PER_PART", 2)
    folder = copy_of_sample(tmp_path / "cohort", slice(0, 4))
    place = Ray(address=two_workers.address, attempts=1)
    found = infer(CHECKPOINT, folder, tmp_path / "out", device="cpu", place=place)
    (refused,) = found.not_scored.to_dict("records")
    assert (refused["case_id"], refused["kind"]) == (DEADLY, "error")
    assert "its worker died" in refused["reason"]
    assert len(found.table) == 3


def test_workers_refuse_a_cohort_that_changed_meanwhile(two_workers: Ray, tmp_path: Path) -> None:
    folder = copy_of_sample(tmp_path / "cohort", slice(0, 3))
    job = part_runs.PartJob(CHECKPOINT, "0" * 64, folder, 0.0, None, "cpu", False, 32, ("SV07-0001",))
    with pytest.raises(InputError, match="written again while it was used"):
        part_runs.score_part(job)


def test_benchmark_is_the_same(two_workers: Ray, tmp_path: Path) -> None:
    suite = write_suite(tmp_path, BASELINES)
    boards = []
    for name, place in (("here", HERE), ("ray", two_workers)):
        document = leaderboard(run_suite(suite, tmp_path / name, place=place)).document()
        for row in document["cohorts"][0]["rows"]:
            row.pop("seconds")
        boards.append(document)
    assert boards[0] == boards[1]
    again = run_suite(suite, tmp_path / "ray", place=HERE)
    assert again.made == 0
    assert again.cached > 0


def test_command_line_joins_a_running_cluster_and_prints_json_only(
    two_workers: Ray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ["extract", "--slide", SLIDES[0], "--out", tmp_path, "--encoder", COARSE.name, "--json", "--on", "ray"]
    monkeypatch.setattr("sys.argv", ["survviz", *map(str, words), "--ray-address", two_workers.address])
    with pytest.raises(SystemExit, match="0"):
        main()
    said = json.loads(capfd.readouterr().out)
    assert [Path(row["slide"]).name for row in said["slides"]] == [SLIDES[0].name]
    assert said["there_already"] == 0
