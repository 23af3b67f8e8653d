"""A run that was killed goes on to the same bits; one that depends on something else is refused."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from survviz.checkpoint.layout import PREPROCESS, RUN_LOG, WEIGHTS
from survviz.data.cohort import Cohort
from survviz.data.fingerprint import fingerprint
from survviz.errors import InputError
from survviz.training import TrainConfig, TrainReport, cross_validate
from survviz.training.run_folder import differences

SETTINGS = {
    "model_settings.d_embed": 16,
    "model_settings.d_attention": 8,
    "model_settings.d_programme": 4,
    "model_settings.d_head": 8,
    "n_folds": 2,
    "n_bins": 3,
    "epochs": 15,
    "threads": 1,
}


def command(cohort: Cohort, out: Path, processes: int) -> list[str]:
    values = {**SETTINGS, "preprocess.programmes": str(cohort.folder / "sets.gmt")}
    options = [text for name, value in values.items() for text in ("--set", f"{name}={json.dumps(value)}")]
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    start = [sys.executable, *(torchrun if processes > 1 else []), "-m", "survviz.cli", "train"]
    return [*start, "--cohort", str(cohort.folder), "--out", str(out), *options]


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def kill_after(arguments: list[str], log: Path, fold: int, epoch: int) -> None:
    """Start, and SIGKILL the process (under torchrun: its workers) once the log tells of that epoch."""
    with subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        while not any(one.get("fold") == fold and one.get("epoch") == epoch for one in whole_lines(log)):
            assert process.poll() is None, process.stderr.read().decode()
            os.sched_yield()
        workers = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        for victim in map(int, workers or [process.pid]):
            os.kill(victim, signal.SIGKILL)
        process.communicate()
        assert process.returncode != 0


def whole_lines(path: Path) -> list[dict[str, Any]]:
    """Lines of a log that is being written."""
    text = path.read_text() if path.exists() else ""
    return [json.loads(line) for line in text.split("\n")[:-1]]


def results(folder: Path) -> dict[str, Any]:
    document = json.loads((folder / PREPROCESS).read_text())
    told = [
        {name: value for name, value in line.items() if name not in ("at", "seconds")}
        for line in lines(folder / RUN_LOG)
        if line["event"] not in ("start", "resume")
    ]
    return {
        "weights": (folder / WEIGHTS).read_bytes(),
        "log": told,
        **{name: document[name] for name in ("folds", "reference", "baselines")},
    }


@pytest.mark.slow
@pytest.mark.parametrize("processes", [1, 2])
def test_a_run_killed_twice_ends_with_the_same_weights_and_table(tiny: Cohort, tmp_path: Path, processes: int) -> None:
    """With dropout, whose generator is another one in each process."""
    whole, killed = (command(tiny, tmp_path / name, processes) for name in ("whole", "killed"))
    subprocess.run(whole, check=True, capture_output=True)
    log = tmp_path / "killed.partial" / RUN_LOG
    kill_after(killed, log, fold=0, epoch=5)
    kill_after(killed, log, fold=1, epoch=6)
    assert not (tmp_path / "killed").exists()
    subprocess.run(killed, check=True, capture_output=True)
    assert results(tmp_path / "killed") == results(tmp_path / "whole")
    assert not log.parent.exists()
    resumed = [line for line in lines(tmp_path / "killed" / RUN_LOG) if line["event"] == "resume"]
    assert [line["finished_folds"] for line in resumed] == [0, 1]


@pytest.fixture
def interrupted(tiny: Cohort, quick: TrainConfig, tmp_path: Path) -> Path:
    """The checkpoint that an interrupted run was to write: its first fold is done, its second has one epoch."""
    return stop_after(4, tiny, quick, tmp_path / "run")


def stop_after(epochs: int, cohort: Cohort, config: TrainConfig, out: Path) -> Path:
    def stop(done: int, total: int) -> None:
        if done == epochs + 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cross_validate(cohort, config, out, progress=stop)
    return out


@pytest.mark.parametrize(
    "settings",
    [
        {"optimizer": "adamw", "scheduler": "plateau", "plateau": 1, "clip_norm": 0.5, "choose_by": "c-index"},
        {"model_settings": {"d_embed": 16, "d_attention": 8, "output": "log-hazard"}, "risk_set": 8, "batch_size": 4},
        {"patience": 2, "optimizer": "adam", "scheduler": "constant", "accumulate": 2},
    ],
    ids=["plateau", "risk sets", "patience"],
)
def test_every_kind_of_fit_goes_on_to_the_same_bits(
    tiny: Cohort, quick: TrainConfig, tmp_path: Path, settings: dict[str, Any]
) -> None:
    config = quick.model_copy(update={"epochs": 3, **settings})
    out = stop_after(1, tiny, config, tmp_path / "stopped")
    cross_validate(tiny, config, out)
    cross_validate(tiny, config, tmp_path / "whole")
    assert results(out) == results(tmp_path / "whole")


def test_a_finished_fold_is_not_trained_again(
    interrupted: Path, tiny: Cohort, quick: TrainConfig, report: TrainReport
) -> None:
    told: list[tuple[int, int]] = []
    again = cross_validate(tiny, quick, interrupted, progress=lambda done, total: told.append((done, total)))
    assert told == [(3, 6), (5, 6), (6, 6)]
    np.testing.assert_array_equal(again.risks["risk"], report.risks["risk"])
    assert again.reference.metrics == report.reference.metrics


def test_changed_settings_are_refused_in_words(interrupted: Path, tiny: Cohort, quick: TrainConfig) -> None:
    changed = quick.model_copy(update={"lr": 0.5})
    with pytest.raises(InputError, match=r"settings.lr: 0.001 before, 0.5 now\n.*--restart"):
        cross_validate(tiny, changed, interrupted)


def test_a_changed_cohort_is_refused_in_words(interrupted: Path, tiny: Cohort, quick: TrainConfig) -> None:
    other = replace(tiny, time=tiny.time * 1.01)
    with pytest.raises(InputError, match="cohort content: changed"):
        cross_validate(other, quick, interrupted)


def test_a_changed_gene_set_file_is_refused(tiny: Cohort, quick: TrainConfig, tmp_path: Path) -> None:
    sets = tmp_path / "sets.gmt"
    sets.write_bytes((tiny.folder / "sets.gmt").read_bytes())
    config = quick.model_copy(update={"preprocess": {"programmes": str(sets)}})
    out = stop_after(4, tiny, config, tmp_path / "run")
    sets.write_text(sets.read_text().replace("GENE0\t", ""))
    with pytest.raises(InputError, match="files programmes content: changed"):
        cross_validate(tiny, config, out)


def test_restart_forgets_the_unfinished_run(
    interrupted: Path, tiny: Cohort, quick: TrainConfig, report: TrainReport
) -> None:
    changed = quick.model_copy(update={"epochs": 2})
    again = cross_validate(tiny, changed, interrupted, restart=True)
    assert [line["event"] for line in lines(interrupted / RUN_LOG)].count("epoch") == 4
    assert again.folder == interrupted


def test_two_runs_into_one_folder_are_refused(tiny: Cohort, quick: TrainConfig, tmp_path: Path) -> None:
    def start_another(done: int, total: int) -> None:
        with pytest.raises(InputError, match="Another process is training into run"):
            cross_validate(tiny, quick, tmp_path / "run")

    cross_validate(tiny, quick, tmp_path / "run", progress=start_another)


def test_a_run_that_fails_before_its_first_epoch_leaves_nothing(tiny: Cohort, tmp_path: Path) -> None:
    with pytest.raises(InputError):
        cross_validate(tiny, TrainConfig(n_folds=2, preprocess={"n_bin": 3}), tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_a_torn_line_of_the_log_is_dropped(interrupted: Path, tiny: Cohort, quick: TrainConfig) -> None:
    log = interrupted.with_name("run.partial") / RUN_LOG
    with log.open("a") as file:
        file.write('{"event": "epoch", "fold": 1, "ep')
    cross_validate(tiny, quick, interrupted)
    events = [line["event"] for line in lines(interrupted / RUN_LOG)]
    assert events == ["start", *["epoch"] * 3, "fold", "epoch", "resume", *["epoch"] * 2, "fold", "end"]


def test_the_fingerprint_is_of_the_content(tiny: Cohort, tmp_path: Path) -> None:
    """Of every table and feature file; not of where they lie."""
    import shutil

    from survviz.data.cohort import load_cohort

    moved = tmp_path / "elsewhere"
    shutil.copytree(tiny.folder, moved)
    copy = load_cohort(moved)
    assert fingerprint(copy) == fingerprint(tiny)
    assert tiny.rna is not None
    rna = tiny.rna.copy()
    rna.iloc[3, 4] += 1e-3
    clinical = tiny.clinical.copy()
    clinical.iloc[5, 0] = 99
    others = [
        replace(tiny, rna=rna),
        replace(tiny, clinical=clinical),
        replace(tiny, event=~tiny.event),
        replace(tiny, holdout=frozenset()),
        replace(tiny, rna_unit="TPM"),
    ]
    path = next(iter(copy.features.values()))
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))
    assert len({fingerprint(one) for one in (tiny, copy, *others)}) == 7


def test_differences_are_told_by_name() -> None:
    before = {"a": {"b": 1, "c": [1, 2]}, "d": None}
    assert differences(before, {"a": {"b": 1, "c": [1, 3]}, "d": "x"}) == [
        "a.c: [1, 2] before, [1, 3] now",
        "d: none before, x now",
    ]
