"""The folder `NAME.partial` beside a checkpoint in the making: a killed run goes on from it, to the same bits.

It holds `run.json` (what the run depends on), the run log, every finished fold, the trials of the running fold, and the
state of the running fit after its last epoch. Every file appears complete or not at all; what makes a fold finished is
its JSON, written after its tensors.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from survviz.checkpoint.layout import RUN_LOG
from survviz.errors import CancelledError, InputError
from survviz.training.fit_state import FitState
from survviz.training.fold import FoldResult
from survviz.training.fold_files import fold_from_files, fold_to_files
from survviz.training.processes import World
from survviz.training.run_log import RunLog, keep_lines

RUN, RUNNING, TRIALS, LOCK = "run.json", "running.safetensors", "trials.json", "lock"


@dataclass(slots=True)
class RunFolder:
    """Where a run is kept; without a path nothing is.

    Attributes:
        resumed: an earlier process left something.
        finished: fold -> its result, of earlier processes.
        running: (fold, tensors, numbers) of the fit that was interrupted.
        trials: (fold, trials) of the search that was interrupted.
    """

    path: Path | None
    log: RunLog
    resumed: bool = False
    finished: dict[int, FoldResult] = field(default_factory=dict)
    running: tuple[int, Mapping[str, Tensor], Mapping[str, Any]] | None = None
    trials: tuple[int, Sequence[Mapping[str, Any]]] = (-1, ())

    def keeper(self, fold: int) -> FoldKeeper:
        """Keeps the fit of one fold."""
        return FoldKeeper(self, fold)

    def finish(self, fold: int, result: FoldResult) -> None:
        """Keep a fold's result, and drop what led to it."""
        if self.path is None or not World.current().is_first:
            return
        tensors, document = fold_to_files(result)
        write_tensors(self.path / f"fold{fold}.safetensors", tensors, {})
        write_json(self.path / f"fold{fold}.json", document)
        for name in (RUNNING, TRIALS):
            (self.path / name).unlink(missing_ok=True)

    def keep_trials(self, fold: int, trials: Sequence[Mapping[str, Any]]) -> None:
        """Keep what the search of a fold has tried so far."""
        if self.path is not None and World.current().is_first:
            write_json(self.path / TRIALS, {"fold": fold, "trials": list(trials)})

    def trials_of(self, fold: int) -> Sequence[Mapping[str, Any]]:
        """What an earlier process tried in a fold."""
        return self.trials[1] if self.trials[0] == fold else ()


@dataclass(frozen=True, slots=True)
class FoldKeeper:
    """Keeps a fit in the run's folder; see `Keeper`."""

    run: RunFolder
    fold: int

    def restore(self, state: FitState) -> None:
        """Bring the fit to where an earlier process left it."""
        if self.run.running is not None and self.run.running[0] == self.fold:
            _, tensors, numbers = self.run.running
            state.restore(tensors, numbers)

    def keep(self, state: FitState) -> None:
        """Replace what was kept by the fit as it is now."""
        if self.run.path is None:
            return
        tensors = state.tensors()  # every process takes part
        if World.current().is_first:
            document = {"fold": self.fold, "numbers": state.numbers()}
            write_tensors(self.run.path / RUNNING, tensors, {"survviz": json.dumps(document)})


@contextmanager
def open_run(
    out: Path | None, identity: Mapping[str, Any], *, restart: bool = False, board: Path | None = None
) -> Iterator[RunFolder]:
    """The run folder of a checkpoint to write; it is removed when the block ends well, or has nothing worth keeping.

    With several processes the first one makes it, and all must be able to read it.

    Args:
        identity: what the result depends on, as JSON.
        restart: throw away what an earlier run left.
        board: folder for TensorBoard's files.

    Raises:
        InputError: what an earlier run left depends on something else, or a run into the same folder is under way.
    """
    if out is None:
        with RunLog(None, board if World.current().is_first else None) as log:
            yield RunFolder(None, log)
        return
    path, first = out.parent / f"{out.name}.partial", World.current().is_first
    with locked(path, restart) if first else _nothing():
        if first:
            _prepare(path, identity)
        World.current().wait()
        run = _read(path)
        World.current().wait()
        if first:
            keep_lines(path / RUN_LOG, lambda record: _is_settled(record, run))
        try:
            with RunLog(path / RUN_LOG if first else None, board if first else None) as run.log:
                yield run
        except BaseException as error:
            if first and (isinstance(error, CancelledError) or not _is_worth_keeping(path)):
                shutil.rmtree(path)
            raise
        if first:
            shutil.rmtree(path)


@contextmanager
def _nothing() -> Iterator[None]:
    yield


@contextmanager
def locked(path: Path, restart: bool) -> Iterator[None]:
    """Hold the folder; the system lets go of it when this process dies, however it dies."""
    path.mkdir(parents=True, exist_ok=True)
    with (path / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError(
                f"Another process is training into {path.name.removesuffix('.partial')}. Wait for it, or give another "
                "name to --out."
            ) from error
        if restart:
            for one in path.iterdir():
                if one.name != LOCK:
                    one.unlink()
        yield


def _prepare(path: Path, identity: Mapping[str, Any]) -> None:
    """Note what the run depends on, or compare it with what was noted."""
    if not _is_worth_keeping(path):
        for one in path.iterdir():
            if one.name != LOCK:
                one.unlink()
        write_json(path / RUN, identity)
        return
    before = json.loads((path / RUN).read_text(encoding="utf-8"))
    changes = differences(before, json.loads(json.dumps(identity)))
    if changes:
        raise InputError(
            f"{path} holds an unfinished run that differs from this one:\n"
            + "".join(f"  {change}\n" for change in changes)
            + "Set these back to finish that run, or start anew with --restart."
        )


def differences(before: Any, now: Any, name: str = "") -> list[str]:
    """What changed between two JSON documents, in words."""
    if isinstance(before, dict) and isinstance(now, dict):
        names = sorted(before.keys() | now.keys())
        inner = (differences(before.get(key), now.get(key), f"{name}.{key}" if name else key) for key in names)
        return [change for changes in inner for change in changes]
    if before == now:
        return []
    if name.endswith("content"):
        return [f"{name.replace('.', ' ')}: changed"]
    return [f"{name}: {_word(before)} before, {_word(now)} now"]


def _word(value: Any) -> str:
    return "none" if value is None else str(value)


def _read(path: Path) -> RunFolder:
    """What earlier processes left; a damaged state is as good as none."""
    run = RunFolder(path, RunLog(None))
    for document in path.glob("fold*.json"):
        fold = int(document.stem.removeprefix("fold"))
        tensors, _ = read_tensors(document.with_suffix(".safetensors"))
        run.finished[fold] = fold_from_files(tensors, json.loads(document.read_text(encoding="utf-8")))
    if (path / RUNNING).exists():
        tensors, metadata = read_tensors(path / RUNNING)
        kept = json.loads(metadata["survviz"])
        run.running = (kept["fold"], tensors, kept["numbers"])
    if (path / TRIALS).exists():
        tried = json.loads((path / TRIALS).read_text(encoding="utf-8"))
        run.trials = (tried["fold"], tried["trials"])
    run.resumed = _is_worth_keeping(path)
    return run


def _is_settled(record: Mapping[str, Any], run: RunFolder) -> bool:
    """Whether a line of the log tells of something that will not be done again."""
    fold, event = record.get("fold"), record.get("event")
    if fold is None:
        return run.resumed and event != "end"
    if fold in run.finished:
        return True
    if event == "trial":
        return record["trial"] < len(run.trials_of(fold))
    is_running = run.running is not None and run.running[0] == fold
    return event == "epoch" and is_running and record["epoch"] <= run.running[2]["epoch"]  # type: ignore[index]


def _is_worth_keeping(path: Path) -> bool:
    return any(path.glob("fold*.json")) or (path / RUNNING).exists() or (path / TRIALS).exists()


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    with safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: dict[str, str]) -> None:
    temporary = path.with_suffix(".part")
    save_file(dict(tensors), temporary, metadata)
    os.replace(temporary, path)


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    temporary = path.with_suffix(".json.part")
    temporary.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
    os.replace(temporary, path)
