"""The bundled demo case on the slide page and on the risk page."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

OpenPage = Callable[..., AppTest]

pytestmark = pytest.mark.xdist_group("demo")


def words(app: AppTest) -> str:
    return " ".join(one.value for kind in (app.markdown, app.caption, app.warning, app.info) for one in kind)


def workbench_data(app: AppTest) -> dict:
    return json.loads(app.get("bidi_component")[0].proto.json)


@pytest.mark.parametrize("page", ["slide_attention.py", "risk_survival.py"])
def test_demo_button_of_an_empty_page_opens_the_case_there(open_page: OpenPage, demo: str, page: str) -> None:
    app = open_page(page)
    next(one for one in app.button if one.label == "Open the demo case").click()
    app.run()
    assert not app.exception
    assert not app.error
    assert app.query_params["case"] in (demo, [demo])


def test_workbench_gets_the_maps_semantics_word_for_word(open_page: OpenPage, demo: str) -> None:
    from pages.components import session
    from pages.components.cases import open_case

    app = open_page("slide_attention.py", case=demo)
    assert not app.exception
    assert not app.error
    maps = session.predictor().explain(open_case(demo, "").case, query="clinical")
    first = workbench_data(app)["slides"][0]["maps"][0]
    assert (first["id"], first["semantics"]) == ("attention:clinical:pathology:all", maps[0].semantics)


def test_sentences_of_fields_that_the_case_lacks_are_not_recorded(open_page: OpenPage, demo: str) -> None:
    from pages.components.attention import is_recorded
    from pages.components.cases import open_case

    open_page("slide_attention.py", case=demo)
    case = open_case(demo, "")
    bare = replace(case, case=replace(case.case, clinical={"Age": 61, "Grade": "GX"}))
    assert [is_recorded(bare, "clinical", token) for token in ("Age", "Sex", "Grade", "all")] == [
        True,
        False,
        False,
        True,
    ]
    assert is_recorded(bare, "genomic", "Hypoxia")


def test_workbench_gets_every_direction_and_token_by_its_real_name(open_page: OpenPage, demo: str) -> None:
    from pages.components import session

    data = workbench_data(open_page("slide_attention.py", case=demo))
    predictor = session.predictor()
    asked = {(one["query"], one["key"]): {token["name"] for token in one["tokens"]} for one in data["directions"]}
    groups = ("clinical", "genomic")
    assert asked == {
        **{(group, "pathology"): {"all", *predictor.tokens(group)} for group in groups},
        **{("pathology", group): set(predictor.tokens(group)) for group in groups},
    }
    (slide,) = data["slides"]
    assert {one["id"] for one in slide["maps"]} == {
        f"attention:{query}:{key}:{token}" for (query, key), tokens in asked.items() for token in tokens
    }
    assert slide["view"]["token"]
    assert slide["shares"]["attention:clinical:pathology"] == pytest.approx(1)


def test_tokens_are_sorted_by_what_they_do_to_the_risk_and_say_their_sentence(open_page: OpenPage, demo: str) -> None:
    data = workbench_data(open_page("slide_attention.py", case=demo))
    for direction in data["directions"]:
        moves = [abs(token["contribution"]) for token in direction["tokens"] if token["name"] != "all"]
        assert moves == sorted(moves, reverse=True)
    clinical = {token["name"]: token["words"] for token in data["directions"][0]["tokens"]}
    assert clinical["Age"].startswith("Age at diagnosis:")
    genomic = {token["name"]: token["words"] for token in data["directions"][1]["tokens"]}
    assert "SD from the training mean" in genomic["Hypoxia"]


def test_kinds_that_cost_more_than_a_glance_are_offered_not_computed(open_page: OpenPage, demo: str) -> None:
    kinds = workbench_data(open_page("slide_attention.py", case=demo))["kinds"]
    assert [(one["id"], one["state"], one["asked"]) for one in kinds] == [
        ("attention", "ready", True),
        ("contribution", "ready", False),
        ("perturbation", "ready", False),
        ("disagreement", "ready", True),
    ]
    assert all(one["jobs"] == [] for one in kinds)


@pytest.mark.parametrize("model", ["demo-bilayer", "demo-bilinear"])
def test_a_model_without_tokens_or_without_pathology_still_shows_the_slide(
    open_page: OpenPage, demo: str, model: str
) -> None:
    app = open_page("slide_attention.py", case=demo)
    app.selectbox(key="model").set_value(model).run()
    assert not app.exception
    assert not app.error
    data = workbench_data(app)
    assert data["slides"][0]["view"]["token"]
    if model == "demo-bilayer":
        assert {one["state"] for one in data["kinds"]} == {"unavailable"}
        assert "does not read pathology" in data["kinds"][0]["reason"]
        assert data["slides"][0]["maps"] == []
    else:
        assert [one["id"] for one in data["slides"][0]["maps"]] == ["attention:case:pathology:all"]
        assert data["slides"][0]["maps"][0]["label"] == "The model's own query (model → pathology)"


def test_risk_page_says_what_the_numbers_are_and_rest_on(open_page: OpenPage, demo: str) -> None:
    from pages.components import session

    app = open_page("risk_survival.py", case=demo)
    assert not app.exception
    reference = session.predictor().checkpoint.reference
    assert "Model estimate, not a prognosis" in words(app)
    assert f"{reference.n_cases} patients, {reference.n_events} events" in words(app)
    assert len(app.get("plotly_chart")) == 2
    assert list(app.table[0].value.index) == ["1 year", "3 years", "5 years"]


def test_risk_page_shows_the_predictions_own_numbers(open_page: OpenPage, demo: str) -> None:
    from pages.components import session
    from pages.components.cases import open_case

    prediction = session.predictor().predict(open_case(demo, "").case)
    app = open_page("risk_survival.py", case=demo)
    assert app.metric[0].value == f"{prediction.percentile:.0f}"
    assert app.metric[1].value == f"{prediction.risk:.2f}".replace("-", "−")


def test_case_without_slide_has_no_map_but_an_estimate_that_says_so(
    open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pages.components import session
    from pages.components.cases import Recipe, save_recipe

    monkeypatch.setattr(session, "current_owner", lambda: "1" * 32)
    key = save_recipe(Recipe("patient-7", {}, clinical={"Age": 70.0, "Stage": "III"}), "1" * 32)
    slide = open_page("slide_attention.py", case=key)
    assert "no slide" in slide.error[0].value
    risk = open_page("risk_survival.py", case=key)
    assert not risk.exception
    assert not risk.error
    assert "Slide missing" in words(risk)
    assert "Gene expression missing" in words(risk)


def test_a_slide_unlike_the_training_slides_is_not_scored_unless_a_person_insists(
    open_page: OpenPage, demo: str, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    from dataclasses import replace
    from pathlib import Path

    from pages.components import session
    from pages.components.cases import Recipe, open_case, save_recipe
    from survviz.wsi.features import write_features

    bag = open_case(demo, "").case.bags[0]
    strange = replace(bag, features=bag.features[:, ::-1] * 3 + 50, slide_id="strange")
    path = write_features(Path(str(tmp_path)) / "strange.h5", strange)
    monkeypatch.setattr(session, "current_owner", lambda: "2" * 32)
    recipe = Recipe("patient-8", {}, features=(str(path),), clinical={"Age": 70.0})
    app = open_page("risk_survival.py", case=save_recipe(recipe, "2" * 32))
    assert len(app.error) == 1
    assert not app.metric
    app.button[0].click().run()
    assert app.metric
    assert len(app.error) == 1, "the warning stays beside the number"
