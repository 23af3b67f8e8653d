"""The verbs that take a checkpoint over a whole cohort, and an analysis to somebody else."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from survviz.cli.options import (
    CheckpointOption,
    CohortFolder,
    CpusPerTask,
    Device,
    GpusPerTask,
    Json,
    On,
    RayAddress,
    Workers,
)


def infer(
    checkpoint: CheckpointOption,
    cohort: CohortFolder,
    out: Annotated[Path, typer.Option(help="Folder of the results; of an unfinished run, to go on with it.")],
    batch_size: Annotated[int, typer.Option(min=1, help="Cases in one forward pass, at most.")] = 32,
    device: Device = "auto",
    anyway: Annotated[bool, typer.Option("--anyway", help="Score cases unlike the training cohort too.")] = False,
    workers: Workers = None,
    on: On = "local",
    ray_address: RayAddress = None,
    cpus_per_task: CpusPerTask = None,
    gpus_per_task: GpusPerTask = None,
    json: Json = False,
) -> None:
    """Score every case of a cohort folder; a killed run goes on where it was, a case that fails stops nobody else."""
    from survviz.cli.inference import run_infer
    from survviz.cli.placing import place_of

    place, device = place_of(
        on, workers=workers, ray_address=ray_address, cpus=cpus_per_task, gpus=gpus_per_task, device=device
    )
    run_infer(checkpoint, cohort, out, batch_size=batch_size, device=device, anyway=anyway, place=place, as_json=json)


def bundle(
    results: Annotated[Path, typer.Option(help="Folder that `survviz infer` wrote.")],
    out: Annotated[Path, typer.Option(help="Zip file to write.")],
    plan: Annotated[
        Path | None, typer.Option(help="How to group and compare: the choices (JSON) that the page Stratify gives.")
    ] = None,
) -> None:
    """Put an analysis together: tables, figures, methods paragraph, settings, and the command that makes it again."""
    from survviz.cli.bundles import run_bundle

    run_bundle(results, plan, out)


def reproduce(
    file: Annotated[Path, typer.Argument(help="Bundle (zip).")],
    checkpoint: Annotated[Path, typer.Option("--checkpoint", "-c", help="Checkpoint folder, the same as then.")],
    cohort: CohortFolder,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Make the numbers of a bundle again; fails, and says which, where they differ."""
    from survviz.cli.bundles import run_reproduce

    run_reproduce(file, checkpoint, cohort, device=device, as_json=json)
