"""Stratify: every tab says its numbers, the address holds the choices, a patient is one click away, and back."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from survviz.pipeline.cohort.observation import Observation
from survviz.pipeline.cohort.results import CohortResults
from survviz.pipeline.cohort.stratification import StratifyPlan, stratify
from survviz.pipeline.cohort.validation import validate
from survviz.workspace import workspace

OpenPage = Callable[..., AppTest]

pytestmark = pytest.mark.xdist_group("demo")


def words(app: AppTest) -> str:
    kinds = (app.markdown, app.caption, app.warning, app.info, app.error, app.subheader)
    return " ".join(one.value for kind in kinds for one in kind)


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> CohortResults:
    """The sample cohort as the chosen checkpoint scores it."""
    from pages.components import session
    from pages.components.cases import sample_cohort
    from survviz.pipeline.cohort.inference import run_cohort

    return run_cohort(session.predictor(), sample_cohort(), tmp_path_factory.mktemp("scored"))


@pytest.fixture
def open_tab(open_page: OpenPage, scored: CohortResults) -> OpenPage:
    """`open_tab("Cox", groups="Median of these patients")` opens the page with everything scored."""
    scored.save(workspace("cohort-results", "of-the-test"))

    def opened(tab: str, **query: str) -> AppTest:
        app = open_page("stratify.py", cohort="sample", tab=tab, **query)
        assert not app.exception
        assert not app.error
        return app

    return opened


def test_a_cohort_that_was_not_scored_offers_to(open_page: OpenPage) -> None:
    app = open_page("stratify.py", cohort="sample")
    assert not app.exception
    assert "is not scored by" in words(app)


def test_default_is_the_frozen_cutoff_with_counts_and_no_word_of_validation(open_tab: OpenPage, scored) -> None:
    app = open_tab("Kaplan–Meier")
    said = words(app)
    plan = stratify(scored, StratifyPlan())
    assert f"**n = {plan.n:,}**, {plan.n_events} events" in said
    assert "Out of fold: 194 of these patients are in the training cohort" in said
    assert "This is no external validation." in said
    assert "frozen in the checkpoint" in said
    table = app.dataframe[0].value
    assert table["Group"].tolist() == ["Low risk", "High risk"]
    assert table["Patients"].tolist() == [str(one.n) for one in plan.groups]
    assert table["Hazard ratio"][0] == "1 (reference)"
    assert len(app.get("plotly_chart")) == 1


def test_cutoffs_that_were_looked_at_are_counted_once(open_tab: OpenPage) -> None:
    app = open_tab("Kaplan–Meier")
    assert "session, here: **1**" in words(app)
    app.selectbox(key="groups").set_value("Median of these patients").run()
    app.selectbox(key="groups").set_value("Best cut-off").run()
    assert "session, here: **3**" in words(app)
    assert "curves and hazard ratio are optimistic" in words(app)
    assert len(app.get("plotly_chart")) == 2
    app.selectbox(key="groups").set_value("Cut-off of the checkpoint").run()
    app.selectbox(key="groups").set_value("Clinical variable").run()
    assert "session, here: **3**" in words(app)
    assert "3 cut-offs of the risk were looked at in this session" in words(app)


def test_choices_come_from_the_address(open_tab: OpenPage) -> None:
    app = open_tab("Kaplan–Meier", groups="Clinical variable", by="Stage", landmark="12")
    assert app.selectbox(key="groups").value == "Clinical variable"
    assert app.number_input(key="landmark").value == 12
    assert len(app.dataframe) == 3  # who is left out, the groups, their pairs
    assert [name for name in app.dataframe[1].value["Group"] if not name.startswith("Stage ")] == []
    assert "Landmark analysis" in words(app)


def test_patients_of_a_group_are_listed_the_highest_risk_first(open_tab: OpenPage, scored: CohortResults) -> None:
    app = open_tab("Kaplan–Meier")
    app.button_group(key="km_group").set_value("High risk").run()
    assert not app.exception
    rows = app.dataframe[-1].value
    high = scored.table[scored.table["risk"] > scored.cutoff].sort_values("risk", ascending=False)
    assert rows["Patient"].tolist() == list(high.index)


def test_cox_leaves_out_who_lacks_a_covariate_and_says_what_the_risk_adds(open_tab: OpenPage) -> None:
    app = open_tab("Cox")
    said = words(app)
    assert "The risk adds to the covariates" in said
    table = app.dataframe[-1].value
    assert table["Variable"].tolist()[:3] == ["Risk of the model", "Age", "Sex"]
    assert "patients are left out" in " ".join(one.label for one in app.expander)


def test_validation_says_every_statistic_and_whose_follow_up_weighs(open_tab: OpenPage, scored: CohortResults) -> None:
    app = open_tab("Validation")
    expected = validate(scored, Observation()).estimates
    table = app.dataframe[0].value.set_index("Statistic")
    assert table.loc["C-index (Harrell)", "Value"] == f"{expected['harrell_c'].value:.3f}"
    assert "from the follow-up of these patients" in words(app)
    assert "Fitted on these very patients" in words(app)
    assert len(app.get("plotly_chart")) == 3


def test_decisions_and_subgroups_have_their_tabs(open_tab: OpenPage) -> None:
    assert "Acting on the model beats both" in words(open_tab("Decision curve"))
    table = open_tab("Subgroups").dataframe[0].value
    assert table["Subgroup"][0] == "All patients"
    assert {"Sex", "Age", "Stage"} <= set(table["Variable"])


def test_a_landmark_is_no_validation_and_says_so(open_page: OpenPage, scored: CohortResults) -> None:
    scored.save(workspace("cohort-results", "of-the-test"))
    app = open_page("stratify.py", cohort="sample", tab="Validation", landmark="12")
    assert not app.exception
    assert "states survival from time 0" in app.error[0].value
