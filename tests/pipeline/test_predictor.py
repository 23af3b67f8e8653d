"""The shipped checkpoint on cases of the bundled cohort."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from survviz.data.cohort import Cohort
from survviz.errors import InputError, OutOfDistributionError, UnknownNameError
from survviz.pipeline import Predictor
from survviz.types import Bag


def codes(notices: tuple) -> set[str]:
    return {notice.code for notice in notices}


def test_every_fold_scores_a_case_that_none_has_seen(predictor: Predictor, cohort: Cohort, held_out: str) -> None:
    prediction = predictor.predict(cohort.case(held_out))
    assert prediction.folds == tuple(range(predictor.checkpoint.n_folds))
    assert prediction.risk == pytest.approx(prediction.risk_per_fold.mean())
    assert "training.member" not in codes(prediction.notices)
    assert prediction.present == ("pathology", "clinical", "genomic")


def test_training_case_is_scored_only_by_the_fold_that_never_saw_it(
    predictor: Predictor, cohort: Cohort, member: str
) -> None:
    prediction = predictor.predict(cohort.case(member))
    assert len(prediction.folds) == 1
    assert prediction.folds[0] not in predictor.checkpoint.trained_on(member)
    assert "training.member" in codes(prediction.notices)


def test_out_of_fold_risk_is_among_the_stored_ones(predictor: Predictor, cohort: Cohort, member: str) -> None:
    risk = predictor.predict(cohort.case(member)).risk
    assert np.abs(predictor.checkpoint.reference.risks - risk).min() < 1e-4


def test_survival_starts_at_one_and_never_rises(predictor: Predictor, cohort: Cohort, held_out: str) -> None:
    prediction = predictor.predict(cohort.case(held_out))
    assert prediction.times[0] == 0
    assert prediction.survival[0] == 1
    assert (np.diff(prediction.survival_per_fold, axis=1) <= 1e-9).all()
    by_month = {at.months: at for at in prediction.horizons}
    assert by_month[12].survival == pytest.approx(np.interp(12, prediction.times, prediction.survival))
    assert by_month[12].spread is not None


def test_horizon_beyond_follow_up_is_undefined_with_its_reason(
    predictor: Predictor, cohort: Cohort, held_out: str
) -> None:
    from survviz.pipeline.predictor import horizon

    at = horizon(240.0, np.array([0.0, 60.0]), np.ones((5, 2)))
    assert at.survival is None
    assert "60 months" in at.reason


def test_percentile_and_group_agree_with_the_reference(predictor: Predictor, cohort: Cohort) -> None:
    reference = predictor.checkpoint.reference
    predictions = [predictor.predict(cohort.case(name)) for name in sorted(cohort.holdout)]
    order = np.argsort([prediction.risk for prediction in predictions])
    assert (np.diff([predictions[i].percentile for i in order]) >= 0).all()
    for prediction in predictions:
        assert (prediction.group == "high") == (prediction.risk > reference.cutoff)


@pytest.mark.parametrize("gone", [{"bags": ()}, {"clinical": None}, {"rna": None}])
def test_a_missing_modality_is_said_and_still_scored(
    predictor: Predictor, cohort: Cohort, held_out: str, gone: dict
) -> None:
    prediction = predictor.predict(replace(cohort.case(held_out), **gone))
    assert len(prediction.present) == 2
    assert np.isfinite(prediction.risk)


def test_case_of_another_encoder_is_refused_in_words(predictor: Predictor, cohort: Cohort, held_out: str) -> None:
    case = cohort.case(held_out)
    other = replace(case, bags=(replace(case.bags[0], encoder="uni"),))
    with pytest.raises(InputError, match="encoded by 'uni'"):
        predictor.predict(other)


def test_slide_far_outside_training_is_stopped(predictor: Predictor, cohort: Cohort, held_out: str) -> None:
    case = cohort.case(held_out)
    features = np.asarray(case.bags[0].features, np.float32)
    odd = replace(case.bags[0], features=features + 30 * features.std(axis=0))
    with pytest.raises(OutOfDistributionError, match="unlike the training slides"):
        predictor.predict(replace(case, bags=(odd,)))
    forced = predictor.predict(replace(case, bags=(odd,)), allow_unlike=True)
    assert "stop" in {notice.level for notice in forced.notices}


def test_maps_sum_to_one_and_differ_between_tokens(predictor: Predictor, cohort: Cohort, held_out: str) -> None:
    case = cohort.case(held_out)
    for query, key in predictor.directions():
        maps = predictor.explain_tokens(case, query=query, key=key)
        assert set(maps) == {"all", *predictor.tokens(query)}
        for (scores,) in maps.values():
            assert scores.values.sum() == pytest.approx(1)
            assert scores.per_fold.shape == (5, len(case.bags[0]))
        tokens = np.stack([maps[name][0].values for name in predictor.tokens(query)])
        np.testing.assert_allclose(tokens.mean(axis=0), maps["all"][0].values)
        assert np.abs(tokens - tokens.mean(axis=0)).max() > 0


def test_a_map_follows_its_patches_whatever_their_order(predictor: Predictor, cohort: Cohort, held_out: str) -> None:
    case = cohort.case(held_out)
    (straight,) = predictor.explain(case, query="genomic", token="Hypoxia")
    order = np.random.default_rng(0).permutation(len(case.bags[0]))
    bag = case.bags[0]
    shuffled: Bag = replace(bag, features=bag.features[order], coords=bag.coords[order])
    (mixed,) = predictor.explain(replace(case, bags=(shuffled,)), query="genomic", token="Hypoxia")
    np.testing.assert_allclose(mixed.values, straight.values[order], rtol=1e-4)


def test_unknown_token_and_direction_are_named(predictor: Predictor, cohort: Cohort, held_out: str) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'Stage'"):
        predictor.explain(cohort.case(held_out), token="Stagee")
    with pytest.raises(InputError, match="this model has: clinical -> pathology, genomic -> pathology"):
        predictor.explain(cohort.case(held_out), query="mirna")


def test_map_of_an_absent_modality_is_refused(predictor: Predictor, cohort: Cohort, held_out: str) -> None:
    with pytest.raises(InputError, match="no genomic data"):
        predictor.explain(replace(cohort.case(held_out), rna=None), query="genomic")
