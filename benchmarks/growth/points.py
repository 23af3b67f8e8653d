"""One point of a series in a process of its own: `python -m benchmarks.growth.points NAME X FOLDER` prints JSON.

Seconds are CPU seconds of the process, one thread; peak memory is what the work held at most above what the process
held before it, without pages of mapped files.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import torch

from benchmarks.growth.cohorts import ROOT, SAMPLE, larger, write_foundation, write_like_sample

CHECKPOINT = ROOT / "checkpoints" / "demo-survpgc"
STATUS = Path("/proc/self/status")
PATCHES_LIKE_SAMPLE, PATCHES_FOUNDATION = 200, 64
EPOCHS = 3

Work = Callable[[], float | None]


def anonymous_mb() -> float:
    """Memory of this process that no file stands behind."""
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith("RssAnon:"))
    return int(line.split()[1]) * 1024 / 1e6


def measured(work: Work) -> dict[str, float]:
    """Run once; what the work returns counts as its seconds, if it returns any."""
    before, peak, over = anonymous_mb(), [0.0], threading.Event()

    def watch() -> None:
        while not over.wait(0.02):
            peak[0] = max(peak[0], anonymous_mb())

    watcher = threading.Thread(target=watch)
    watcher.start()
    start = time.process_time()
    try:
        told = work()
        seconds = time.process_time() - start
        peak[0] = max(peak[0], anonymous_mb())
    finally:
        over.set()
        watcher.join()
    return {"seconds": seconds if told is None else told, "peak_mb": max(0.0, peak[0] - before)}


def extraction(n_slides: int, folder: Path) -> Work:
    """Copies of one bundled slide, tissue to features."""
    from survviz.pipeline.extraction import EncoderChoice, extract_slides

    slide = SAMPLE / "slides" / "SV07-0026-DX1.tif"
    work = []
    for number in range(n_slides):
        link = folder / f"slide{number:03d}.tif"
        link.symlink_to(slide)
        work.append((link, link.stem, None))

    def run() -> None:
        extract_slides(work, EncoderChoice("he-descriptor"), folder / "out", finished=lambda *_: None)

    return run


def packing(n_cases: int, folder: Path) -> Work:
    """`survviz pack`."""
    from survviz.data.packing import pack_cohort

    cohort = write_foundation(folder / "cohort", n_cases, PATCHES_FOUNDATION)
    return lambda: pack_cohort(cohort) and None


def training(n_cases: int, folder: Path) -> Work:
    """One epoch of ABMIL on packed features: the mean of all epochs but the first."""
    from survviz.data.cohort import load_cohort
    from survviz.data.packing import pack_cohort
    from survviz.data.splits import Split
    from survviz.training import TrainConfig
    from survviz.training.fold import run_fold

    pack_cohort(write_foundation(folder / "cohort", n_cases, PATCHES_FOUNDATION))
    config = TrainConfig(model="abmil", epochs=EPOCHS, choose_by="last", inner_val=0)

    def run() -> float:
        cohort = load_cohort(folder / "cohort")
        ids, stamps = cohort.case_ids, []
        split = Split(ids[: -len(ids) // 10], (), ids[-len(ids) // 10 :])
        run_fold(
            cohort, config, split, modalities=("pathology",), on_epoch=lambda _: stamps.append(time.process_time())
        )
        return (stamps[-1] - stamps[0]) / (len(stamps) - 1)

    return run


def inference(n_cases: int, folder: Path) -> Work:
    """`survviz infer` of a shipped checkpoint: slides, RNA and clinical fields."""
    from survviz.pipeline.cohort.inference import infer

    cohort = write_like_sample(folder / "cohort", n_cases, PATCHES_LIKE_SAMPLE)
    return lambda: infer(CHECKPOINT, cohort, folder / "out", device="cpu", anyway=True) and None


def patches(n_patches: int, folder: Path) -> Work:
    """A case of so many patches, by all folds of a shipped checkpoint."""
    from dataclasses import replace

    import numpy as np

    from survviz.data.cohort import load_cohort
    from survviz.pipeline import Predictor

    predictor, cohort = Predictor.load(CHECKPOINT, "cpu"), load_cohort(SAMPLE)
    name = sorted(cohort.holdout)[0]
    bag = larger(cohort, name, "large", n_patches, np.random.default_rng(0))
    case = replace(cohort.case(name), bags=(bag,))
    predictor.predict(cohort.case(name), allow_unlike=True)
    return lambda: predictor.predict(case, allow_unlike=True) and None


POINTS: dict[str, Callable[[int, Path], Work]] = {
    one.__name__: one for one in (extraction, packing, training, inference, patches)
}


def main() -> None:
    """Prepare, measure, print."""
    name, x, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    torch.set_num_threads(1)
    print(json.dumps({"x": x, **measured(POINTS[name](x, folder))}))


if __name__ == "__main__":
    main()
