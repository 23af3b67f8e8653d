"""The pages of a scored cohort and of the checkpoints: Patients, Compare, Library, Train."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from survviz.server.folders import SAMPLE_DATA

OpenPage = Callable[..., AppTest]

pytestmark = pytest.mark.xdist_group("demo")


def words(app: AppTest) -> str:
    kinds = (app.markdown, app.caption, app.warning, app.info, app.error, app.subheader, app.success)
    return " ".join(one.value for kind in kinds for one in kind)


def test_unscored_cohort_says_what_scoring_does_and_offers_it(open_page: OpenPage) -> None:
    app = open_page("cohort_patients.py", cohort="sample", model="demo-bilayer")
    assert "200 patients, 113 events" in words(app)
    assert "not scored by demo-bilayer yet" in words(app)
    assert "Score the cohort" in [button.label for button in app.button]
    assert (app.query_params["cohort"], app.query_params["model"]) == ("sample", "demo-bilayer")


def test_scored_patients_are_a_table_and_their_checkpoints_are_compared(open_page: OpenPage) -> None:
    from pages.components import session
    from pages.components.cases import sample_cohort
    from survviz.pipeline.cohort.inference import run_cohort

    for name in ("demo-survpgc", "demo-bilayer"):
        run_cohort(session.predictor(name), sample_cohort())
    app = open_page("cohort_patients.py", cohort="sample")
    assert not app.exception
    table = app.dataframe[0].value
    assert len(table) == 200
    assert table["Scored"].value_counts().to_dict() == {"out of fold": 194, "unseen": 6}
    assert int(table["Gene expression"].sum()) == 175
    assert "nothing here is an external validation" in words(app)
    assert "Risk and survival of 200 patients" in words(app), "the methods paragraph"
    app = open_page("compare.py", cohort="sample")
    assert not app.exception
    models, pairs = (app.dataframe[i].value for i in (0, 1))
    assert models["Checkpoint"].to_list() == ["demo-survpgc", "demo-bilayer"]
    assert len(pairs) == 1
    assert "194 patients were scored out of fold on the same folds" in words(app)


def test_benchmark_shows_published_numbers_apart_with_their_protocol(open_page: OpenPage) -> None:
    from pages.components.compare_board import boards, ours, published

    cohort = next(one for one in boards()["tcga"]["cohorts"] if one["name"] == "brca")
    assert ours(cohort["rows"])["C (95 % CI)"].iloc[0] == "0.770 (0.714 to 0.826)"
    table = published(cohort["published"])
    assert "as-published (test-selected)" in set(table["Protocol"])
    assert (table["Source"] != "").all()


def test_library_has_a_card_per_checkpoint_and_examines_one_on_request(open_page: OpenPage) -> None:
    from pages.components import session

    app = open_page("library.py")
    for name in session.checkpoint_folders():
        assert f"##### {name}" in [text.value for text in app.markdown]
    app.button(key="doctor-demo-survpgc").click().run()
    assert "Healthy" in words(app)
    app.button(key="use-demo-bilayer").click().run()
    assert app.session_state["model"] == "demo-bilayer"


def test_train_offers_what_the_cohort_has_and_says_how_long_it_takes(open_page: OpenPage) -> None:
    app = open_page("train.py", cohort="sample")
    assert not app.exception
    assert "estimated" in words(app) or "GPU" in words(app)
    app.text_input(key="train_name_survpgc_sample").set_value("demo-survpgc")
    app.button(key="train").click().run()
    assert "There is a checkpoint 'demo-survpgc' already" in app.error[0].value


def test_case_of_a_cohort_has_an_address_and_a_way_back(open_page: OpenPage, tmp_path: Path) -> None:
    import shutil

    from pages.components.cohort_list import cohort_folder
    from survviz.server.auth import new_owner

    app = open_page("home.py")
    owner = app.session_state["_survviz_owner"]
    folder = cohort_folder(owner) / "mine-1"
    folder.mkdir()
    for name in ("clinical.csv", "rna.csv.gz", "mirna.csv.gz"):
        shutil.copy(SAMPLE_DATA / name, folder)
    text = (SAMPLE_DATA / "cohort.toml").read_text().partition("[slides]")[0]
    (folder / "cohort.toml").write_text(text.replace("Sample cohort", "My cohort"))
    app.switch_page("risk_survival.py")
    app.query_params["case"] = "cohort:mine-1:SV07-0002"
    app.run()
    assert not app.exception
    assert not app.error
    assert "Case SV07-0002" in words(app)
    assert any(button.label.startswith("Back to My cohort") for button in app.button)
    other = AppTest.from_file(str(SAMPLE_DATA.parent / "pages" / "navigation.py"), default_timeout=120)
    other.session_state["_survviz_owner"] = new_owner()
    other.switch_page("risk_survival.py")
    other.query_params["case"] = "cohort:mine-1:SV07-0002"
    assert "not found for this browser" in other.run().error[0].value
