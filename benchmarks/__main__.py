"""`make bench`: ratios against a yardstick in the same run -> benchmarks/results/latest.json.

Yardstick: one fp32 linear layer, 10,000 x 1,024 -> 256. Times are CPU seconds of one process with one torch thread, the
median of the rounds, rounds interleaved, so that another load on the machine hits every cell alike.
"""

from __future__ import annotations

import json
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch

from survviz.models import create_model
from survviz.types import Inputs

ROUNDS = 5
RESULTS = Path(__file__).parent / "results" / "latest.json"


def survpgc_inputs(n_patches: int) -> Inputs:
    """A case at the published sizes."""
    generator = torch.Generator().manual_seed(0)
    return Inputs(
        patches=torch.randn(1, n_patches, 1024, generator=generator),
        patch_mask=torch.ones(1, n_patches, dtype=torch.bool),
        tokens={
            "clinical": torch.randn(1, 6, 512, generator=generator),
            "genomic": torch.randn(1, 4, 768, generator=generator),
        },
        present={name: torch.ones(1, dtype=torch.bool) for name in ("pathology", "clinical", "genomic")},
    )


def write_slide(folder: Path) -> Path:
    """A pyramid of H&E-coloured noise, 4096 x 4096, for reading and tiling."""
    import tifffile

    rng = np.random.default_rng(0)
    coarse = rng.integers(120, 240, (512, 512, 3), dtype=np.uint8)
    image = np.repeat(np.repeat(coarse, 8, axis=0), 8, axis=1)
    path = folder / "bench.tif"
    options = {"tile": (256, 256), "compression": "jpeg", "photometric": "rgb", "resolutionunit": "CENTIMETER"}
    with tifffile.TiffWriter(path) as tif:
        tif.write(image, resolution=(20000, 20000), **options)
        for factor in (4, 16):
            tif.write(
                np.ascontiguousarray(image[::factor, ::factor]),
                subfiletype=1, resolution=(20000 / factor, 20000 / factor), **options,
            )  # fmt: skip
    return path


def cells(folder: Path) -> dict[str, tuple[Callable[[], object], int]]:
    """Name -> (work, how many items it does)."""
    from survviz.wsi.encoders import create_encoder
    from survviz.wsi.grid import PatchGrid
    from survviz.wsi.reader import iter_patches
    from survviz.wsi.slide import open_slide
    from survviz.wsi.tiles import DeepZoom

    encoder = create_encoder()
    patches = np.random.default_rng(0).integers(0, 256, (32, 256, 256, 3), dtype=np.uint8)
    slide = open_slide(write_slide(folder))
    side = 16
    coords = np.stack(np.meshgrid(np.arange(side), np.arange(side)), axis=-1).reshape(-1, 2).astype(np.int64) * 256
    grid = PatchGrid(coords, 256, 256, slide.mpp, np.ones(len(coords), np.float32))
    zoom = DeepZoom(slide)
    last = zoom.levels - 1
    case = survpgc_inputs(10_000)
    linear = torch.nn.Linear(1024, 256)
    model = create_model("survpgc").eval()

    def forward(attention: bool) -> object:
        with torch.inference_mode():
            return model(case, attention=attention)

    def yardstick() -> object:
        with torch.inference_mode():
            return linear(case.patches)

    return {
        "yardstick: linear 10k x 1024 -> 256": (yardstick, 1),
        "survpgc forward, 10k patches": (lambda: forward(False), 1),
        "survpgc forward with attention, 10k patches": (lambda: forward(True), 1),
        "survpgc forward and backward, 10k patches": (lambda: model(case).risk.sum().backward(), 1),
        "he-descriptor, patches of 256 px": (lambda: encoder.encode(patches), len(patches)),
        "read patches of 256 px, JPEG TIFF": (lambda: [batch.sum() for _, batch in iter_patches(slide, grid)], side**2),
        "deep-zoom tile, JPEG": (lambda: [zoom.tile_jpeg(last, col, 3) for col in range(side)], side),
    }


def measure(work: Callable[[], object]) -> float:
    """CPU seconds of this process."""
    start = time.process_time()
    work()
    return time.process_time() - start


def main() -> None:
    """Measure every cell, write the JSON, print the table."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        work = cells(Path(folder))
        for job, _ in work.values():
            job()
        seconds: dict[str, list[float]] = {name: [] for name in work}
        for _ in range(ROUNDS):
            for name, (job, _) in work.items():
                seconds[name].append(measure(job))
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    yard = next(iter(medians.values()))
    rows = {
        name: {
            "cpu_ms_per_item": 1000 * value / work[name][1],
            "items_per_cpu_second": work[name][1] / value,
            "yardsticks_per_item": value / work[name][1] / yard,
        }
        for name, value in medians.items()
    }
    machine = {"processor": platform.machine(), "python": platform.python_version()}
    versions = {name: version(name) for name in ("survviz", "torch", "numpy", "openslide-python", "tifffile")}
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps({"machine": machine, "versions": versions, "cells": rows}, indent=2) + "\n")
    print("| cell | CPU ms per item | items per CPU second | x yardstick |\n|---|---|---|---|")
    for name, row in rows.items():
        print(f"| {name} | {row['cpu_ms_per_item']:.2f} | {row['items_per_cpu_second']:.1f} | "
              f"{row['yardsticks_per_item']:.3f} |")  # fmt: skip


main()
