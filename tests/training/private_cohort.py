"""Sixty patients with three clinical fields, a planted hazard, and a split into protected and reference patients."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from survviz.data.cohort import Cohort, load_cohort
from survviz.data.split_file import write_split_file
from survviz.data.splits import NamedSplit, Split
from survviz.training.private_config import PrivateConfig

CONSTANTS = """\
name = "test"
edges_years = [0, 1, 3, 5, 8]
hazard = 0.2
[numbers]
Age = { lower = 20, upper = 90, centre = 60, unit = 15 }
[categories]
Sex = ["female", "male"]
Stage = ["I", "III"]
"""
TOML = """\
name = "hidden"
[clinical]
time_unit = "months"
event_coding = { observed = ["dead"], censored = ["alive"] }
"""
N, PROTECTED = 60, 40


def private_cohort(folder: Path) -> Cohort:
    """Write and load; patients P00 to P39 are protected."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(2)
    ids, signal = [f"P{i:02d}" for i in range(N)], random.normal(size=N)
    time = random.exponential(40 * np.exp(-1.5 * signal)) + 0.5
    pd.DataFrame(
        {
            "case_id": ids,
            "time": np.minimum(time, 90).round(3),
            "event": np.where(time < 90, "dead", "alive"),
            "age": (60 + 12 * signal).clip(20, 90).round(),
            "sex": random.choice(["female", "male"], N),
            "stage": np.where(signal > 0, "III", "I"),
        }
    ).to_csv(folder / "clinical.csv", index=False)
    (folder / "cohort.toml").write_text(TOML)
    (folder / "constants.toml").write_text(CONSTANTS)
    split = Split(tuple(ids[:PROTECTED]), (), tuple(ids[PROTECTED:]))
    write_split_file(folder / "splits" / "published.csv", [NamedSplit(0, 0, split)])
    return load_cohort(folder)


def private_settings(cohort: Cohort) -> PrivateConfig:
    """A small bilayer network whose linear path and last layer learn."""
    return PrivateConfig.model_validate(
        {
            "model_settings": {"d_embed": 8, "d_hidden": 8, "heads": 2, "dropout": 0.0, "shortcut": True},
            "constants": Path(cohort.folder) / "constants.toml",
            "patients": PROTECTED,
            "trained": ("shortcut", "output_layer"),
            "batch": 20,
            "steps": 30,
            "clip": 1.0,
            "lr": 0.1,
            "threads": 1,
        }
    )
