"""A copy of the bundled cohort whose tables a test may change."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "sample_data"
TABLES = ("clinical.csv", "slides.csv", "rna.csv.gz", "mirna.csv.gz")


def copy_of_sample(folder: Path, rows: slice = slice(None), **change: Callable[[pd.DataFrame], pd.DataFrame]) -> Path:
    """The tables of the bundled cohort, these rows of its clinical table; features are linked, slides left out.

    Args:
        change: "clinical", "slides", "rna", "mirna" -> what becomes of that table; cells are text.
    """
    folder.mkdir(parents=True)
    (folder / "cohort.toml").write_text((SAMPLE / "cohort.toml").read_text().partition("[split]")[0])
    tables = {name: pd.read_csv(SAMPLE / name, dtype=str, keep_default_na=False) for name in TABLES}
    tables["clinical.csv"] = tables["clinical.csv"].iloc[rows]
    kept = tables["clinical.csv"]["case_id"].to_list()
    for name, table in tables.items():
        table = table.loc[table["case_id"].isin(kept)]
        table = table.assign(path="") if "path" in table else table
        change.get(name.partition(".")[0], lambda same: same)(table).to_csv(folder / name, index=False)
    (folder / "features").symlink_to(SAMPLE / "features")
    return folder
