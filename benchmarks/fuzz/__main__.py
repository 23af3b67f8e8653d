"""Fuzz every parser of ours: `nice python -m benchmarks.fuzz --seconds 60`; needs `pip install 'survviz[fuzz]'`.

Each target runs in a process of its own, until its number of inputs is reached or its time is over. The number of
inputs, inputs per second, edges of our code that were covered, and every kind of error that is no message of ours go
to benchmarks/results/fuzz.json.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

from benchmarks.fuzz.target import ROOT
from benchmarks.fuzz.targets import TARGETS

RESULT = ROOT / "benchmarks" / "results" / "fuzz.json"
LAST = re.compile(r"cov: (\d+) ft: (\d+)")
DONE = re.compile(r"Done (\d+) runs in (\d+) second")
GRACE_SECONDS = 300
"""Loading and instrumenting takes long on a busy machine."""


def fuzz(name: str, runs: int | None, seconds: int, seed: int) -> dict[str, object]:
    """One target: what it did and what it found."""
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        findings = Path(folder) / "findings.json"
        command = [sys.executable, "-m", "benchmarks.fuzz.one", name, "--findings", str(findings), "--seed", str(seed)]
        command += ["--seconds", str(seconds)] + ([] if runs is None else ["--runs", str(runs)])
        environment = os.environ | {"SURVVIZ_HOME": folder, "OMP_NUM_THREADS": "1"}
        begun = time.perf_counter()
        try:
            done = subprocess.run(
                command, cwd=ROOT, env=environment, capture_output=True, timeout=seconds + GRACE_SECONDS, check=False
            )
            log, status = done.stderr.decode(errors="replace"), done.returncode
        except subprocess.TimeoutExpired as error:
            log, status = (error.stderr or b"").decode(errors="replace"), -1
        found = json.loads(findings.read_text()) if findings.exists() else {}
    ran, covered = DONE.findall(log), LAST.findall(log)
    row: dict[str, object] = {"of": TARGETS[name].of, "runs": int(ran[-1][0]) if ran else 0}
    row |= {"seconds": round(time.perf_counter() - begun, 1), "edges": int(covered[-1][0]) if covered else 0}
    row["per_second"] = round(int(str(row["runs"])) / max(1, int(ran[-1][1]))) if ran else 0
    row["findings"] = found
    if status:
        row["ended"] = f"exit status {status}: {log[-600:]}"
    return row


def main() -> None:
    """Run the targets, print a line for each, write the summary of a full run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", help=f"of {', '.join(TARGETS)}; all by default")
    parser.add_argument("--runs", type=int, default=None, help="inputs per target, instead of its own number")
    parser.add_argument("--seconds", type=int, default=60, help="at most, per target")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=None, help=f"write the summary, as {RESULT.name} of a full run")
    arguments = parser.parse_args()
    bad = False
    for name in arguments.targets or TARGETS:
        row = fuzz(name, arguments.runs, arguments.seconds, arguments.seed)
        print(f"{name:22} {row['runs']:>8} runs {row['per_second']:>7}/s {row['edges']:>5} edges", flush=True)
        for place, about in dict(row["findings"]).items():  # type: ignore[call-overload]
            print(f"    {place}: {about['error'][:160]}", flush=True)
        if "ended" in row:
            print(f"    {row['ended']}", flush=True)
        bad = bad or bool(row["findings"]) or "ended" in row
        if arguments.out:
            keep(arguments.out, name, row)
    if bad:
        raise SystemExit(1)


def keep(path: Path, name: str, row: dict[str, object]) -> None:
    """Put the row of a target into the file, beside those of other targets, which may run at the same time."""
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        each = json.loads(path.read_text())["each"] if path.exists() else {}
        each[name] = row | {"load_average": round(os.getloadavg()[0], 1)}
        each = {one: each[one] for one in TARGETS if one in each}
        summary = {
            "targets": len(each),
            "runs": sum(int(one["runs"]) for one in each.values()),
            "kinds_of_findings": sum(len(one["findings"]) for one in each.values()),
            "versions": {"python": platform.python_version(), "atheris": version("atheris")},
            "each": each,
        }
        path.write_text(json.dumps(summary, indent=1) + "\n")
    path.with_suffix(".lock").unlink(missing_ok=True)


if __name__ == "__main__":
    main()
