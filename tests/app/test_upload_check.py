"""Upload & check: from the example with mistakes to a cohort, nothing changed unasked, every change taken back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from survviz.data.cohort import load_cohort
from survviz.server.folders import cohort_folder
from tests.intake.corpus.good import clinical, csv, expression

OpenPage = Callable[..., AppTest]

pytestmark = pytest.mark.xdist_group("check")


def step(app: AppTest, name: str) -> None:
    app.segmented_control(key="check_step").set_value(name)
    app.run()
    assert not app.exception


def words(app: AppTest) -> str:
    return " ".join(
        one.value for kind in (app.markdown, app.caption, app.error, app.warning, app.success) for one in kind
    )


@pytest.fixture
def server_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the server with a good cohort."""
    monkeypatch.setenv("SURVVIZ_SLIDES", str(tmp_path))
    (tmp_path / "clinical.csv").write_bytes(csv(clinical()))
    (tmp_path / "rna.csv").write_bytes(csv(expression()))
    return tmp_path


def test_the_example_becomes_a_cohort_and_every_change_is_asked_for(open_page: OpenPage) -> None:
    app = open_page("upload_check.py")
    assert "Nothing at hand?" in words(app)
    app.button(key="check_example").click().run()
    assert "91 rows × 8 columns" in words(app)
    step(app, "columns")
    assert "1 = event, 33 of 91" in words(app)
    next(box for box in app.checkbox if box.label == "This is right").check().run()
    step(app, "report")
    assert app.button(key="check_write").disabled
    for code in ("normal-samples", "several-samples", "absurd-z", "impossible-age", "personal-data", "zero-times"):
        assert code in words(app)
    assert "Changes that you asked for" not in words(app)
    app.button(key="check_fix_all").click().run()
    assert not app.exception
    assert ":red[" not in words(app)
    assert "Leave out 6 samples" in words(app)
    app.button(key="check_write").click().run()
    assert "The cohort is ready" in words(app)
    folder = cohort_folder(app.session_state["_survviz_owner"]) / app.session_state["cohort_id"]
    cohort = load_cohort(folder)
    assert len(cohort) == 87
    assert cohort.rna is not None
    assert float(cohort.rna.abs().max().max()) <= 100
    assert "Jane Roe" not in (folder / "clinical.csv").read_text()
    assert "normal tissue" in (folder / "cleaning.md").read_text()


def test_a_fix_can_be_taken_back_and_a_cell_written_by_hand(open_page: OpenPage, server_files: Path) -> None:
    table = clinical()
    table.loc[2, "age"], table.loc[4, "OS.time"] = "231", "-5"
    (server_files / "clinical.csv").write_bytes(csv(table))
    app = open_page("upload_check.py")
    app.multiselect(key="check_choose").select(f"{server_files.name} / clinical.csv").run()
    app.button(key="check_add").click().run()
    step(app, "report")
    app.button(key="check_fix_error_0_0").click().run()
    assert "negative-times" not in words(app)
    app.button(key="check_undo_0").click().run()
    assert "negative-times" in words(app)


def test_what_was_said_of_columns_and_rules_is_kept_over_a_reload(open_page: OpenPage, server_files: Path) -> None:
    app = open_page("upload_check.py")
    for label in list(app.multiselect(key="check_choose").options):
        if label.startswith(server_files.name):
            app.multiselect(key="check_choose").select(label)
    app.run()
    app.button(key="check_add").click().run()
    step(app, "columns")
    unit = next(box for box in app.selectbox if box.label == "Unit")
    unit.select("log2(TPM+1)").run()
    step(app, "matching")
    assert "40 of 40 names → 40 cases" in words(app)
    step(app, "report")
    assert "unit-unknown" not in words(app)
    del app.session_state["desk"]
    app.run()
    assert "unit-unknown" not in words(app)
    assert "Say first that time and event are read rightly" in words(app)


def test_two_files_of_one_name_are_refused(open_page: OpenPage, server_files: Path) -> None:
    (server_files / "other").mkdir()
    (server_files / "other" / "clinical.csv").write_bytes(csv(clinical()))
    app = open_page("upload_check.py")
    for label in list(app.multiselect(key="check_choose").options):
        if label.startswith(server_files.name) and label.endswith("clinical.csv"):
            app.multiselect(key="check_choose").select(label)
    app.run()
    app.button(key="check_add").click().run()
    assert "Two files are named clinical.csv" in words(app)


def test_a_name_of_a_file_never_becomes_markdown() -> None:
    from pages.components.literal import literal

    assert literal("![x](http://a.b/c.png)") == "\\!\\[x\\](http\\:\u2060//a.b/c.png)"
    assert literal("OS.time") == "OS.time"


def test_only_changed_cells_of_the_grid_become_a_fix() -> None:
    from pages.components.check_grid import changes

    before = pd.DataFrame({"age": ["50", "", "7"], "sex": ["f", "m", ""]}, index=[2, 3, 5], dtype=object)
    after = before.copy()
    assert changes(before, after) == ()
    after.loc[5, "age"], after.loc[3, "sex"] = "70", None
    assert {(cell.row, cell.column, cell.value) for cell in changes(before, after)} == {
        (5, "age", "70"),
        (3, "sex", ""),
    }


def test_a_fix_that_does_not_fit_can_be_taken_back(open_page: OpenPage, server_files: Path) -> None:
    from survviz.intake.fixes import DropRows
    from survviz.intake.plan import IntakePlan

    app = open_page("upload_check.py")
    app.multiselect(key="check_choose").select(f"{server_files.name} / clinical.csv").run()
    app.button(key="check_add").click().run()
    plan = IntakePlan(fixes=(DropRows(table="clinical.csv", rows=(9999,)),))
    app.session_state["desk"].plan = plan.model_dump_json()
    step(app, "report")
    assert "9999" in words(app)
    app.button(key="check_back").click().run()
    assert not app.exception
    assert app.metric[0].value == "40"
