"""Enrichment over a cohort."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from survviz.data.annotations import collection
from survviz.data.cohort import Cohort
from survviz.errors import InputError
from survviz.pipeline import Predictor
from survviz.pipeline.cohort.region_files import compute_region_files
from survviz.pipeline.cohort.regions import (
    CaseRegion,
    annotated_regions,
    cohort_regions,
    over_patients,
    truth_regions,
)
from survviz.pipeline.explanation.truth import RegionMasks

CHECKPOINTS = Path(__file__).parents[2] / "checkpoints"


def test_polygons_of_the_truth_weigh_patches_as_its_masks_do(
    predictor: Predictor, cohort: Cohort, held_out: str
) -> None:
    """The exact areas of outlines against the pixel counts of the masks, which `explanation.truth` takes."""
    case = cohort.case(held_out)
    masks = RegionMasks.read(cohort.folder)
    shares = np.concatenate([share for bag in case.bags if (share := masks.shares(bag)) is not None])
    rows = _rows(predictor, cohort, held_out)
    maps = predictor.explain_tokens(case, query="genomic", key="pathology", tokens=("EMT",))["EMT"]
    values = np.concatenate([one.values for one in maps])
    column = sorted(masks.classes.values()).index(masks.classes["tumour"])
    weights = shares[:, column]
    expected = (values @ weights / values.sum()) / weights.mean()
    found = next(row for row in rows if (row.token, row.region) == ("EMT", "tumour"))
    assert found.enrichment == pytest.approx(expected, rel=1e-9)


def _rows(predictor: Predictor, cohort: Cohort, name: str) -> tuple[CaseRegion, ...]:
    regions = truth_regions(cohort)
    bags = {bag.slide_id for bag in cohort.case(name).bags}
    return cohort_regions(predictor, cohort, lambda bag: regions(bag) if bag.slide_id in bags else None)


def test_annotation_files_are_found_by_the_name_of_the_slide(cohort: Cohort, held_out: str, tmp_path: Path) -> None:
    bag = cohort.case(held_out).bags[0]
    truth = truth_regions(cohort)(bag)
    assert truth
    (tmp_path / f"{bag.slide_id}.geojson").write_text(json.dumps(collection(truth)))
    read = annotated_regions(tmp_path)(bag)
    assert read
    assert [one.geometry for one in read] == [one.geometry for one in truth]
    with pytest.raises(InputError, match="a file per slide"):
        annotated_regions(tmp_path / "nowhere")


def test_over_patients_is_a_mean_with_an_interval() -> None:
    rows = [
        CaseRegion(str(i), "q", "k", "all", "tumour", 9, 0.1, 0.2, value) for i, value in enumerate([0.5, 1.5, 2.5])
    ]
    (found,) = over_patients(rows)
    assert (found.n_cases, found.mean) == (3, 1.5)
    assert found.above == pytest.approx(2 / 3)
    assert found.interval is not None
    assert 0.5 <= found.interval.low < 1.5 < found.interval.high <= 2.5
    (alone,) = over_patients(rows[:1])
    assert alone.interval is None


def test_a_cohort_without_masks_says_what_to_give(cohort: Cohort, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Give --annotations"):
        truth_regions(replace(cohort, folder=tmp_path))


def test_model_without_attention_has_no_table(cohort: Cohort) -> None:
    with pytest.raises(InputError, match="no patch attention"):
        compute_region_files(CHECKPOINTS / "demo-bilayer", cohort.folder, None)
