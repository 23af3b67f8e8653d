"""The test of a map of a case: words and verdicts, what is kept on disk, and broken models that it exposes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from survviz.data.cohort import Cohort
from survviz.errors import CancelledError, InputError
from survviz.explain.faithfulness import Curves, Faithfulness
from survviz.explain.sanity import Change
from survviz.pipeline import Predictor
from survviz.pipeline.explanation.faithfulness import check_map, compute_test, folder_of_tests, stored_tests
from survviz.pipeline.explanation.map_test import MapTest, p_words
from survviz.pipeline.explanation.maps import MapRequest
from survviz.pipeline.recipe import Recipe
from survviz.types import Case

CONTRIBUTION = MapRequest.of("contribution", "", "")
ATTENTION = MapRequest("attention", "clinical", "pathology", ("Stage",))


@pytest.fixture(scope="module")
def small(cohort: Cohort, member: str) -> Case:
    """A case that one fold has not seen, with its first patches."""
    case = cohort.case(member)
    bag = case.bags[0]
    return replace(case, bags=(replace(bag, features=bag.features[:40], coords=bag.coords[:40]),))


def curves(*rows: float) -> Curves:
    return Curves(np.array(rows)[:, None], np.array(rows)[:, None])


def outcome(*, risk: float = 0.5, smallest_move: float = 0.1, agreement: float = 0.0, n: int = 49) -> MapTest:
    """A signed map whose first fifth takes the risk from 1 to `risk`; chance takes it to 0.9."""
    chance = curves(*np.full(n, 0.9))
    found = Faithfulness(True, 50, np.array([0.2]), 1.0, 0.4, curves(risk), curves(0.95), chance, chance)
    return MapTest(CONTRIBUTION, found, Change(np.array([agreement])), smallest_move, 1)


def test_words_follow_the_verdict() -> None:
    better = outcome()
    assert better.verdict == "better"
    assert better.words == "better than random (p = .02)"
    assert "from 1.000 to 0.500; without as many at random, on average to 0.900" in better.reasons[0]
    assert ".02 is the smallest that so many can show" in better.reasons[1]
    worse = outcome(risk=0.93)
    assert (worse.verdict, worse.words) == ("not-better", "not better than random on this slide")
    assert "p = 1 against 49 random sets" in worse.reasons[1]


def test_a_map_that_does_not_change_with_the_weights_is_refused() -> None:
    refused = outcome(agreement=0.9)
    assert refused.verdict == "refused"
    assert "do not read it as an explanation" in refused.reasons[0]


def test_what_hardly_moves_the_risk_is_not_called_better() -> None:
    little = outcome(smallest_move=1)
    assert little.found.p() == 0.02
    assert little.verdict == "not-better"
    assert "hardly rests on" in little.reasons[0]


@pytest.mark.parametrize(("value", "words"), [(0.02, ".02"), (1.0, "1"), (0.996, "1"), (0.5, ".50")])
def test_p_values_are_printed_as_in_papers(value: float, words: str) -> None:
    assert p_words(value) == words


def test_tests_are_kept_and_found_again(predictor: Predictor, small: Case) -> None:
    path = compute_test(predictor, small, ATTENTION)

    def fail(done: int, total: int) -> None:
        raise AssertionError("computed again")

    assert compute_test(predictor, small, ATTENTION, fail) == path
    document = json.loads(path.read_text())
    assert document["map"] == "attention:clinical:pathology:Stage"
    assert np.shape(document["orders"]["blind"]["deletion"]) == (99, len(document["shares"]))
    assert document["smallest_p"] == 0.01
    found = stored_tests(folder_of_tests(predictor.checkpoint, small))
    assert found == {document["map"]: {name: value for name, value in document.items() if name != "orders"}}
    other = replace(small, clinical=None)
    assert folder_of_tests(predictor.checkpoint, other) != path.parent
    assert stored_tests(Path("nowhere")) == {}


def test_contributions_of_a_case_beat_chance(predictor: Predictor, small: Case) -> None:
    steps: list[int] = []
    found = check_map(predictor, small, CONTRIBUTION, lambda done, total: steps.append(done))
    assert found.verdict == "better"
    assert found.found.p() == found.found.smallest_p
    assert steps[-1] == 1000


def test_a_cancelled_test_leaves_no_file(predictor: Predictor, small: Case) -> None:
    def cancel(done: int, total: int) -> None:
        raise CancelledError("stop")

    with pytest.raises(CancelledError):
        compute_test(predictor, small, ATTENTION, cancel)
    assert stored_tests(folder_of_tests(predictor.checkpoint, small)) == {}


def test_disagreement_claims_nothing_to_test(predictor: Predictor, small: Case) -> None:
    with pytest.raises(InputError, match="claims nothing about the risk"):
        check_map(predictor, small, MapRequest("disagreement", "clinical", "pathology"))


def test_the_job_tests_a_map_of_a_cohorts_case(predictor: Predictor, cohort: Cohort, member: str) -> None:
    from survviz.jobs.kinds import FaithfulnessArguments, faithfulness

    arguments = FaithfulnessArguments(
        checkpoint=str(predictor.checkpoint.folder),
        recipe=Recipe(member, cohort=str(cohort.folder)),
        kind="attention",
        token="Stage",
    )
    steps: list[int] = []
    result = faithfulness(arguments, lambda done, total: steps.append(done))
    found = stored_tests(Path(result["path"]).parent)
    assert list(found) == ["attention:clinical:pathology:Stage"]
    assert steps[-1] == 1000
