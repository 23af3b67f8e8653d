"""The tables of a sample cohort, and the record of its truth."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from survviz.data.cohort_file import (
    ClinicalSection,
    CohortFile,
    EventCoding,
    FeaturesSection,
    MatrixSection,
    SlidesSection,
    SplitSection,
    write_cohort_toml,
)
from survviz.sample import hazard
from survviz.sample.cases import SampleCase, case_rng
from survviz.sample.molecular import draw_mirna, draw_rna, gene_parameters
from survviz.sample.plan import MPP
from survviz.sample.regions import TRUTH_MPP, legend

ENCODER = "he-descriptor"


def write_tables(folder: Path, cases: Sequence[SampleCase], seed: int, kept: frozenset[str]) -> None:
    """Clinical, RNA, miRNA and slides; `kept` are the cases whose slide files stay."""
    clinical = [
        {"case_id": case.case_id, **case.clinical}
        | {"time_months": case.outcome.time_months, "event": "dead" if case.outcome.event else "alive"}
        for case in cases
    ]
    _write_table(folder / "clinical.csv", pd.DataFrame(clinical))
    parameters = gene_parameters(seed)
    rna = {
        case.case_id: draw_rna(case_rng(seed, number, 3), case.latent, parameters)
        for number, case in enumerate(cases)
        if case.has_rna
    }
    mirna = {
        case.case_id: draw_mirna(case_rng(seed, number, 4), case.latent, seed)
        for number, case in enumerate(cases)
        if case.has_mirna
    }
    for name, table in (("rna.csv.gz", rna), ("mirna.csv.gz", mirna)):
        _write_table(folder / name, pd.DataFrame.from_dict(table, orient="index").rename_axis("case_id").reset_index())
    slides = [
        {
            "case_id": case.case_id,
            "slide_id": plan.slide_id,
            "path": f"slides/{plan.slide_id}.tif" if case.case_id in kept else "",
            "mpp": MPP,
        }
        for case in cases
        for plan in case.slides
    ]
    _write_table(folder / "slides.csv", pd.DataFrame(slides, columns=pd.Index(["case_id", "slide_id", "path", "mpp"])))


def _write_table(path: Path, table: pd.DataFrame) -> None:
    temporary = path.with_name(f".{path.name}.part")
    compression = {"method": "gzip", "mtime": 0} if path.suffix == ".gz" else None
    table.to_csv(temporary, index=False, compression=compression, lineterminator="\n")
    os.replace(temporary, path)


def write_hazard(folder: Path, cases: Sequence[SampleCase]) -> None:
    """The stated hazard with the terms of every case."""
    _write_json(
        folder / "truth" / "hazard.json",
        {
            "formula": hazard.FORMULA,
            "coefficients": hazard.COEFFICIENTS,
            "weibull": {"shape": hazard.WEIBULL_SHAPE, "scale_months": hazard.WEIBULL_SCALE_MONTHS},
            "censoring": {"followed_months": hazard.ACCRUAL_MONTHS, "mean_loss_months": hazard.LOSS_MONTHS},
            "cases": {
                case.case_id: {
                    "planted": asdict(case.latent),
                    "terms": case.terms,
                    "log_hazard": case.log_hazard,
                    "single_modality": hazard.single_modality(case.latent),
                }
                for case in cases
            },
        },
    )


def write_regions(folder: Path, shares: dict[str, dict[str, float]]) -> None:
    """What the masks mean, and how much of the tissue of each slide is what."""
    _write_json(
        folder / "truth" / "regions.json",
        {"mpp": TRUTH_MPP, "origin": "top left of level 0", "classes": legend(), "share_of_tissue": shares},
    )


def _write_json(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.part")
    temporary.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
    os.replace(temporary, path)


def write_cohort_file(folder: Path, seed: int, holdout: Sequence[str], *, features: bool) -> None:
    """`cohort.toml`, last, so that a folder with one is complete."""
    write_cohort_toml(
        folder,
        CohortFile(
            name=f"Sample cohort (seed {seed}, synthetic)",
            clinical=ClinicalSection(
                file="clinical.csv",
                id="case_id",
                time="time_months",
                event="event",
                time_unit="months",
                event_coding=EventCoding(observed=("dead",), censored=("alive",)),
                fields={
                    "Age": "age",
                    "Sex": "sex",
                    "Stage": "stage",
                    "Grade": "grade",
                    "Histology": "histology",
                    "Smoking": "smoking",
                },
            ),
            rna=MatrixSection(file="rna.csv.gz", unit="log2(TPM + 1)", orientation="auto"),
            mirna=MatrixSection(file="mirna.csv.gz", unit="log2(RPM + 1)", orientation="auto"),
            slides=SlidesSection(file="slides.csv"),
            features=FeaturesSection(folder="features", encoder=ENCODER) if features else None,
            split=SplitSection(holdout=tuple(holdout)),
        ),
    )
