"""The case without a region."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from survviz.data.cohort import Cohort
from survviz.errors import InputError
from survviz.pipeline import Predictor
from survviz.pipeline.explanation.removal import as_json, remove, without_patches


def test_a_removed_patch_is_as_if_it_had_not_been_cut(predictor: Predictor, cohort: Cohort, held_out: str) -> None:
    case = cohort.case(held_out)
    (bag,) = case.bags
    gone = np.zeros(len(bag), dtype=bool)
    gone[10:60] = True
    found = remove(predictor, case, {bag.slide_id: gone}, controls=3)
    cut = replace(bag, features=bag.features[~gone], coords=bag.coords[~gone])
    by_hand = predictor.predict(replace(case, bags=(cut,)), allow_unlike=True)
    assert found.after.risk == by_hand.risk
    assert (found.n_removed, found.n_patches) == (50, len(bag))
    np.testing.assert_allclose(
        found.change_per_fold, by_hand.risk_per_fold - predictor.predict(case, allow_unlike=True).risk_per_fold
    )
    assert found.controls.shape == (3,)
    document = as_json(found)
    assert document["change"] == pytest.approx(found.after.risk - found.before.risk)
    assert [one["months"] for one in document["survival"]] == [12, 36, 60]
    json.dumps(document, allow_nan=False)


def test_a_slide_without_patches_is_gone(cohort: Cohort) -> None:
    case = next(one for name in cohort.case_ids if len((one := cohort.case(name)).bags) == 2)
    first, second = case.bags
    left = without_patches(case, {first.slide_id: np.ones(len(first), dtype=bool)})
    assert left.bags[0].slide_id == second.slide_id
    assert len(left.bags) == 1


def test_nothing_removed_and_everything_removed_are_refused_in_words(cohort: Cohort, held_out: str) -> None:
    case = cohort.case(held_out)
    (bag,) = case.bags
    with pytest.raises(InputError, match="by half or more"):
        without_patches(case, {bag.slide_id: np.zeros(len(bag), dtype=bool)})
    with pytest.raises(InputError, match="every patch"):
        without_patches(case, {bag.slide_id: np.ones(len(bag), dtype=bool)})
    with pytest.raises(InputError, match="the case has"):
        without_patches(case, {"another": np.ones(3, dtype=bool)})
