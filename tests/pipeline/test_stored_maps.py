"""Maps on disk: the same as computed, found again, and asked for anew when anything changes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from survviz.data.cohort import Cohort
from survviz.errors import CancelledError, InputError
from survviz.pipeline import Predictor
from survviz.pipeline.explanation.maps import MapRequest
from survviz.pipeline.explanation.stored_maps import compute_maps, load_maps, maps_path
from survviz.pipeline.recipe import Recipe, SlideFile, build_case
from survviz.types import MAP_KINDS, Case, MapKind, Notice
from survviz.workspace import workspace

from .conftest import ROOT

CONTRIBUTION = MapRequest.of("contribution", "", "")


@pytest.fixture(scope="module")
def small(cohort: Cohort) -> Case:
    """A held-out case with its first patches, as two slides."""
    case = cohort.case(sorted(cohort.holdout)[1])
    bag = case.bags[0]
    parts = [
        replace(bag, slide_id=name, features=bag.features[rows], coords=bag.coords[rows])
        for name, rows in (("a", slice(0, 20)), ("b", slice(20, 32)))
    ]
    return replace(case, bags=tuple(parts))


@pytest.mark.parametrize("kind", MAP_KINDS)
def test_stored_maps_are_the_computed_ones(predictor: Predictor, small: Case, kind: MapKind) -> None:
    request = MapRequest.of(kind, "pathology", "clinical")
    stored = load_maps(compute_maps(predictor, small, request), small.bags)
    computed = predictor.explain_kind(small, kind=kind, query="pathology", key="clinical")
    assert list(stored) == list(computed)
    for token, slides in computed.items():
        for one, other in zip(stored[token], slides, strict=True):
            np.testing.assert_array_equal(one.values, other.values)
            np.testing.assert_array_equal(one.per_fold, other.per_fold)
            np.testing.assert_array_equal(one.by_head, other.by_head)
            np.testing.assert_array_equal(one.coords, other.coords)
            for name in ("kind", "query", "key", "token", "slide_id", "unit", "shared_among", "semantics", "uniform"):
                assert getattr(one, name) == getattr(other, name)


def test_a_second_ask_computes_nothing(predictor: Predictor, small: Case) -> None:
    path = compute_maps(predictor, small, CONTRIBUTION)

    def fail(done: int, total: int) -> None:
        raise AssertionError("computed again")

    assert compute_maps(predictor, small, CONTRIBUTION, fail) == path


def test_disagreement_uses_the_contributions_that_are_there(predictor: Predictor, small: Case) -> None:
    compute_maps(predictor, small, CONTRIBUTION)
    steps: list[int] = []
    request = MapRequest.of("disagreement", "clinical", "pathology")
    compute_maps(predictor, small, request, lambda done, total: steps.append(done))
    assert steps == []


def test_name_follows_the_content(predictor: Predictor, small: Case) -> None:
    bag = small.bags[0]
    features = bag.features.copy()
    features[3, 5] += 1
    others = [
        replace(small, clinical={**(small.clinical or {}), "Age": 33.0}),
        replace(small, rna=None),
        replace(small, bags=(replace(bag, features=features), *small.bags[1:])),
        replace(small, bags=small.bags[::-1]),
    ]
    paths = {maps_path(predictor.checkpoint, case, CONTRIBUTION) for case in (small, *others)}
    assert len(paths) == 5
    same = replace(small, clinical=dict(reversed(list((small.clinical or {}).items()))))
    assert maps_path(predictor.checkpoint, same, CONTRIBUTION) in paths
    assert maps_path(predictor.checkpoint, small, MapRequest.of("perturbation", "", "")) not in paths
    other = Predictor.load(ROOT / "checkpoints" / "demo-bilinear", device="cpu")
    assert maps_path(other.checkpoint, small, CONTRIBUTION) not in paths


def test_a_cancelled_computation_leaves_no_file(predictor: Predictor, small: Case) -> None:
    def cancel(done: int, total: int) -> None:
        if done > 100:
            raise CancelledError("stop")

    with pytest.raises(CancelledError):
        compute_maps(predictor, small, CONTRIBUTION, cancel)
    assert list(workspace("maps").iterdir()) == []


def test_maps_of_other_slides_are_refused(predictor: Predictor, small: Case) -> None:
    path = compute_maps(predictor, small, CONTRIBUTION)
    with pytest.raises(InputError, match="not of the slides"):
        load_maps(path, small.bags[:1])


def test_damaged_and_missing_files_are_refused(tmp_path: Path, small: Case) -> None:
    (tmp_path / "bad.safetensors").write_bytes(b"no map")
    for name in ("bad", "absent"):
        with pytest.raises(InputError, match="cannot be read"):
            load_maps(tmp_path / f"{name}.safetensors", small.bags)


def test_recipe_of_a_cohort_opens_its_case(cohort: Cohort, held_out: str) -> None:
    case, notices = build_case(Recipe(held_out, cohort=str(cohort.folder)))
    assert case.case_id == held_out
    assert len(case.bags) == len(cohort.bags(held_out))
    assert notices == ()


def test_recipe_of_files_reads_back_and_opens_the_same_case(tmp_path: Path, cohort: Cohort, held_out: str) -> None:
    slide = str(cohort.bags(held_out)[0].slide_id)
    features = str(cohort.features[slide])
    recipe = Recipe(
        "p-1", {slide: SlideFile("a.svs", 0.5)}, (features,), clinical={"Age": 70.0, "Stage": None},
        notices=(Notice("info", "a.b", "text"),),
    )  # fmt: skip
    recipe.write(tmp_path / "p.json")
    assert Recipe.read(tmp_path / "p.json") == recipe
    case, _ = build_case(recipe)
    assert case.case_id == "p-1"
    np.testing.assert_array_equal(case.bags[0].coords, cohort.bags(held_out)[0].coords)
