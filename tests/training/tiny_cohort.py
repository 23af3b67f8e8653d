"""A cohort of a few seconds: two gene programmes, three clinical fields, one or two small slides, a planted hazard."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from survviz.data.cohort import Cohort, load_cohort
from survviz.types import Bag
from survviz.units import to_mpp
from survviz.wsi.features import write_features

DIM = 12
GENES = [f"GENE{i}" for i in range(12)]
TOML = """\
name = "tiny"

[clinical]
time_unit = "months"
event_coding = { observed = ["dead"], censored = ["alive"] }

[rna]
file = "rna.csv"
unit = "log2(TPM+1)"
orientation = "cases in rows"

[slides]

[features]
encoder = "noise"

[split]
holdout = ["CASE-000"]
"""


def write_tiny_cohort(folder: Path, *, n_cases: int = 40, n_patches: int = 12, seed: int = 0) -> Path:
    """Cases 1 and 2 lack slides, 3 lacks expression, 4 lacks clinical fields; case 0 is held out."""
    random = np.random.default_rng(seed)
    ids = [f"CASE-{index:03d}" for index in range(n_cases)]
    signal = random.normal(size=(n_cases, 3))
    time = random.exponential(scale=20 * np.exp(-signal.sum(axis=1))) + 0.5
    follow_up = random.uniform(10, 80, size=n_cases)
    clinical = pd.DataFrame(
        {
            "case_id": ids,
            "time": np.minimum(time, follow_up).round(3),
            "event": np.where(time <= follow_up, "dead", "alive"),
            "age": (60 + 10 * signal[:, 0]).clip(20, 95).round(),
            "sex": random.choice(["female", "male"], size=n_cases),
            "stage": np.where(signal[:, 0] > 0, "III", "I"),
        }
    )
    clinical.loc[4, ["age", "sex", "stage"]] = np.nan
    folder.mkdir(parents=True, exist_ok=True)
    clinical.to_csv(folder / "clinical.csv", index=False)
    rna = pd.DataFrame(random.normal(5, 1, size=(n_cases, len(GENES))), index=ids, columns=GENES)
    rna.iloc[:, :6] += signal[:, [1]]
    rna.drop(index=ids[3]).rename_axis("case_id").to_csv(folder / "rna.csv")
    (folder / "sets.gmt").write_text(
        "First\ttest\t" + "\t".join(GENES[:6]) + "\nSecond\ttest\t" + "\t".join(GENES[6:]) + "\n"
    )
    slides = [(case_id, f"{case_id}-{part}") for case_id in ids for part in range(1 + (int(case_id[-1]) == 5))]
    rows = [(case_id, slide_id) for case_id, slide_id in slides if case_id not in ids[1:3]]
    pd.DataFrame(rows, columns=["case_id", "slide_id"]).to_csv(folder / "slides.csv", index=False)
    for case_id, slide_id in rows:
        features = random.normal(size=(n_patches, DIM))
        features[: n_patches // 3, 0] += 2 * signal[ids.index(case_id), 2]
        coords = np.stack([np.arange(n_patches) * 256, np.zeros(n_patches)], axis=1).astype(np.int64)
        bag = Bag(slide_id, features.astype(np.float32), coords, 256, to_mpp(0.5), "noise", "1")
        write_features(folder / "features" / f"{slide_id}.h5", bag)
    (folder / "cohort.toml").write_text(TOML)
    return folder


def tiny_cohort(folder: Path, **options: int) -> Cohort:
    """Write and load."""
    return load_cohort(write_tiny_cohort(folder, **options))
