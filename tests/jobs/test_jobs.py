"""Jobs run in real processes here: encode a slide, fail in words, are cancelled, killed, and found again."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import tifffile

from survviz import jobs
from survviz.errors import InputError, UnknownNameError
from survviz.jobs.state import JobStatus, job_folder, read_state, write_state
from survviz.pipeline.recipe import Recipe
from survviz.workspace import workspace

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 90


def tissue_slide(path: Path, side: int = 1024) -> Path:
    """A pink square full of purple dots on glass."""
    rng = np.random.default_rng(0)
    pixels = np.full((side, side, 3), 242, np.uint8)
    inside = slice(side // 8, -side // 8)
    tissue = rng.normal((205, 130, 175), 18, (side, side, 3)).clip(0, 255).astype(np.uint8)
    nuclei = rng.random((side // 8, side // 8)).repeat(8, 0).repeat(8, 1) < 0.25
    tissue[nuclei] = (90, 50, 130)
    pixels[inside, inside] = tissue[inside, inside]
    tifffile.imwrite(
        path,
        pixels,
        tile=(256, 256),
        photometric="rgb",
        compression="deflate",
        resolution=(20000, 20000),
        resolutionunit=3,
    )
    return path


def wait(job_id: str, *states: str) -> JobStatus:
    """Poll until the job reaches a state."""
    waited = threading.Event()
    for _ in range(TIMEOUT_S * 10):
        status = jobs.status(job_id)
        if status.state in states or status.finished:
            return status
        waited.wait(0.1)
    raise AssertionError(f"job still {status}; log: {jobs.log_text(job_id)}")


@pytest.fixture
def busy() -> object:
    """The machine's only place for jobs is taken, so that the next job waits."""
    with (workspace("jobs") / "slot-0.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock


@pytest.fixture
def two_cases(tmp_path: Path) -> Path:
    """The first two cases of the sample cohort, as a cohort folder of its own."""
    import pandas as pd

    sample, folder = ROOT / "sample_data", tmp_path / "cohort"
    folder.mkdir()
    text = (sample / "cohort.toml").read_text()
    (folder / "cohort.toml").write_text(text.partition("[split]")[0])
    for name in ("clinical.csv", "slides.csv", "rna.csv.gz", "mirna.csv.gz"):
        table = pd.read_csv(sample / name, nrows=2, dtype=str, keep_default_na=False)
        table.assign(**({"path": ""} if "path" in table else {})).to_csv(folder / name, index=False)
    for name in ("features", "truth"):
        (folder / name).symlink_to(sample / name)
    return folder


def test_extract_job_encodes_a_slide_and_names_its_features(tmp_path: Path) -> None:
    from survviz.wsi.features import read_features

    job = jobs.submit("extract", {"slide": str(tissue_slide(tmp_path / "s.tif"))}, owner="me")
    status = wait(job)
    assert status.state == "done", (status, jobs.log_text(job))
    assert status.done == status.total == status.result["n_patches"] > 0
    bag = read_features(Path(status.result["features"]))
    assert len(bag) == status.result["n_patches"]
    assert status.fraction == 1.0
    assert [found.id for found in jobs.list_jobs("me")] == [job]
    assert jobs.list_jobs("somebody else") == []


def test_job_goes_on_when_the_process_that_started_it_has_ended(tmp_path: Path) -> None:
    code = "import sys; from survviz import jobs; print(jobs.submit('extract', {'slide': sys.argv[1]}))"
    path = tissue_slide(tmp_path / "s.tif")
    started = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert wait(started.stdout.strip()).state == "done"


def maps_job(kind: str = "perturbation", **changed: str) -> dict[str, object]:
    """Arguments of a job for the largest slide of the bundled cohort."""
    recipe = asdict(Recipe("SV07-0001", cohort=str(ROOT / "sample_data")))
    return {"checkpoint": str(ROOT / "checkpoints" / "demo-survpgc"), "recipe": recipe, "kind": kind, **changed}


def test_maps_job_leaves_maps_that_a_second_ask_finds() -> None:
    from survviz.data.cohort import load_cohort
    from survviz.pipeline.explanation.stored_maps import load_maps

    first = wait(jobs.submit("maps", maps_job("contribution"), owner="me"))
    assert first.state == "done", first
    assert first.done == first.total == 500
    (scores,) = load_maps(first.result["path"], load_cohort(ROOT / "sample_data").bags("SV07-0001"))["all"]
    assert scores.kind == "contribution"
    assert np.abs(scores.values).max() > 0
    again = wait(jobs.submit("maps", maps_job("contribution")))
    assert again.result == first.result
    assert again.done == 0, "nothing was computed"


def test_maps_job_is_cancelled_between_its_steps() -> None:
    job = jobs.submit("maps", maps_job())
    waited = threading.Event()
    for _ in range(TIMEOUT_S * 10):
        if jobs.status(job).done or jobs.status(job).finished:
            break
        waited.wait(0.05)
    jobs.cancel(job)
    status = wait(job)
    assert status.state == "cancelled", status
    assert not list(workspace("maps").glob("*.safetensors"))


def test_maps_job_says_what_cannot_be_mapped() -> None:
    status = wait(jobs.submit("maps", maps_job(checkpoint=str(ROOT / "checkpoints" / "demo-bilayer"))))
    assert status.state == "failed"
    assert "does not read pathology" in status.error
    with pytest.raises(InputError, match="kind"):
        jobs.submit("maps", maps_job("attentions"))


def test_regions_job_leaves_the_tables_of_the_command_line(two_cases: Path) -> None:
    from survviz.data.cohort import load_cohort
    from survviz.pipeline import Predictor
    from survviz.pipeline.cohort.region_files import BY_CASE, DOCUMENT, SUMMARY, flat
    from survviz.pipeline.cohort.regions import cohort_regions, over_patients, truth_regions

    demo = ROOT / "checkpoints" / "demo-survpgc"
    status = wait(jobs.submit("regions", {"checkpoint": str(demo), "cohort": str(two_cases)}))
    assert status.state == "done", status
    assert status.done == status.total == 2
    folder = Path(status.result["folder"])
    document = json.loads((folder / DOCUMENT).read_text())
    cohort = load_cohort(two_cases)
    expected = cohort_regions(Predictor.load(demo, "cpu"), cohort, truth_regions(cohort))
    assert document["n_cases"] == 2
    assert document["summary"] == [pytest.approx(flat(one)) for one in over_patients(expected)]
    assert len((folder / BY_CASE).read_text().splitlines()) == 1 + len(expected)
    assert (folder / SUMMARY).read_text().startswith("query,key,token,region,n_cases,enrichment,low,high,share_above_1")


def test_expected_error_is_kept_in_words(tmp_path: Path) -> None:
    broken = tmp_path / "broken.svs"
    broken.write_bytes(b"not a slide")
    status = wait(jobs.submit("extract", {"slide": str(broken)}))
    assert status.state == "failed"
    assert "broken.svs" in status.error
    assert "Traceback" not in status.error


def test_unexpected_error_names_the_job_and_leaves_a_traceback_in_the_log(tmp_path: Path) -> None:
    from survviz.wsi.encoders import create_encoder
    from survviz.wsi.extract import cache_name
    from survviz.wsi.slide import open_slide

    path = tissue_slide(tmp_path / "s.tif")
    with open_slide(path) as slide:
        (workspace("features") / cache_name(slide, create_encoder()) / "in the way").mkdir(parents=True)
    job = jobs.submit("extract", {"slide": str(path)})
    status = wait(job)
    assert status.state == "failed"
    assert job[:8] in status.error
    assert "Traceback" in jobs.log_text(job)


def test_waiting_job_can_be_cancelled(tmp_path: Path, busy: object) -> None:
    job = jobs.submit("extract", {"slide": str(tissue_slide(tmp_path / "s.tif"))})
    assert jobs.status(job).state == "queued"
    jobs.cancel(job)
    assert wait(job).state == "cancelled"


def test_running_job_stops_at_its_next_step(tmp_path: Path) -> None:
    job = jobs.submit("extract", {"slide": str(tissue_slide(tmp_path / "s.tif", side=4096))})
    wait(job, "running")
    jobs.cancel(job)
    status = wait(job)
    assert status.state == "cancelled", status.error
    assert not status.result


@pytest.mark.parametrize("asked", [False, True])
def test_killed_worker_is_noticed(tmp_path: Path, busy: object, asked: bool) -> None:
    job = jobs.submit("extract", {"slide": str(tissue_slide(tmp_path / "s.tif"))})
    if asked:
        (job_folder(job) / "cancel").touch()
    process = json.loads((job_folder(job) / "process.json").read_text())
    os.kill(process["pid"], signal.SIGKILL)
    status = wait(job)
    assert status.state == ("cancelled" if asked else "failed")
    if not asked:
        assert job[:8] in status.error


def test_pid_used_again_by_another_process_is_not_the_worker(tmp_path: Path) -> None:
    job = jobs.submit("extract", {"slide": str(tmp_path / "missing.svs")})
    folder = job_folder(job)
    wait(job)
    running = JobStatus(job, "extract", state="running")
    write_state(folder, running)
    (folder / "process.json").write_text(json.dumps({"pid": os.getpid(), "started": "1"}))
    assert jobs.status(job).state == "failed"
    assert read_state(folder).state == "failed"


def test_wrong_arguments_are_refused_before_anything_starts() -> None:
    with pytest.raises(InputError, match="colour"):
        jobs.submit("extract", {"slide": "a.svs", "colour": "red"})
    with pytest.raises(UnknownNameError, match="extract"):
        jobs.submit("extrakt", {})
    assert list(workspace("jobs").iterdir()) == []


@pytest.mark.parametrize("job_id", ["", "../..", "0" * 32])
def test_unknown_job_is_said_so(job_id: str) -> None:
    with pytest.raises(InputError, match="No job"):
        jobs.status(job_id)
