"""The page Why this risk on a bundled case that one model alone may score, so that every number comes quickly."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

OpenPage = Callable[..., AppTest]
PAGE = "why_this_risk.py"

pytestmark = pytest.mark.xdist_group("demo")


@pytest.fixture
def member() -> str:
    """Key of a case of the training cohort with every modality, which only one model never saw."""
    from pages.components.cases import sample_cohort

    cohort = sample_cohort()
    training = (name for name in cohort.case_ids if name not in cohort.holdout)
    return next(f"sample:{name}" for name in training if (one := cohort.case(name)).bags and one.rna and one.clinical)


def words(app: AppTest) -> str:
    kinds = (app.markdown, app.caption, app.warning, app.info, app.error, app.subheader)
    return " ".join(one.value for kind in kinds for one in kind)


def test_evidence_names_its_baseline_and_adds_up_in_words(open_page: OpenPage, member: str) -> None:
    from pages.components import session
    from pages.components.cases import open_case
    from survviz.figures.attribution import plain, signed
    from survviz.pipeline.explanation.attribution import attribute

    app = open_page(PAGE, case=member)
    assert not app.exception
    assert not app.error
    found = attribute(session.predictor(), open_case(member, "").case)
    assert (
        f"**Risk score {plain(found.output)}.** Against the baseline *training mean* ({plain(found.reference)})"
        in words(app)
    )
    assert f"change in output {signed(found.change)}" in words(app)
    assert "Baseline: the mean of the training cases" in words(app)
    assert len(app.get("plotly_chart")) == 2
    assert "cause" not in words(app)


def test_choices_of_the_address_are_kept_when_another_is_made(open_page: OpenPage, member: str) -> None:
    app = open_page(PAGE, case=member, explain="Survival at 36 months")
    assert "**Survival at 36 months" in words(app)
    assert "pushes the survival at 36 months down (worse)" in words(app)
    app.selectbox(key="against").set_value("zero").run()
    assert "**Survival at 36 months" in words(app)
    assert "Baseline: zero everywhere" in words(app)


def test_over_time_has_a_column_per_bin_and_log_hazard_models_say_why_not(open_page: OpenPage, member: str) -> None:
    app = open_page(PAGE, case=member, view="Over time")
    assert not app.exception
    assert len(app.get("plotly_chart")) == 2
    assert "hazard of these months" in words(app)
    app.selectbox(key="model").set_value("demo-bilinear").run()
    assert not app.exception
    assert "one log-hazard for all times" in words(app)


def test_what_if_of_the_address_is_computed_and_can_be_taken_back(open_page: OpenPage, member: str) -> None:
    from pages.components import session
    from pages.components.cases import open_case
    from survviz.pipeline.explanation.what_if import Change, what_if

    app = open_page(PAGE, case=member, view="What if", **{"if-age": "50", "if-stage": "IV"})
    assert not app.exception
    case = open_case(member, "").case
    found = what_if(session.predictor(), case, Change(clinical={"Age": 50.0, "Stage": "IV"}))
    (table,) = (one.value for one in app.table)
    assert list(table.index) == ["1 year", "3 years", "5 years"]
    assert list(table["What if"]) == [f"{one.survival or 0:.0%}" for one in found.after.horizons]
    app.button[0].click().run()
    assert not app.exception
    assert "Nothing is changed yet" in words(app)


def test_what_no_model_saw_is_refused_beside_the_controls(open_page: OpenPage, member: str) -> None:
    app = open_page(PAGE, case=member, view="What if", **{"if-age": "101"})
    assert not app.exception
    assert "Age: 101.0 was asked for" in words(app)
    assert not app.table


def test_a_programme_is_shifted_and_a_test_is_left_out(open_page: OpenPage, member: str) -> None:
    app = open_page(PAGE, case=member, view="What if")
    app.multiselect(key="if-programmes").set_value(["Hypoxia"]).run()
    app.slider(key="if-shift-hypoxia").set_value(0.5).run()
    assert not app.exception
    assert len(app.table) == 1
    app.get("button_group")[-1].set_value(["pathology"]).run()
    assert not app.exception
    assert len(app.table) == 1


def test_tissue_is_named_and_the_overlap_is_beside_chance(open_page: OpenPage, member: str) -> None:
    app = open_page(PAGE, case=member, view="Tokens and tissue", token="Genomic: Hypoxia")
    assert not app.exception
    assert not app.error
    assert "random sets would share" in words(app)
    assert app.selectbox(key="token").value == "Genomic: Hypoxia"
    assert len(app.table[0].value) == 10


def test_a_model_that_asks_nothing_of_the_slide_says_so(open_page: OpenPage, member: str) -> None:
    app = open_page(PAGE, case=member, view="Tokens and tissue")
    app.selectbox(key="model").set_value("demo-bilayer").run()
    assert not app.exception
    assert "there is no tissue that a token looks at" in words(app)


def test_every_combination_of_tests_is_a_row(open_page: OpenPage, member: str) -> None:
    from pages.components.why_tests import subset_rows
    from survviz.types import Modality

    app = open_page(PAGE, case=member, view="Value of each test")
    assert not app.exception
    assert len(app.get("plotly_chart")) == 1
    subsets: list[frozenset[Modality]] = [frozenset({"clinical", "pathology"}), frozenset(), frozenset({"genomic"})]
    rows = subset_rows({names: np.zeros(1) for names in subsets})
    assert [words for words, _ in rows] == ["Nothing known", "Gene expression", "Slide + Clinical record"]


def test_methods_of_modalities_need_no_baseline(open_page: OpenPage, member: str) -> None:
    app = open_page(PAGE, case=member, by="Shapley of modalities")
    assert not app.exception
    assert not app.error
    assert app.selectbox(key="against").disabled
    assert "Against the baseline *no modality*" in words(app)
    assert len(app.get("plotly_chart")) == 1


def test_shares_are_tested_against_shuffled_weights_on_request(open_page: OpenPage, member: str) -> None:
    app = open_page(PAGE, case=member, by="Shapley of modalities")
    (button,) = [one for one in app.button if one.label == "Test these shares against chance"]
    button.click().run()
    assert not app.exception
    assert "with shuffled weights (p = " in " ".join(one.value for one in (*app.success, *app.warning))
    assert "Test these shares against chance" not in [one.label for one in app.button]
