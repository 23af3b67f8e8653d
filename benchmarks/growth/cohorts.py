"""Cohorts of any number of cases: drawn from the bundled one, so that a shipped checkpoint scores them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from survviz.data.cohort import Cohort, load_cohort
from survviz.types import Bag
from survviz.units import to_mpp
from survviz.wsi.features import write_features

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "sample_data"
TABLES = ("clinical.csv", "rna.csv.gz", "mirna.csv.gz")
FOUNDATION_WIDTH = 1024


def write_like_sample(folder: Path, n_cases: int, n_patches: int) -> Path:
    """Cases of the bundled cohort drawn with replacement under new names, their patches drawn anew."""
    random = np.random.default_rng(0)
    source = load_cohort(SAMPLE)
    complete = [case for case in source.case_ids if case not in source.holdout and source.slide_ids(case)]
    complete = [case for case in complete if source.rna is not None and case in source.rna.index]
    drawn = random.choice(complete, n_cases)
    names = [f"GROW-{number:05d}" for number in range(n_cases)]
    folder.mkdir(parents=True)
    for name in TABLES:
        table = pd.read_csv(SAMPLE / name, dtype=str, keep_default_na=False).set_index("case_id")
        table.reindex(drawn, fill_value="").set_axis(names, axis=0).rename_axis("case_id").to_csv(folder / name)
    text = (SAMPLE / "cohort.toml").read_text(encoding="utf-8").partition("[split]")[0].replace("[slides]\n", "")
    (folder / "cohort.toml").write_text(text, encoding="utf-8")
    for name, case in zip(names, drawn, strict=True):
        write_features(folder / "features" / f"{name}.h5", larger(source, str(case), name, n_patches, random))
    return folder


def larger(source: Cohort, case: str, name: str, n_patches: int, random: np.random.Generator) -> Bag:
    """A slide of so many patches, drawn with replacement from those of a case, in float16."""
    bag = source.bags(case)[0]
    rows = random.integers(0, len(bag), n_patches)
    return Bag(
        name, bag.features[rows].astype(np.float16), grid(n_patches), bag.patch_size_level0, bag.mpp, bag.encoder,
        bag.encoder_revision,
    )  # fmt: skip


def write_foundation(folder: Path, n_cases: int, n_patches: int) -> Path:
    """Outcomes, and slides of a foundation encoder's width in float16: noise."""
    random = np.random.default_rng(0)
    folder.mkdir(parents=True)
    names = [f"GROW-{number:05d}" for number in range(n_cases)]
    clinical = {
        "case_id": names,
        "time": random.exponential(30, n_cases).round(2) + 0.1,
        "event": random.integers(0, 2, n_cases),
    }
    pd.DataFrame(clinical).to_csv(folder / "clinical.csv", index=False)
    (folder / "cohort.toml").write_text(
        'name = "growth"\n\n[clinical]\ntime_unit = "months"\nevent_coding = { observed = [1], censored = [0] }\n\n'
        '[features]\nencoder = "noise"\n',
        encoding="utf-8",
    )
    for name in names:
        features = random.standard_normal((n_patches, FOUNDATION_WIDTH), dtype=np.float32).astype(np.float16)
        bag = Bag(name, features, grid(n_patches), 256, to_mpp(0.5), "noise")
        write_features(folder / "features" / f"{name}.h5", bag)
    return folder


def grid(n_patches: int) -> np.ndarray:
    """(N, 2) corners of a square of patches."""
    side = int(np.ceil(np.sqrt(n_patches)))
    rows = np.arange(n_patches, dtype=np.int64)
    return np.stack([rows % side, rows // side], axis=1) * 512
