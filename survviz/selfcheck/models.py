"""Every checkpoint against its own golden answers, and how long a tile takes."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from survviz.checkpoint import doctor
from survviz.errors import SurvvizError
from survviz.selfcheck.row import Row
from survviz.server.folders import SAMPLE_DATA
from survviz.wsi.slide import open_slide
from survviz.wsi.tiles import DeepZoom

CHECKPOINTS, TILES = "Checkpoints", "Tiles"
VARIABLE = "SURVVIZ_CHECKPOINTS"
SHIPPED = Path(__file__).parents[2] / "checkpoints"
N_TILES = 40
GOOD_MS, SLOW_MS = 100.0, 400.0


def checkpoint_folders() -> dict[str, Path]:
    """Name -> folder of every checkpoint shipped or named by `$SURVVIZ_CHECKPOINTS`, private ones too."""
    named = [Path(part) for part in os.environ.get(VARIABLE, "").split(os.pathsep) if part]
    found = [path.parent for root in (SHIPPED, *named) for path in sorted(root.glob("**/config.json"))]
    return {str(path.relative_to(SHIPPED) if path.is_relative_to(SHIPPED) else path): path for path in found}


def golden_rows(folders: Mapping[str, Path] | None = None) -> Iterator[Row]:
    """One per checkpoint, as each is done; a failing check is named."""
    for name, folder in (checkpoint_folders() if folders is None else folders).items():
        checks = doctor(folder)
        failing = [check for check in checks if not check.ok]
        if failing:
            words = "; ".join(f"{check.name}: {check.detail}" for check in failing[:3])
            todo = f"Copy the checkpoint again; `survviz doctor {name}` shows every check."
            yield Row(CHECKPOINTS, name, "fail", words, todo)
        else:
            golden = next((check.detail for check in checks if check.name == "golden output"), "")
            yield Row(CHECKPOINTS, name, "ok", f"{len(checks)} checks; golden output {golden}")


def tile_rows() -> Iterator[Row]:
    """Tiles of a bundled slide, through the code that the route calls, one after the other."""
    path = min((SAMPLE_DATA / "slides").glob("*.tif"), default=None)
    if path is None:
        yield Row(TILES, "Latency", "warn", "no bundled slide was found", "Install the sample data to measure it.")
        return
    try:
        with open_slide(path) as slide:
            taken = _times(DeepZoom(slide))
    except SurvvizError as error:
        yield Row(TILES, "Latency", "fail", str(error), "Install survviz again: a bundled slide cannot be read.")
        return
    middle, high = np.percentile(taken, (50, 95))
    state = "ok" if high <= SLOW_MS else "warn"
    advice = "The machine is busy or slow: panning will stutter. Give it more cores, or a local disk."
    todo = "" if state == "ok" else advice
    yield Row(TILES, "Latency", state, f"median {middle:.0f} ms, 95 % below {high:.0f} ms, {len(taken)} tiles", todo)


def _times(zoom: DeepZoom) -> list[float]:
    """Milliseconds of tiles of all levels, none asked for twice."""
    grids = enumerate(zoom.level_tiles)
    places = [(level, column, row) for level, (columns, rows) in grids for column, row in np.ndindex(columns, rows)]
    taken = []
    for at in np.random.default_rng(0).permutation(len(places))[:N_TILES]:
        level, column, row = places[at]
        start = time.perf_counter()
        zoom.tile_jpeg(level, int(column), int(row))
        taken.append(1000 * (time.perf_counter() - start))
    return taken
