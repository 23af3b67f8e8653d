"""What is killed: every kind of job, and the verbs that write folders, on inputs of seconds."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

ROOT = Path(__file__).parents[2]
SAMPLE, DEMO = ROOT / "sample_data", ROOT / "checkpoints" / "demo-survpgc"
CASE = "SV07-0001"


@dataclass(frozen=True, slots=True)
class Scenario:
    """Something that writes.

    Attributes:
        prepare: makes inputs in a folder that no run writes to; its answer goes to the others.
        run: does the work once, in a workspace and a folder for results; returns what it answers.
        job: kind of job, None for a verb of the command line.
        results: globs below the workspace ("home/...") and the folder for results ("out/...") that are compared;
            none where every run draws secret noise.
        anew: done again, it writes its results again, also those that were whole; other files that were whole stay.
    """

    prepare: Callable[[Path], Any]
    run: Callable[[Any, Path], Any]
    results: tuple[str, ...]
    job: str | None = None
    anew: bool = False


def job(kind: str, arguments: Callable[[Any, Path], Mapping[str, Any]]) -> Callable[[Any, Path], Any]:
    """Does a job in this process, as its worker does."""

    def run(given: Any, out: Path) -> Any:
        import time

        from survviz.jobs.kinds import check_arguments
        from survviz.jobs.state import JobStatus, new_id, write_json, write_state
        from survviz.jobs.worker import work
        from survviz.workspace import workspace

        name = new_id()
        folder = workspace("jobs", name)
        checked = check_arguments(kind, arguments(given, out))
        write_json(folder / "job.json", {"kind": kind, "arguments": checked.model_dump(mode="json")})
        now = time.time()
        write_state(folder, JobStatus(name, kind, message="Waiting to start", created=now, updated=now))
        final = work(folder)
        return {"state": final.state, "error": final.error}

    return run


def verb(words: Callable[[Any, Path], list[Any]]) -> Callable[[Any, Path], Any]:
    """Runs a verb of `survviz` in this process."""

    def run(given: Any, out: Path) -> Any:
        from survviz.cli.app import app
        from survviz.errors import SurvvizError

        sys.argv = ["survviz", *map(str, words(given, out))]
        try:
            app(standalone_mode=False)
        except SurvvizError as error:
            return {"state": "failed", "error": str(error)}
        return {"state": "done", "error": ""}

    return run


def slide(base: Path) -> Path:
    from tests.jobs.test_jobs import tissue_slide

    return tissue_slide(base / "s.tif")


def two_cases(base: Path) -> Path:
    """Two patients of the bundled cohort with slides and masks."""
    folder = base / "cohort"
    folder.mkdir()
    (folder / "cohort.toml").write_text((SAMPLE / "cohort.toml").read_text().partition("[split]")[0])
    for name in ("clinical.csv", "slides.csv", "rna.csv.gz", "mirna.csv.gz"):
        table = pd.read_csv(SAMPLE / name, nrows=2, dtype=str, keep_default_na=False)
        table.assign(**({"path": ""} if "path" in table else {})).to_csv(folder / name, index=False)
    for name in ("features", "truth"):
        (folder / name).symlink_to(SAMPLE / name)
    return folder


def many_cases(base: Path) -> Path:
    """Enough patients for two parts of a scoring."""
    from tests.pipeline.cohort_folders import copy_of_sample

    return copy_of_sample(base / "cohort", slice(0, 150))


def scored(base: Path) -> Path:
    from survviz.data.cohort import load_cohort
    from survviz.pipeline.cohort.inference import run_cohort
    from survviz.pipeline.predictor import Predictor
    from tests.pipeline.cohort_folders import copy_of_sample

    cohort = load_cohort(copy_of_sample(base / "cohort", slice(0, 30)))
    run_cohort(Predictor.load(DEMO, "cpu"), cohort, base / "scored")
    return base / "scored"


def training(base: Path) -> dict[str, Any]:
    from tests.jobs.test_cohort_jobs import settings

    return settings(base)


def private(base: Path) -> Path:
    from tests.training.private_cohort import private_cohort, private_settings

    cohort = private_cohort(base / "hidden")
    (cohort.folder / "run.json").write_text(private_settings(cohort).model_dump_json())
    return cohort.folder


def tables(base: Path) -> Path:
    rows = [f"P{i},{0 if i == 7 else 3 + i},{i % 2},{50 + i}" for i in range(30)]
    path = base / "patients.csv"
    path.write_text("\n".join(["id,OS_MONTHS,OS_STATUS,age", *rows]) + "\n")
    return path


def recipe() -> dict[str, Any]:
    from survviz.pipeline.recipe import Recipe

    return {"checkpoint": str(DEMO), "recipe": asdict(Recipe(CASE, cohort=str(SAMPLE)))}


def nothing(base: Path) -> None:
    return None


def filled_home(base: Path) -> Path:
    """A workspace with something in it, to be saved."""
    home = base / "home"
    for name in ("jobs/" + "0" * 32 + "/state.json", "cohorts/x/cohort.toml", "uploads/y/a.csv"):
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"id": "0" * 32}))
    return home


def back_up(given: Path, out: Path) -> Any:
    import os

    from survviz.administration.backup import back_up
    from survviz.errors import SurvvizError

    shutil.copytree(given, os.environ["SURVVIZ_HOME"], dirs_exist_ok=True)
    try:
        back_up(out / "backup", with_files=True)
    except SurvvizError as error:
        return {"state": "failed", "error": str(error)}
    return {"state": "done", "error": ""}


def named(cohort: Any, **more: Any) -> dict[str, Any]:
    return {"checkpoint": str(DEMO), "cohort": str(cohort), **more}


SCENARIOS: dict[str, Scenario] = {
    "extract": Scenario(slide, job("extract", lambda path, out: {"slide": str(path)}), ("home/features/*",), "extract"),
    "maps": Scenario(nothing, job("maps", lambda _, out: {**recipe(), "kind": "attention"}), ("home/maps/*",), "maps"),
    "faithfulness": Scenario(
        nothing, job("faithfulness", lambda _, out: {**recipe(), "kind": "attention"}), ("home/maps/**/*",),
        "faithfulness",
    ),
    "regions": Scenario(
        two_cases, job("regions", lambda c, out: named(c)), ("home/regions/**/*",), "regions", anew=True
    ),
    "cohort-inference": Scenario(
        many_cases, job("cohort-inference", lambda c, out: named(c, device="cpu")), ("home/cohort-results/**/*",),
        "cohort-inference", anew=True,
    ),
    "attribution": Scenario(
        two_cases, job("attribution", lambda c, out: named(c, method="removal")), ("home/attribution/**/*",),
        "attribution", anew=True,
    ),
    "training": Scenario(
        training, job("training", lambda given, out: {**given, "out": str(out / "mine")}), ("out/mine/*",), "training",
        anew=True,
    ),
    "private-training": Scenario(
        private,
        verb(lambda folder, out: [
            "privacy", "train", "--cohort", folder, "--config", folder / "run.json", "--out", out / "private",
            "--delta", 1e-3, "--cap-delta", 1e-2, "--epsilon", 4,
        ]),
        (), anew=True,
    ),
    "bundle": Scenario(
        scored, verb(lambda folder, out: ["bundle", "--results", folder, "--out", out / "a.zip"]), ("out/*.zip",)
    ),
    "intake": Scenario(
        tables, verb(lambda path, out: ["check", path, "--fix", "all-recommended", "--out", out / "cohort"]),
        ("out/cohort/**/*",),
    ),
    "backup": Scenario(filled_home, back_up, ("out/backup/**/*",), anew=True),
}  # fmt: skip


def files_of(scenario: Scenario, home: Path, out: Path) -> Iterator[tuple[str, Path]]:
    """What is compared: name and file, temporary ones left out."""
    for pattern in scenario.results:
        where, _, rest = pattern.partition("/")
        root = home if where == "home" else out
        for path in sorted(root.glob(rest)):
            if path.is_file() and not is_temporary(path):
                yield str(path.relative_to(root)), path


def is_temporary(path: Path) -> bool:
    """Names under which nothing is ever read as a result."""
    return path.name.startswith(".") or path.suffix in (".tmp", ".part") or path.name in ("lock", "process.json")
