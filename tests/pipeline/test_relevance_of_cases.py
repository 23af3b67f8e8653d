"""Relevance propagation through checkpoint, case and target: what adds up to what, and how near it is to gradients."""

from __future__ import annotations

import numpy as np
import pytest

from survviz.data.cohort import Cohort
from survviz.pipeline import Predictor
from survviz.pipeline.explanation.attribution import attribute


@pytest.mark.parametrize("target", ["risk", "survival:36", "logit:2"])
def test_modalities_and_the_rest_add_up_to_the_change(
    predictor: Predictor, cohort: Cohort, member: str, target: str
) -> None:
    found = attribute(predictor, cohort.case(member), method="relevance", target=target)
    assert sum(piece.value for piece in found.of("modality")) + found.rest == pytest.approx(found.change, rel=1e-4)
    assert found.method == "relevance"
    assert found.gap < 1e-4


def test_another_method_agrees_on_the_output_and_on_what_matters(
    predictor: Predictor, cohort: Cohort, member: str
) -> None:
    case = cohort.case(member)
    own, gradients = (attribute(predictor, case, method=name) for name in ("relevance", "integrated-gradients"))
    assert own.output == pytest.approx(gradients.output, abs=1e-6)
    assert own.reference == pytest.approx(gradients.reference, abs=1e-5)
    assert gradients.rest == 0
    genes = [{piece.name: piece.value for piece in each.of("gene")} for each in (own, gradients)]
    assert genes[0].keys() == genes[1].keys()
    both = np.array([[each[name] for name in genes[0]] for each in genes])
    assert np.corrcoef(both)[0, 1] > 0.7
