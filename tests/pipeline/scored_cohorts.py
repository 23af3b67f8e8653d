"""Results of scored cohorts, made up: no checkpoint is loaded, no file is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from survviz.pipeline.cohort.results import CohortResults


def scored_cohort(n: int = 240, seed: int = 0, *, effect: float = 1.0, **document: Any) -> CohortResults:
    """Exponential deaths with hazard exp(effect * risk) / 40; the stated curves are true. OS and PFI, five fields."""
    random = np.random.default_rng(seed)
    risk = random.normal(size=n)
    death, censoring = random.exponential(size=n) * 40 * np.exp(-effect * risk), random.uniform(1, 120, n)
    cases = pd.Index([f"case-{number:05d}" for number in range(n)], name="case_id")
    times = np.linspace(0, 120, 61)
    survival = np.exp(-times / 40 * np.exp(effect * risk)[:, None])
    stage = random.choice(np.array(["Stage I", "stage iia", "III", "IV", None], dtype=object), n)
    clinical = {
        "Age": random.normal(62, 11, n).round(),
        "Sex": random.choice(np.array(["male", "female"], dtype=object), n),
        "Stage": stage,
        "Race": random.choice(np.array(["white", "black", "asian"], dtype=object), n, p=[0.8, 0.15, 0.05]),
        "biopsy_days": random.integers(0, 200, n).astype(float),
    }
    time, event = np.minimum(death, censoring), death <= censoring
    outcomes = {
        "OS": pd.DataFrame({"time": time, "event": event}, index=cases),
        "PFI": pd.DataFrame({"time": time * 0.7, "event": event}, index=cases).iloc[: n - 5],
    }
    at = {f"S_{months}": survival[:, months // 2] for months in (12, 36, 60)}
    table = pd.DataFrame(
        {"risk": risk, "risk_sd": 0.1, "percentile": 50.0, "group": np.where(risk > 0, "high", "low"), **at,
         "has_clinical": True, "n_slides": 0, "standing": "unseen", "folds": "0 1", "notices": ""}, index=cases,
    )  # fmt: skip
    return CohortResults(
        folder=Path("results"), checkpoint="made-up", checkpoint_sha256="0" * 64, cohort=Path("cohort"),
        cohort_name="MADE-UP", table=table, survival=survival, times=times,
        not_scored=pd.DataFrame({"case_id": ["lost"], "kind": ["error"], "reason": ["It cannot be read."]}),
        clinical=pd.DataFrame(clinical, index=cases), fields=("Age", "Sex", "Stage", "Race"), outcomes=outcomes,
        document={"cutoff": 0.0, "tertiles": [-0.4, 0.4], **document},
    )  # fmt: skip
