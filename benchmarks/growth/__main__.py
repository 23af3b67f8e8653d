"""`python -m benchmarks.growth [--only NAME ...]` -> benchmarks/results/growth.json and the table in docs/scale.md."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.growth.lines import series
from benchmarks.harness.machine import commit, machine, versions

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "growth.json"
CASES = (100, 400, 1600, 3200)
SERIES: dict[str, tuple[str, str, tuple[int, ...]]] = {
    "extraction": ("slide", "he-descriptor, one bundled slide of 91 patches, copied", (1, 2, 4, 8)),
    "packing": ("case", "64 patches x 1,024 float16 per case", CASES),
    "training": ("case", "one epoch of ABMIL, packed, 64 patches x 1,024 per case", CASES),
    "inference": ("case", "demo-survpgc, 200 patches, RNA and clinical fields per case", CASES),
    "patches": ("patch", "demo-survpgc, one case, five folds", (1_000, 3_000, 10_000, 30_000, 100_000)),
}
THREADS = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def point(name: str, x: int) -> dict[str, float]:
    """Measured in a process and a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | THREADS | {"SURVVIZ_HOME": str(Path(folder, "home"))}
        command = [sys.executable, "-m", "benchmarks.growth.points", name, str(x), folder]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{name} {x}:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def measure(name: str) -> dict[str, Any]:
    """A series, its points printed as they are made."""
    unit, what, sizes = SERIES[name]
    points = []
    for x in sizes:
        points.append(point(name, x))
        print(f"{name} {x:>7,}: {points[-1]['seconds']:9.3f} CPU s, {points[-1]['peak_mb']:8.1f} MB", flush=True)
    row = series(name, unit, what, points)
    print(f"{name}: {row['slope']:.3g} s per {unit}, {row['intercept']:.3g} s at 0, r2 {row['r2']:.5f}, largest "
          f"residual {row['largest_residual_percent']:.1f} %, {row['mb_per_unit']:.3g} MB per {unit}")  # fmt: skip
    return row


def main() -> None:
    """Measure, keep the rows of other series, write JSON and page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=SERIES, default=list(SERIES))
    chosen = parser.parse_args().only
    before = json.loads(RESULTS.read_text(encoding="utf-8"))["series"] if RESULTS.is_file() else []
    rows = {row["name"]: row for row in before}
    for name in chosen:
        load = os.getloadavg()[0]
        rows[name] = {**measure(name), "load_before": round(load, 2), "commit": commit()}
        document = {
            "what": "CPU seconds of one process, one thread; peak_mb = anonymous memory above that before the work",
            "machine": machine("cpu"), "versions": versions(),
            "series": [rows[one] for one in SERIES if one in rows],
        }  # fmt: skip
        RESULTS.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    subprocess.run([sys.executable, str(ROOT / "docs" / "make_scale.py")], check=True)


if __name__ == "__main__":
    main()
