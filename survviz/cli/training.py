"""The verb `train`."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from rich.console import Console

from survviz.cli.console import progress_bar, show_json, show_notices
from survviz.errors import InputError
from survviz.types import Progress

if TYPE_CHECKING:
    from survviz.training import TrainConfig, TrainReport

stdout = Console(highlight=False, soft_wrap=True)


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the settings of a run come from; each wins over those before it.

    Attributes:
        config: JSON or TOML file.
        model, modalities: as typed; None = not given.
        tune: trials of a search in each fold.
        changes: "a.b=c".
    """

    config: Path | None = None
    model: str | None = None
    modalities: str | None = None
    tune: int | None = None
    changes: tuple[str, ...] = ()

    def read(self) -> TrainConfig:
        """The checked settings.

        Raises:
            InputError: a file cannot be read, or a setting is unknown or not allowed.
        """
        values = read_settings(self.config)
        if self.model is not None:
            values["model"] = self.model
        if self.modalities is not None:
            values["modalities"] = tuple(name.strip() for name in self.modalities.split(",") if name.strip())
        if self.tune is not None:
            values["search"] = {**(values.get("search") or {}), "trials": self.tune}
        for change in self.changes:
            set_value(values, change)
        return train_config(values)


def run_train(
    cohort: Path,
    out: Path,
    settings: Settings,
    *,
    purpose: str,
    device: str,
    restart: bool,
    tensorboard: Path | None,
    as_json: bool,
) -> None:
    """Cross-validate and write a checkpoint; of several processes (torchrun) only the first one prints."""
    from survviz.data.cohort import load_cohort
    from survviz.training import cross_validate
    from survviz.training.processes import local_device, processes

    run = settings.read()
    with processes(local_device(device)) as world:
        data = load_cohort(cohort)
        if world.is_first:
            show_notices(data.notices)
        with progress_bar(f"{run.model}: epochs of all folds") if world.is_first else _silence() as progress:
            report = cross_validate(
                data, run, out, purpose=purpose, device=device, progress=progress, restart=restart,
                tensorboard=tensorboard,
            )  # fmt: skip
    if not world.is_first:
        return
    if as_json:
        show_json({
            "checkpoint": out, "protocol": run.protocol, "n_cases": report.reference.n_cases,
            "n_events": report.reference.n_events, "metrics": report.reference.metrics.model_dump(),
            "excluded": report.excluded, "tuned": report.tuned, "seconds": report.seconds,
        })  # fmt: skip
    else:
        show_report(report, run, out)


def show_report(report: TrainReport, run: TrainConfig, out: Path) -> None:
    """What was found, in words."""
    metrics = report.reference.metrics
    for index, fold in enumerate(metrics.folds):
        value = f"{fold.c_index:.3f}" if fold.c_index is not None else f"undefined: {fold.reason}"
        stdout.print(
            f"fold {index + 1}: C {value} ({fold.n_test} cases, {fold.n_events_test} events; epoch {fold.epoch})"
        )
        for tuned in report.tuned[index : index + 1]:
            values = ", ".join(f"{name} {value}" for name, value in tuned["values"].items()) or "the settings as given"
            stdout.print(f"  tuned in {tuned['trials']} trials, {tuned['seconds']:.0f} s: {values}")
    if metrics.c_index is None:
        stdout.print(f"out-of-fold C-index undefined: {metrics.reason}")
    else:
        stdout.print(
            f"out-of-fold C-index {metrics.c_index:.3f} (95 % CI {metrics.low:.3f} to {metrics.high:.3f}); folds "
            f"{metrics.mean:.3f} ± {metrics.sd:.3f}; {report.reference.n_cases} cases, "
            f"{report.reference.n_events} events"
        )
    how = {"nested": "nested, epoch chosen on inner validation", "last-epoch": "last-epoch, nothing was chosen"}
    stdout.print(f"wrote {out} in {report.seconds:.0f} s (protocol: {how[run.protocol]})")


@contextmanager
def _silence() -> Iterator[Progress | None]:
    yield None


def read_settings(path: Path | None) -> dict[str, Any]:
    """Training settings of a JSON or TOML file."""
    if path is None:
        return {}
    try:
        text = path.read_text(encoding="utf-8")
        values = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (OSError, ValueError) as error:
        raise InputError(f"The settings {path} cannot be read as {path.suffix or 'TOML'}: {error}.") from error
    if not isinstance(values, dict):
        raise InputError(f"The settings {path} hold a {type(values).__name__}; expected names and values.")
    return values


def set_value(values: dict[str, Any], setting: str) -> None:
    """Apply one `a.b=c`; the value is read as JSON, else as text."""
    name, equals, text = setting.partition("=")
    if not equals or not name:
        raise InputError(f"--set {setting!r} was given; expected KEY=VALUE, for example --set epochs=30.")
    *path, last = name.split(".")
    for part in path:
        values = values.setdefault(part, {})
        if not isinstance(values, dict):
            raise InputError(f"--set {setting!r}: {part!r} is a single value, not a group of settings.")
    try:
        values[last] = json.loads(text)
    except json.JSONDecodeError:
        values[last] = text


def train_config(values: dict[str, Any]) -> TrainConfig:
    """Check the settings.

    Raises:
        InputError: a setting is unknown or out of range; every problem is listed.
    """
    from survviz.data.words import explain_validation
    from survviz.training import TrainConfig

    try:
        return TrainConfig(**values)
    except ValidationError as error:
        raise InputError(explain_validation(error, "The training configuration", TrainConfig)) from error
