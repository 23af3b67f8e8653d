"""`survviz privacy train`: a checkpoint whose training patients have a stated guarantee."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import ValidationError
from rich.console import Console

from survviz.cli.console import progress_bar, show_json, show_notices
from survviz.cli.options import Json
from survviz.cli.training import read_settings, set_value
from survviz.data.words import explain_validation
from survviz.errors import InputError

if TYPE_CHECKING:
    from survviz.training.private_config import PrivateConfig

stdout = Console(highlight=False, soft_wrap=True)


def train(
    cohort: Annotated[Path, typer.Option(help="Cohort folder; its split says who is protected.")],
    epsilon: Annotated[float, typer.Option(help="Of the guarantee; inf for the same run without noise.")],
    out: Annotated[Path, typer.Option(help="Folder of the checkpoint.")],
    config: Annotated[Path | None, typer.Option(help="JSON or TOML: public constants of the run.")] = None,
    delta: Annotated[float, typer.Option(help="Below 1 over the number of patients.")] = 1e-5,
    seed: Annotated[int, typer.Option(help="Of first weights and dropout; batches and noise are secret.")] = 0,
    changes: Annotated[list[str] | None, typer.Option("--set", help="KEY=VALUE; repeat for several.")] = None,
    cap: Annotated[float, typer.Option(help="Hard cap on epsilon for this cohort; fixed by its first run.")] = 8.0,
    cap_delta: Annotated[float, typer.Option(help="Hard cap on delta for this cohort.")] = 1e-4,
    restart: Annotated[bool, typer.Option("--restart", help="Throw an unfinished run away; it stays paid.")] = False,
    as_json: Json = False,
) -> None:
    """Train one model by DP-SGD; the training ledger is charged before the first step, and once."""
    from survviz.data.cohort import load_cohort
    from survviz.privacy.ledger import Ledger
    from survviz.training.private_checkpoint import train_private

    run = _settings(config, changes or [])
    ledger = Ledger("training", cap_epsilon=cap, cap_delta=cap_delta)
    data = load_cohort(cohort)
    show_notices(data.notices)
    with progress_bar(f"{run.model}: steps of DP-SGD") as progress:
        report = train_private(
            data, run, out, epsilon=epsilon, delta=delta, seed=seed, ledger=ledger, restart=restart, progress=progress
        )
    spec, metrics, balance = report.guarantee.spec, report.reference.metrics, ledger.balance(data.name)
    if as_json:
        return show_json({
            "checkpoint": report.folder, "guarantee": report.guarantee.model_dump(), "metrics": metrics.model_dump(),
            "resumed": report.resumed, "charged": report.charged, "balance": balance,
        })  # fmt: skip
    stdout.print(report.guarantee.words)
    stdout.print(spec.odds)
    if metrics.c_index is not None:
        stdout.print(
            f"reference patients (not protected): C-index {metrics.c_index:.3f} (95 % CI {metrics.low:.3f} to "
            f"{metrics.high:.3f})"
        )
    stdout.print(
        f"training ledger of {data.name}: spent epsilon {balance.spent_epsilon:g} of {balance.cap_epsilon:g}, delta "
        f"{balance.spent_delta:g} of {balance.cap_delta:g}; runs on the same patients compose"
    )
    stdout.print(f"wrote {report.folder}{' (resumed, at no further cost)' if report.resumed else ''}")


def _settings(path: Path | None, changes: list[str]) -> PrivateConfig:
    """The checked settings.

    Raises:
        InputError: a setting is unknown, out of range, or would look at patients.
    """
    from survviz.training.private_config import PrivateConfig

    values = read_settings(path)
    for change in changes:
        set_value(values, change)
    try:
        return PrivateConfig.model_validate(values)
    except ValidationError as error:
        raise InputError(explain_validation(error, "The private training configuration", PrivateConfig)) from error
