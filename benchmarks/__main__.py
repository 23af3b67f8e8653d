"""`make bench`, `python -m benchmarks`: every cell beside a yardstick of the same run (how: `benchmarks.harness`)."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys

from benchmarks.cells import GROUPS
from benchmarks.harness.comparing import SLOWER, line, slower
from benchmarks.harness.machine import ROOT
from benchmarks.harness.results import LATEST, put, read
from benchmarks.harness.running import chosen, run_groups


def main() -> int:
    """Run, print, compare, and on request write. 1 where a group failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", default=[], metavar="PREFIX", help="groups whose names begin so")
    parser.add_argument("--quick", action="store_true", help="smallest sizes, one round: does it run at all")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument(
        "--nice", type=int, default=0, help="of each group's processes beside other work (Linux autogroup)"
    )
    parser.add_argument(
        "--write", action="store_true", help=f"put what ran into {LATEST.name}, and write docs/performance.md"
    )
    parser.add_argument("--list", action="store_true", help="name the groups and end")
    asked = parser.parse_args()
    if asked.list:
        print("\n".join(group.name for group in GROUPS))
        return 0
    if asked.write and asked.quick:
        parser.error("--quick measures nothing that should be kept; leave out --write")
    if asked.device == "cuda":
        refuse_without_gpu()
    latest, ran, worse = read(), {}, []
    groups = chosen(GROUPS, asked.only, asked.device, asked.quick)
    for name, found in run_groups(groups, asked.device, asked.quick, asked.nice):
        ran[name] = found
        before = latest["groups"].get(name, {}).get("cells", {}) if not asked.quick else {}
        head = f"FAILED: {found['error']}" if "error" in found else f"{found['seconds']} s, load {found['load']}"
        print(f"{name} ({head})", flush=True)
        for cell, value in found["cells"].items():
            print(line(cell, value, before.get(cell)), flush=True)
            if (slower(value, before.get(cell)) or 0) > SLOWER:
                worse.append(f"{name}: {cell}")
        if asked.write and "error" not in found:
            put({name: found}, [group.name for group in GROUPS], asked.device)
    if asked.write:
        subprocess.run([sys.executable, str(ROOT / "docs" / "make_performance.py")], check=True)
    failed = [name for name, found in ran.items() if "error" in found]
    print(f"load average {os.getloadavg()[0]:.1f}; {len(ran)} groups, {len(failed)} failed {failed or ''}; "
          f"{len(worse)} cells more than {SLOWER} times slower than {LATEST.name} {worse or ''}")  # fmt: skip
    return 1 if failed else 0


def refuse_without_gpu() -> None:
    """Say what is missing instead of measuring something else."""
    import torch

    if not torch.cuda.is_available():
        raise SystemExit("--device cuda: PyTorch finds no GPU here, so nothing was measured")


if __name__ == "__main__":
    sys.exit(main())
