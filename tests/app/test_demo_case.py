"""The bundled demo case on the slide page and on the risk page."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

OpenPage = Callable[..., AppTest]

pytestmark = pytest.mark.xdist_group("demo")


def words(app: AppTest) -> str:
    return " ".join(one.value for kind in (app.markdown, app.caption, app.warning, app.info) for one in kind)


def viewer_data(app: AppTest) -> dict:
    return json.loads(app.get("bidi_component")[0].proto.json)


@pytest.mark.parametrize("page", ["slide_attention.py", "risk_survival.py"])
def test_demo_button_of_an_empty_page_opens_the_case_there(open_page: OpenPage, demo: str, page: str) -> None:
    app = open_page(page)
    next(one for one in app.button if one.label == "Open the demo case").click()
    app.run()
    assert not app.exception
    assert not app.error
    assert app.query_params["case"] in (demo, [demo])


def test_slide_page_shows_the_maps_semantics_word_for_word(open_page: OpenPage, demo: str) -> None:
    from pages.components import session
    from pages.components.cases import open_case

    app = open_page("slide_attention.py", case=demo)
    assert not app.exception
    assert not app.error
    maps = session.predictor().explain(open_case(demo, "").case, query="clinical")
    assert maps[0].semantics in [one.value for one in app.caption]


def test_viewer_gets_every_token_of_the_direction_by_its_real_name(open_page: OpenPage, demo: str) -> None:
    from pages.components import session

    app = open_page("slide_attention.py", case=demo, direction="genomic", token="Hypoxia")
    data = viewer_data(app)
    tokens = ("all", *session.predictor().tokens("genomic"))
    assert [one["id"] for one in data["maps"]] == [f"genomic:pathology:{token}" for token in tokens]
    assert data["active"] == "genomic:pathology:Hypoxia"
    assert data["slide"]["token"]


def test_a_clinical_token_shows_its_sentence(open_page: OpenPage, demo: str) -> None:
    app = open_page("slide_attention.py", case=demo, direction="clinical", token="Age")
    assert "> Age at diagnosis:" in words(app)


def test_read_outs_stand_beside_the_map(open_page: OpenPage, demo: str) -> None:
    app = open_page("slide_attention.py", case=demo)
    labels = [one.label for one in app.metric]
    assert labels == ["Effective patches", "Top 1 % of patches hold"]


def test_changing_direction_keeps_a_token_for_each(open_page: OpenPage, demo: str) -> None:
    app = open_page("slide_attention.py", case=demo)
    app.selectbox(key="token_clinical").set_value("Stage").run()
    app.button_group(key="direction").set_value("genomic").run()
    assert not app.exception
    assert viewer_data(app)["active"] == "genomic:pathology:all"
    app.button_group(key="direction").set_value("clinical").run()
    assert viewer_data(app)["active"] == "clinical:pathology:Stage"


def test_an_unknown_token_in_the_address_falls_back_to_all(open_page: OpenPage, demo: str) -> None:
    app = open_page("slide_attention.py", case=demo, direction="sideways", token="Astrology")
    assert not app.exception
    assert viewer_data(app)["active"] == "clinical:pathology:all"


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
