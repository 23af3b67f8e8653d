"""The verbs that make features of slides."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from survviz.cli.options import (
    CpusPerTask,
    Device,
    GpusPerTask,
    Json,
    MppOption,
    On,
    RayAddress,
    Slides,
    Weights,
    Workers,
)


def extract(
    out: Annotated[Path, typer.Option(help="Folder of the feature files (one .h5 per slide).")],
    slide: Slides = None,
    cohort: Annotated[Path | None, typer.Option(help="Cohort folder: extract every slide of its slides.csv.")] = None,
    encoder: Annotated[str, typer.Option(help="Encoder name; `survviz encoders` lists them.")] = "he-descriptor",
    weights: Weights = None,
    mpp: MppOption = None,
    device: Device = "auto",
    float16: Annotated[bool, typer.Option("--float16", help="Store features in half the space.")] = False,
    workers: Workers = None,
    on: On = "local",
    ray_address: RayAddress = None,
    cpus_per_task: CpusPerTask = None,
    gpus_per_task: GpusPerTask = None,
    json: Json = False,
) -> None:
    """Cut slides into patches and encode them. Stop it at any time: finished slides are not encoded again."""
    from survviz.cli.cohorts import run_extract
    from survviz.cli.placing import place_of
    from survviz.pipeline.extraction import EncoderChoice

    place, device = place_of(
        on, workers=workers, ray_address=ray_address, cpus=cpus_per_task, gpus=gpus_per_task, device=device
    )
    choice = EncoderChoice(encoder, weights, device, float16)
    run_extract(out, slides=slide or [], cohort=cohort, encoder=choice, mpp=mpp, place=place, as_json=json)


def pack(
    cohort: Annotated[Path, typer.Option(help="Cohort folder.")],
    out: Annotated[Path | None, typer.Option(help="File to write; features.pack in the cohort if not given.")] = None,
    shard_gb: Annotated[
        float | None, typer.Option(min=0, help="Write a folder of files of about so many gigabytes.")
    ] = None,
    json: Json = False,
) -> None:
    """Pack a cohort's feature files into one memory-mapped float16 file, for fast training in little memory."""
    from survviz.cli.packing import run_pack

    run_pack(cohort, out, shard_gb=shard_gb, as_json=json)
