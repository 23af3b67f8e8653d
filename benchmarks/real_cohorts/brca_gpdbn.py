"""Breast cancer as GPDBN was given it: 32 gene, 32 pathology and 32 copy-number features, five published test folds.

All rights reserved by its authors: to be evaluated on, never to be shipped in any form.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from benchmarks.real_cohorts.patients import usable
from survviz.data.cohort_writing import CohortTables
from survviz.data.splits import NamedSplit, Split


def build(data: Path) -> CohortTables:
    """Gene values are -1, 0 or 1, pathology 0 or 1; there is no clinical field."""
    table = pd.read_csv(data / "brca_gpdbn" / "features_5fold.csv.gz").set_index("case_id")
    clinical, notes = usable(table[["time_months", "event"]].rename(columns={"time_months": "time"}))
    folds = table.loc[clinical.index, "test_fold"]
    splits = tuple(
        NamedSplit(0, int(fold) - 1, Split(tuple(folds.index[folds != fold]), (), tuple(folds.index[folds == fold])))
        for fold in sorted(folds.unique())
    )
    return CohortTables(
        name="TCGA-BRCA GPDBN",
        clinical=clinical,
        time_unit="months",
        fields={},
        matrices={
            "rna": (table.filter(regex="^gene_"), "-1, 0 or 1"),
            "cnv": (table.filter(regex="^cna_"), "z-score"),
        },
        pathology=table.filter(regex="^path_").reset_index(),
        pathology_section={"encoder": "GPDBN"},
        splits={"published": splits},
        notes=notes,
    )
