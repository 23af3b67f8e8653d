"""Patients as public coordinates: what may be released of a record, fixed before any record was looked at.

Bounds are clinical common sense, value lists are those of the registry, and the tier of a cancer type is general
knowledge of five-year survival. A value that a patient lacks is put at a public place before the noise, or is a value
of its list, so that its absence is protected like any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float
from numpy.typing import NDArray

from survviz.data.clinical import load_templates
from survviz.data.cohort import load_cohort

MIDDLE = 0.5
N_MIRNA = 200
MIRNA_SPAN = 16.0  # log2(RPM + 1): from 0 to every 15th read
AGES = (20.0, 90.0)
STAGES = ("I", "II", "III", "IV", "unknown")
SEXES = ("female", "male")
ANSWERS = ("no", "yes", "unknown")
RACES = ("white", "black or african american", "asian", "other or unknown")
PUBLIC_MIRNA = {"miR-21": "hsa-mir-21", "miR-210": "hsa-mir-210"}  # the best known of growth, and of lack of oxygen
TIERS: Mapping[str, tuple[str, ...]] = {
    "above 80 %": ("BRCA", "KICH", "PCPG", "PRAD", "SKCM", "TGCT", "THCA", "THYM", "UCEC", "UVM"),
    "50 to 80 %": ("ACC", "BLCA", "CESC", "COAD", "DLBC", "HNSC", "KIRC", "KIRP", "LGG", "READ", "SARC"),
    "20 to 50 %": ("LAML", "LUAD", "LUSC", "OV", "STAD", "UCS"),
    "below 20 %": ("CHOL", "ESCA", "GBM", "LIHC", "MESO", "PAAD"),
}
"""Five-year survival of a cancer type, roughly and by general knowledge; fixed before these patients were opened."""


@dataclass(frozen=True, slots=True)
class Block:
    """One coordinate of many patients: a number in [0, 1], or a category as one column per value.

    Attributes:
        columns: (n, 1) or (n, k); of a category one 1 per row.
        is_category: True also where there are two values.
        private: False for what is declared public and gets no noise.
    """

    name: str
    columns: Float[NDArray, "n p"]
    is_category: bool
    private: bool = True

    @property
    def squared(self) -> float:
        """Largest squared L2 distance of two patients."""
        return 2.0 if self.is_category else 1.0

    @property
    def values(self) -> int:
        """Of a category; 0 for a number, as in `Mechanism`."""
        return self.columns.shape[1] if self.is_category else 0

    def of(self, rows: Bool[NDArray, " n"]) -> Block:
        return replace(self, columns=self.columns[rows])


@dataclass(frozen=True, slots=True)
class Patients:
    """Everything that a release may hold, of all patients of the cohort.

    Attributes:
        time, event, cancer_type: (n,) outcomes, and what the C-index is stratified by.
        train: (n,) the published training patients; the others are its validation patients.
        blocks: coordinates by name.
        wide: the columns of a release of the whole record, every one a number.
    """

    time: NDArray[np.float64]
    event: NDArray[np.bool_]
    cancer_type: NDArray[np.str_]
    train: NDArray[np.bool_]
    blocks: Mapping[str, Block]
    wide: tuple[Block, ...]


def read_patients(folder: Path) -> Patients:
    """Patients of a cohort folder that has the published split (`python -m benchmarks.real_cohorts`)."""
    cohort = load_cohort(folder)
    templates = load_templates()
    codes = [templates.codes(row) for row in cohort.clinical.to_dict("records")]
    table = cohort.clinical.assign(Stage=[row["Stage"] for row in codes], Age=[row["Age"] for row in codes])
    split = pd.read_csv(folder / "splits" / "published.csv", index_col="case_id")["part"]
    assert cohort.mirna is not None
    mirna = (cohort.mirna.reindex(table.index) / MIRNA_SPAN).clip(0, 1).fillna(MIDDLE)
    blocks = _clinical(table) | {
        name: Block(name, mirna[[column]].to_numpy(float), False) for name, column in PUBLIC_MIRNA.items()
    }
    return Patients(
        cohort.time.to_numpy(float),
        cohort.event.to_numpy(bool),
        table["Cancer type"].to_numpy(str),
        (split.reindex(table.index) == "train").to_numpy(),
        blocks,
        _wide(table, blocks, mirna.iloc[:, ::3].iloc[:, :N_MIRNA]),
    )


def number(name: str, values: NDArray, lower: float = 0.0, upper: float = 1.0) -> Block:
    """A number scaled to its public bounds; what is missing lies in the middle."""
    scaled = np.clip((values.astype(float) - lower) / (upper - lower), 0, 1)
    return Block(name, np.nan_to_num(scaled, nan=MIDDLE)[:, None], False)


def category(name: str, values: Iterable[object], known: tuple[str, ...]) -> Block:
    """One column per value of a public list; the last is for whatever the others are not."""
    places = [known.index(value) if value in known else len(known) - 1 for value in values]
    return Block(name, np.eye(len(known))[places], True)


def _clinical(table: pd.DataFrame) -> dict[str, Block]:
    tier = {kind: tier for tier, kinds in TIERS.items() for kind in kinds}
    found = (
        number("age", table["Age"].to_numpy(), *AGES),
        category("sex", table["Sex"], SEXES),
        category("stage", table["Stage"], STAGES),
        category("cancer type", table["Cancer type"], tuple(sorted(tier))),
        category("tier", [tier[kind] for kind in table["Cancer type"]], tuple(TIERS)),
        category("race", table["Race"], RACES),
        category("prior malignancy", table["Prior malignancy"], ANSWERS),
    )
    return {block.name: block for block in found}


def _wide(table: pd.DataFrame, blocks: Mapping[str, Block], mirna: pd.DataFrame) -> tuple[Block, ...]:
    """The record as the papers have it: 37 clinical columns and 200 miRNAs (every third name), all of them numbers."""
    place = {value: place / 3 for place, value in enumerate(STAGES[:-1])}
    stage = np.array([place.get(value, np.nan) for value in table["Stage"]])
    clinical = (
        blocks["age"],
        Block("sex", blocks["sex"].columns[:, :1], False),
        number("stage", stage),
        Block("stage missing", np.isnan(stage)[:, None].astype(float), False),
        *(Block(f"type {i + 1}", column[:, None], False) for i, column in enumerate(blocks["cancer type"].columns.T)),
    )
    return (*clinical, *(Block(str(name), mirna[[name]].to_numpy(float), False) for name in mirna))
