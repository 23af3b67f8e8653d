"""Write the table of docs/scale.md from benchmarks/results/growth.json: `.venv/bin/python docs/make_scale.py`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from marked_pages import replaced, table

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "scale.md"
RESULTS = ROOT / "benchmarks" / "results" / "growth.json"
SLIDES, PATCHES = 11_000, 10_000
NAMES = {
    "extraction": "`survviz extract`", "packing": "`survviz pack`", "training": "training, one epoch",
    "inference": "`survviz infer`", "patches": "scoring one case",
}  # fmt: skip


def measured(document: dict[str, Any]) -> str:
    """A row per series, and on what it was measured."""
    rows = []
    for one in document["series"]:
        points = ", ".join(f"{x:,}: {y:.2f}" for x, y in zip(one["x"], one["seconds"], strict=True))
        memory = f"{one['peak_mb'][0]:.0f} to {one['peak_mb'][-1]:.0f}"
        rows.append([
            f"{NAMES[one['name']]} ({one['what']})", points, f"{short(one['slope'])} s per {one['unit']}",
            f"{one['intercept']:.2f} s", f"{one['r2']:.4f}", f"{one['largest_residual_percent']:.0f} %", memory,
            f"{1000 * one['mb_per_unit']:.3g} kB",
        ])  # fmt: skip
    machine = document["machine"]
    loads = ", ".join(f"{one['load_before']:.1f}" for one in document["series"])
    told = (
        f"CPU seconds of one process with one thread on {machine['cpu']}, {machine['cores']} cores shared with other "
        f"work (load average before each series: {loads})."
    )
    head = (
        "work",
        "CPU seconds by number",
        "slope",
        "at 0",
        "r²",
        "largest residual",
        "peak MB",
        "memory per one more",
    )
    return f"{table(head, rows)}\n\n{told}"


def extrapolated(document: dict[str, Any]) -> str:
    """The lines at 11,000 slides; no measurement."""
    rows = {one["name"]: one for one in document["series"]}
    total = SLIDES * PATCHES
    encode, pack = rows["extraction"]["slope"] / 91, rows["packing"]["slope"] / 64
    epoch = rows["training"]["slope"] / 64 * 4096 * SLIDES
    score = (rows["patches"]["slope"] * PATCHES + rows["patches"]["intercept"]) * SLIDES
    lines = [
        [f"features in float16, {SLIDES:,} x {PATCHES:,} x 1,024 x 2 bytes", f"{total * 2048 / 1e9:.0f} GB"],
        [f"extraction by the embedded descriptor, {1000 * encode:.1f} ms per patch", hours(encode * total)],
        ["packing, by its cost per patch (at most: the measured files are small)", hours(pack * total)],
        ["an epoch of ABMIL with 4,096 patches per case, by its cost per patch", hours(epoch)],
        ["scoring by five folds, 10,000 patches of 118 numbers per case", hours(score)],
    ]
    return table(("**Extrapolated, not measured**: 11,000 slides of 10,000 patches", "one core"), lines)


def hours(seconds: float) -> str:
    """In hours of one core."""
    return f"{seconds / 3600:,.0f} h" if seconds > 36_000 else f"{seconds / 3600:.1f} h"


def short(value: float) -> str:
    """Two digits, without an exponent."""
    return f"{value:.2g}" if value >= 1e-3 else f"{value:.7f}".rstrip("0")


def written(page: str) -> str:
    """The page with its tables as measured."""
    if not RESULTS.is_file():
        return page
    document = json.loads(RESULTS.read_text(encoding="utf-8"))
    if len(document["series"]) < len(NAMES):
        return page
    page = replaced(page, "make_scale.py", "measured", measured(document))
    return replaced(page, "make_scale.py", "extrapolated", extrapolated(document))


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
