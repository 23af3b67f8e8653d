"""What checking a large cohort costs: `.venv/bin/python -m benchmarks.intake_speed` (one thread).

10,000 patients with clinical fields, and 2,000 genes of each in a plain csv file (about 150 MB). Seconds of reading and
of checking, with and without faults in it, and the process's peak memory.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from survviz.data.tables import known_gene_names
from survviz.intake.plan import check, fix_until_done
from survviz.intake.reading import read_sources

RESULT = Path(__file__).parent / "results" / "intake_speed.json"


def write_cohort(folder: Path, n_cases: int, n_genes: int, *, faulty: bool) -> None:
    """A clinical table and a table of log2(TPM + 1)."""
    rng = np.random.default_rng(0)
    ids = [f"TCGA-{i // 1000:02d}-{i % 10000:04d}" for i in range(n_cases)]
    clinical = pd.DataFrame(
        {
            "case_id": ids,
            "OS.time": rng.integers(0 if faulty else 1, 3000, n_cases),
            "OS": rng.integers(0, 2, n_cases),
            "age": rng.integers(30, 140 if faulty else 90, n_cases),
            "sex": rng.choice(["female", "male", "F"] if faulty else ["female", "male"], n_cases),
            "stage": rng.choice(["Stage I", "II", "iii"] if faulty else ["I", "II", "III"], n_cases),
        }
    )
    clinical.to_csv(folder / "clinical.csv", index=False)
    known = sorted(known_gene_names())[: n_genes // 2]
    genes = [*known, *(f"GENE{i}" for i in range(n_genes - len(known)))]
    values = rng.gamma(4, 1.5, (n_cases, n_genes)).astype(np.float32).round(4)
    samples = [f"{case}-01A" for case in ids]
    if faulty:
        values[rng.random(values.shape) < 0.001] = np.nan
        values[:, 7] = 1.0
        values[5, 5], values[6] = 5e4, values[8]
        samples[-50:] = [f"{case}-11A" for case in ids[-50:]]
        samples[100:150] = [f"{case}-01B" for case in ids[:50]]
    table = pd.DataFrame(values, columns=genes)
    table.insert(0, "sample", samples)
    table.to_csv(folder / "rna.csv", index=False)


def measure(n_cases: int, n_genes: int, *, faulty: bool) -> dict[str, object]:
    """Seconds of each part, and what was found."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_cohort(folder, n_cases, n_genes, faulty=faulty)
        size = sum(file.stat().st_size for file in folder.iterdir()) / 1e6
        marks = [time.perf_counter()]
        files = read_sources([folder])
        marks.append(time.perf_counter())
        report = check(files)
        marks.append(time.perf_counter())
        fixed = fix_until_done(files, report, ["all-recommended"])
        marks.append(time.perf_counter())
    read, checked, mended = np.diff(marks).round(2).tolist()
    codes = sorted({finding.code for finding in report.findings})
    return {
        "mb": round(size), "read_s": read, "check_s": checked, "total_s": round(read + checked, 2),
        "all_fixes_s": mended, "fixes": len(fixed.plan.fixes), "findings": codes,
    }  # fmt: skip


def main() -> None:
    """Measure, and write the result of the full size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--genes", type=int, default=2_000)
    arguments = parser.parse_args()
    result: dict[str, object] = {"cases": arguments.cases, "genes": arguments.genes}
    for name, faulty in (("clean", False), ("faulty", True)):
        result[name] = measure(arguments.cases, arguments.genes, faulty=faulty)
    result["peak_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    text = json.dumps(result, indent=1)
    print(text)
    if (arguments.cases, arguments.genes) == (10_000, 2_000):
        RESULT.write_text(text + "\n")


if __name__ == "__main__":
    main()
