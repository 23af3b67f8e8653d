"""Maps of every kind of the shipped checkpoint, and what its tokens do to the risk."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from survviz.data.cohort import Cohort
from survviz.errors import CancelledError, InputError, UnknownNameError
from survviz.pipeline import Predictor
from survviz.types import MAP_KINDS, Bag, Case, MapKind, PatchScores

from .conftest import ROOT


def of_case(slides: tuple[PatchScores, ...]) -> np.ndarray:
    return np.concatenate([one.values for one in slides])


def part(bag: Bag, rows: slice, slide_id: str) -> Bag:
    return replace(bag, slide_id=slide_id, features=bag.features[rows], coords=bag.coords[rows])


@pytest.fixture(scope="module")
def small(cohort: Cohort) -> Case:
    """A held-out case with the first 40 patches of its slide."""
    case = cohort.case(sorted(cohort.holdout)[1])
    return replace(case, bags=(part(case.bags[0], slice(0, 40), case.bags[0].slide_id),))


@pytest.fixture(scope="module")
def of_one_fold(cohort: Cohort, member: str) -> Case:
    """A training case, which one fold explains, with its first 40 patches."""
    case = cohort.case(member)
    return replace(case, bags=(part(case.bags[0], slice(0, 40), "s"),))


def test_model_has_four_directions_those_towards_patches_first(predictor: Predictor, small: Case) -> None:
    assert predictor.directions_of(small, both_ways=True) == (
        ("clinical", "pathology"), ("genomic", "pathology"), ("pathology", "clinical"), ("pathology", "genomic"),
    )  # fmt: skip


def test_patches_share_their_attention_among_the_genes(predictor: Predictor, small: Case) -> None:
    maps = predictor.explain_kind(small, query="pathology", key="genomic")
    assert tuple(maps) == predictor.tokens("genomic")
    np.testing.assert_allclose(sum(of_case(slides) for slides in maps.values()), 1)


def test_contributions_add_up_to_the_change_that_their_words_state(predictor: Predictor, small: Case) -> None:
    (scores,) = predictor.explain_kind(small, kind="contribution")["all"]
    assert (scores.query, scores.key, scores.unit) == ("risk", "pathology", "risk")
    assert scores.signed
    assert scores.per_fold.shape == (5, 40)
    assert f"sum of contributions {scores.values.sum():+.4f}" in scores.semantics
    assert "mean training patch" in scores.semantics


def test_perturbation_is_the_difference_of_two_predictions(predictor: Predictor, small: Case) -> None:
    (scores,) = predictor.explain_kind(small, kind="perturbation")["all"]
    bag = small.bags[0]
    without = replace(small, bags=(part(bag, slice(1, None), bag.slide_id),))
    expected = predictor.predict(small, allow_unlike=True).risk - predictor.predict(without, allow_unlike=True).risk
    assert scores.values[0] == pytest.approx(expected, abs=1e-5)


def test_disagreement_is_of_ranks_of_the_token_that_was_asked(predictor: Predictor, of_one_fold: Case) -> None:
    maps = predictor.explain_kind(of_one_fold, kind="disagreement", query="genomic", tokens=("Hypoxia",))
    assert list(maps) == ["Hypoxia"]
    (scores,) = maps["Hypoxia"]
    assert np.abs(scores.values).max() < 1
    assert scores.values.sum() == pytest.approx(0, abs=1e-9)
    looks = of_case(predictor.explain(of_one_fold, query="genomic", token="Hypoxia"))
    top = int(looks.argmax())
    adds = np.abs(of_case(predictor.explain_kind(of_one_fold, kind="contribution")["all"]))
    assert scores.values[top] == pytest.approx((39.5 - (adds < adds[top]).sum() - 0.5) / 40)


@pytest.mark.parametrize("kind", MAP_KINDS)
def test_slides_keep_their_patches(predictor: Predictor, of_one_fold: Case, kind: MapKind) -> None:
    (bag,) = of_one_fold.bags
    two_slides = replace(of_one_fold, bags=(part(bag, slice(0, 25), "first"), part(bag, slice(25, None), "second")))
    whole = predictor.explain_kind(of_one_fold, kind=kind)["all"]
    parts = predictor.explain_kind(two_slides, kind=kind)["all"]
    assert [(one.slide_id, len(one.values)) for one in parts] == [("first", 25), ("second", 15)]
    assert {one.n_patches_case for one in parts} == {40}
    np.testing.assert_allclose(of_case(parts), of_case(whole), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("kind", MAP_KINDS)
def test_a_case_of_one_patch_has_every_map(predictor: Predictor, of_one_fold: Case, kind: MapKind) -> None:
    one = replace(of_one_fold, bags=(part(of_one_fold.bags[0], slice(0, 1), "s"),))
    (scores,) = predictor.explain_kind(one, kind=kind)["all"]
    assert scores.values.shape == (1,)
    assert np.isfinite(scores.values).all()


@pytest.mark.parametrize("kind", ["contribution", "perturbation"])
def test_a_missing_modality_leaves_the_maps_of_the_others(
    predictor: Predictor, of_one_fold: Case, kind: MapKind
) -> None:
    (scores,) = predictor.explain_kind(replace(of_one_fold, rna=None, clinical=None), kind=kind)["all"]
    assert np.isfinite(scores.values).all()


@pytest.mark.parametrize("kind", MAP_KINDS)
def test_without_a_slide_the_reason_is_given(predictor: Predictor, small: Case, kind: MapKind) -> None:
    empty = replace(small, bags=())
    assert "no pathology data" in (predictor.why_no_kind(empty, kind) or "")
    with pytest.raises(InputError, match="no pathology data"):
        predictor.explain_kind(empty, kind=kind)


def test_a_model_without_pathology_says_so(small: Case) -> None:
    other = Predictor.load(ROOT / "checkpoints" / "demo-bilayer", device="cpu")
    for kind in MAP_KINDS:
        assert "does not read pathology" in (other.why_no_kind(small, kind) or "")
    with pytest.raises(InputError, match="does not read pathology"):
        other.explain_kind(small, kind="contribution")


def test_case_without_anybody_to_ask_has_contributions_but_no_attention(predictor: Predictor, small: Case) -> None:
    slides_only = replace(small, rna=None, clinical=None)
    assert predictor.why_no_kind(slides_only, "contribution") is None
    why = predictor.why_no_kind(slides_only, "attention") or ""
    assert "asked by clinical sentences or gene programmes" in why
    assert "has neither" in why


def test_training_case_is_explained_by_the_fold_that_never_saw_it(
    predictor: Predictor, cohort: Cohort, member: str
) -> None:
    case = cohort.case(member)
    less = replace(case, bags=(part(case.bags[0], slice(0, 20), case.bags[0].slide_id),))
    (scores,) = predictor.explain_kind(less, kind="contribution")["all"]
    assert len(scores.per_fold) == 1
    assert "one model" in scores.semantics


def test_unknown_kind_is_named(predictor: Predictor, small: Case) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'attention'"):
        predictor.explain_kind(small, kind="atention")  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["contribution", "perturbation", "disagreement"])
def test_progress_counts_up_and_may_cancel(predictor: Predictor, small: Case, kind: MapKind) -> None:
    seen: list[tuple[int, int]] = []
    predictor.explain_kind(small, kind=kind, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (500, 500)
    assert [done for done, _ in seen[:1]] == [0]

    def cancel(done: int, total: int) -> None:
        if done > 150:
            raise CancelledError("stop")

    with pytest.raises(CancelledError):
        predictor.explain_kind(small, kind=kind, progress=cancel)


def test_tokens_are_sorted_by_what_they_do(predictor: Predictor, small: Case) -> None:
    found = predictor.token_contributions(small)
    assert {group: {row.token for row in rows} for group, rows in found.items()} == {
        group: set(predictor.tokens(group)) for group in ("clinical", "genomic")
    }
    for rows in found.values():
        sizes = [abs(row.value) for row in rows]
        assert sizes == sorted(sizes, reverse=True)
        assert all(row.sd is not None and len(row.per_fold) == 5 for row in rows)


def test_token_contribution_is_the_difference_to_the_case_without_that_value(predictor: Predictor, small: Case) -> None:
    rows = {row.token: row for row in predictor.token_contributions(small)["clinical"]}
    unknown = replace(
        small, clinical={k: None if k.lower() == "stage" else v for k, v in (small.clinical or {}).items()}
    )
    expected = predictor.predict(small, allow_unlike=True).risk - predictor.predict(unknown, allow_unlike=True).risk
    assert rows["Stage"].value == pytest.approx(expected, abs=1e-5)
    assert "not recorded" in rows["Stage"].instead
    assert "years old" in rows["Age"].instead


def test_groups_that_a_case_lacks_have_no_token_contributions(predictor: Predictor, small: Case) -> None:
    assert set(predictor.token_contributions(replace(small, rna=None))) == {"clinical"}
