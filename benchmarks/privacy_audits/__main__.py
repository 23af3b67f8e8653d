"""`python -m benchmarks.privacy_audits --cohort DIR [--only PART ...]` -> benchmarks/results/privacy_audits.json.

Finished rows are kept. An audit can refute a promise, never prove one; every row has its positive control beside it.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.local_release.records import read_patients
from benchmarks.privacy_audits.canaries import DIRAC, FLIPPED, one_run
from benchmarks.privacy_audits.releases import release_rows
from benchmarks.privacy_audits.runs import DELTA, SETTINGS, settings, shipped, training_part
from benchmarks.privacy_audits.shadows import attribute_rows, membership_rows, shadow_runs, strata
from survviz.training.private_run import PrivateTrainer

RESULTS = Path(__file__).parents[1] / "results" / "privacy_audits.json"
CLAIMED = (1.0, 2.0, 4.0, 8.0)
CAUGHT = 4.0  # the promise of the positive control: 1,000 canaries can refute it
ATTACKED = (math.inf, 2.0, 8.0)
POOL, SHADOWS = 2000, 32
PARTS = ("canaries", "membership", "releases")


def canary_rows(folder: Path, rows: list[dict[str, Any]], keep: Callable[[], None]) -> None:
    """One run per promise, and one with a twentieth of the noise."""
    cohort, ids = training_part(folder)
    wanted = [(epsilon, False) for epsilon in CLAIMED] + [(CAUGHT, True)]
    missing = [one for one in wanted if one not in {(row["epsilon"], row["control"]) for row in rows}]
    if not missing:
        return
    trainer = PrivateTrainer(cohort, shipped(), ids)
    reference = trainer.train(ids, seed=0, epsilon=math.inf).model
    for epsilon, broken in missing:
        rows.append(one_run(trainer, ids, reference, epsilon, broken=broken, seed=0))
        keep()


def shadow_rows(folder: Path, rows: list[dict[str, Any]], keep: Callable[[], None]) -> None:
    """LiRA and attributes, per promise; None says that there is none."""
    cohort, everybody = training_part(folder)
    ids = tuple(np.random.default_rng(0).choice(everybody, POOL, replace=False).tolist())
    clinical = cohort.clinical.loc[list(ids)]
    sizes = Counter(cohort.clinical.loc[list(everybody), "Cancer type"])
    for epsilon in ATTACKED:
        said = None if math.isinf(epsilon) else epsilon
        if said in [row["epsilon"] for row in rows]:
            continue
        trainer = PrivateTrainer(cohort, settings(POOL // 2, 128, 100), ids)
        started = time.process_time()
        shadows = shadow_runs(trainer, ids, epsilon, SHADOWS, lambda done: print(done, end=" ", flush=True))
        groups = strata(trainer.select(ids), clinical["Cancer type"].to_numpy(str), sizes)
        values = {name: clinical[name].fillna("").to_numpy(str) for name in ("Sex", "Race", "Prior malignancy")}
        row = {"epsilon": said, "pool": POOL, "shadows": SHADOWS, "cpu_seconds": time.process_time() - started}
        rows.append(
            row | {"membership": membership_rows(shadows, groups), "attributes": attribute_rows(shadows, values)}
        )
        keep()


def main() -> None:
    """Fill in what is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cohort", type=Path, required=True, help="`pancancer` of `python -m benchmarks.real_cohorts`")
    parser.add_argument("--only", nargs="*", choices=PARTS, default=PARTS)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    document: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    document |= {
        "delta": DELTA,
        "canary_counts": {"gradients": DIRAC, "flipped_outcomes": FLIPPED},
        "settings": SETTINGS,
    }
    for part in PARTS:
        document.setdefault(part, [])

    def keep() -> None:
        commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True)
        document.update(date=time.strftime("%Y-%m-%d"), commit=commit.stdout.strip())
        RESULTS.write_text(json.dumps(document, indent=1) + "\n")

    if "releases" in asked.only:
        document["releases"] = document["releases"] or release_rows(read_patients(asked.cohort))
        keep()
    if "membership" in asked.only:
        shadow_rows(asked.cohort, document["membership"], keep)
    if "canaries" in asked.only:
        canary_rows(asked.cohort, document["canaries"], keep)


if __name__ == "__main__":
    main()
