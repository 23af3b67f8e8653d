"""The page Privacy: what moving, redrawing and reloading cost, what is refused, and what every view says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

OpenPage = Callable[..., AppTest]
PAGE = "privacy.py"
RECORD = "Fields of the record"

pytestmark = pytest.mark.xdist_group("demo")


@pytest.fixture(autouse=True)
def empty_ledger(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SURVVIZ_HOME", str(tmp_path))


def words(app: AppTest) -> str:
    kinds = (app.markdown, app.caption, app.warning, app.info, app.error, app.subheader)
    return " ".join(one.value for kind in kinds for one in kind)


def meters(app: AppTest) -> list[str]:
    """Current view, spent, hard cap."""
    return [one.value for one in app.metric[:3]]


def move(app: AppTest, level: float) -> AppTest:
    return app.select_slider[0].set_value(level).run()


def test_opening_the_page_spends_nothing_and_says_what_is_not_protected(open_page: OpenPage, demo: str) -> None:
    app = open_page(PAGE, case=demo)
    assert not app.exception
    assert meters(app) == ["–", "0", "8"]
    assert words(app).index("**Protected**") < words(app).index("**Not protected**")
    assert "TCGA are public" in words(app)
    assert "the slider simulates a release" in words(app)
    assert "50 times in 100" in words(app)


def test_moving_up_and_down_spends_the_highest_position(open_page: OpenPage, demo: str) -> None:
    app = open_page(PAGE, case=demo)
    assert meters(move(app, 1.0)) == ["1", "1", "8"]
    assert meters(move(app, 4.0)) == ["4", "4", "8"]
    assert meters(move(app, 0.5)) == ["0.5", "4", "8"]
    assert meters(move(app, 4.0)) == ["4", "4", "8"]
    assert "**4** paid · **8** +4" in words(app)
    assert "All that was shown" not in words(app)
    assert not app.exception


def test_redrawing_is_priced_before_and_adds_to_the_bill(open_page: OpenPage, demo: str) -> None:
    app = move(open_page(PAGE, case=demo), 2.0)
    button = app.button(key="redraw")
    assert button.label == "Redraw the noise: costs 2 more"
    button.click().run()
    assert meters(app) == ["2", "4", "8"]
    assert "**All that was shown so far (epsilon 4).**" in words(app)


def test_the_cap_refuses_in_words_and_the_view_stays(open_page: OpenPage, demo: str) -> None:
    app = move(open_page(PAGE, case=demo), 4.0)
    app.button(key="redraw").click().run()
    assert meters(app) == ["4", "8", "8"]
    app.button(key="redraw").click().run()
    assert meters(app) == ["4", "8", "8"]
    assert "Refused: epsilon = 4 would add epsilon 4 to the 8 already spent, past the hard cap of 8" in words(app)
    assert "**8** +4 (past the cap)" in words(app)
    move(app, 8.0)
    assert meters(app) == ["4", "8", "8"]
    assert "Refused: epsilon = 8" in words(app)
    assert app.select_slider[0].value == 4.0


def test_another_plan_is_another_draw_and_coming_back_costs_nothing(open_page: OpenPage, demo: str) -> None:
    app = move(open_page(PAGE, case=demo), 2.0)
    released = app.table[0].value
    app.segmented_control(key="what").set_value(RECORD).run()
    assert meters(app) == ["–", "2", "8"]
    assert meters(move(app, 1.0)) == ["1", "3", "8"]
    app.segmented_control(key="what").set_value("The risk alone").run()
    assert meters(app) == ["2", "3", "8"]
    assert app.table[0].value.equals(released)


def test_the_ledger_has_a_row_per_payment_and_both_ledgers_stand_apart(open_page: OpenPage, demo: str) -> None:
    app = move(move(open_page(PAGE, case=demo, tab="Ledgers"), 1.0), 2.0)
    app.button(key="redraw").click().run()
    rows = app.table[0].value
    assert list(rows["Act"]) == ["view", "view", "redraw"]
    assert list(rows["Added"]) == ["1", "1", "2"]
    assert list(rows["Draw"]) == ["1", "1", "2"]
    assert "Spent **4** of a hard cap of **8**" in words(app)
    assert "Training ledger" in words(app)
    assert "never added" in words(app)


def test_a_record_is_released_field_by_field_and_called_useless_where_it_is(open_page: OpenPage, demo: str) -> None:
    app = move(open_page(PAGE, case=demo, what=RECORD), 0.5)
    assert not app.exception
    assert list(app.table[0].value.index) == ["Age", "Sex", "Stage", "Grade"]
    assert "90 % of the records that the release leaves plausible" in words(app)
    assert "the release is useless for the risk" in words(app)
    assert "no slide, no other test" in words(app)
    assert "These fields, no noise" in [one.label for one in app.metric]


def test_shares_of_epsilon_stand_beside_the_recipe_without_one(open_page: OpenPage, demo: str) -> None:
    app = open_page(PAGE, case=demo, what=RECORD, shares="By public relevance", tab="Noise")
    assert not app.exception
    assert list(app.table[0].value.columns) == ["Equal shares", "By public relevance"]
    assert "shares by the two-thirds power rule from public relevance" in words(app)
    assert "Published recipe: no finite epsilon" in words(app)
    assert "no epsilon bounds the ratio" in words(app)


def test_attention_of_the_noised_record_is_beside_that_without_noise(open_page: OpenPage, demo: str) -> None:
    app = move(open_page(PAGE, case=demo, what=RECORD, tab="Attention"), 8.0)
    assert not app.exception
    assert [one.label for one in app.metric[3:]] == [
        "Rank correlation",
        "Of the top 50 patches in both",
        "Two random tops would share",
    ]
    assert "the release hides the record that asks, not the slide" in words(app)


@pytest.mark.parametrize("tab", ["Accuracy", "Training", "Attacks", "Ledgers"])
def test_views_without_a_case_answer(open_page: OpenPage, tab: str) -> None:
    app = open_page(PAGE, tab=tab)
    assert not app.exception
    assert not app.error
    assert "No case is open" in words(app)


@pytest.mark.parametrize("tab", ["Accuracy", "Attacks"])
def test_a_result_that_is_not_there_yet_says_what_makes_it(
    open_page: OpenPage, tab: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from pages.components import privacy_results

    monkeypatch.setattr(privacy_results, "RESULTS", tmp_path)
    app = open_page(PAGE, tab=tab)
    assert not app.exception
    assert "not measured here yet" in words(app)
    assert "python -m benchmarks." in words(app)


def test_a_model_trained_without_noise_says_so_and_has_a_statement(open_page: OpenPage, demo: str) -> None:
    app = open_page(PAGE, case=demo, tab="Training")
    assert not app.exception
    assert "no finite epsilon" in words(app)
    assert "# Privacy statement of" in words(app)
    assert "Never added" in words(app)


def test_choosing_a_training_epsilon_switches_the_checkpoint_and_leaves_the_session_ledger_alone(
    open_page: OpenPage, demo: str
) -> None:
    app = open_page(PAGE, case=demo, tab="Training")
    app.select_slider(key="trained-at").set_value(2.0).run()
    next(one for one in app.button if one.label == "Use this checkpoint").click().run()
    assert not app.exception
    assert app.selectbox(key="model").value == "private-eps2-seed0"
    assert "delta = 1e-05" in words(app)
    assert "between a patient having been in the training or not is right at most 88 times" in words(app)
    assert "does **not** add protection to the case you are viewing" in words(app)
    assert meters(app) == ["–", "0", "8"]


def write_results(folder: Path) -> None:
    """Small files of the form that the benchmarks write."""
    interval = {"mean": 0.7, "low": 0.6, "high": 0.8, "value": 0.7}
    cell = {"arm": "net", "epsilon": 2.0, "seed": 0, "pooled": interval, "within": interval}
    base = {"name": "cancer type alone", "pooled": interval, "within": interval}
    published = [{"name": "MultiSurv", "value": 0.806, "patients": "others", "protocol": "its own"}]
    training = {"protocol": "P.", "cells": [cell], "summary": [cell], "baselines": [base], "published": published}
    (folder / "private_training.json").write_text(json.dumps(training))
    row = {"set": "risk", "coordinates": 1, "noise": "Laplace", "shares": "uniform", "reader": "clean", "epsilon": 1.0}
    wide = {**row, "set": "wide", "coordinates": 237, "noise": "published recipe", "shares": "private"}
    local = {
        "protocol": "Q.",
        "chance": 0.5,
        "rows": [one | {"pooled": interval, "within": interval} for one in (row, wide)],
    }
    (folder / "local_release.json").write_text(json.dumps(local))
    attack = {"auc": 0.52, "auc_interval": [0.5, 0.54], "detections": {"0.01": [0.02, 0.01, 0.03]}, "bound": 0.1}
    audit = {
        "claimed": 4.0,
        "bound": 1.2,
        "correct": 60,
        "guesses": 100,
        "ceiling": 3.0,
        "refuted": False,
        "words": "W.",
    }
    gradients = {**audit, "bound": 5.0, "refuted": True}
    member = {"epsilon": 2.0, "pool": 2000, "shadows": 32, "membership": {"all": attack, "control": attack}}
    canary = {"epsilon": 4.0, "control": True, "gradients": gradients, "flipped_outcomes": audit}
    canary["flipped_outcomes_memorised"] = gradients
    audits = {"delta": 1e-5, "membership": [member], "canaries": [canary], "releases": []}
    (folder / "privacy_audits.json").write_text(json.dumps(audits))


def test_results_are_shown_with_their_protocols_controls_and_labels(
    open_page: OpenPage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from pages.components import privacy_results

    write_results(tmp_path)
    monkeypatch.setattr(privacy_results, "RESULTS", tmp_path)
    app = open_page(PAGE, tab="Accuracy")
    assert len(app.get("plotly_chart")) == 2
    assert "P. Crosses: single seeds" in words(app)
    app.segmented_control(key="noise").set_value("published recipe").run()
    assert not app.exception
    assert "no finite epsilon" in words(app)
    app = open_page(PAGE, tab="Attacks")
    assert not app.exception
    members, promises = (one.value for one in app.table)
    assert list(members["Patients"]) == ["all", "positive control"]
    assert list(members["Found at 1.0%"]) == ["2.0% (1.0% to 3.0%) [7%]"] * 2
    assert list(promises["Own gradients"]) == ["**5.00: refuted**"]
    assert list(promises["Flipped outcomes"]) == ["1.20 (at most 3.0 could be shown)"]
    assert "never prove one" in words(app)
