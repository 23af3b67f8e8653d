"""Putting a case together: what is found, what is asked, what is kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from streamlit.testing.v1 import AppTest

OpenPage = Callable[..., AppTest]


@pytest.fixture
def slide_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A server folder with two slides: one declares its pixel size, one does not; and a broken one."""
    folder = tmp_path / "clinic"
    folder.mkdir()
    rng = np.random.default_rng(0)
    pixels = np.full((1536, 1536, 3), 243, np.uint8)
    tissue = rng.normal((200, 120, 170), 20, (1024, 1024, 3)).clip(0, 255).astype(np.uint8)
    tissue[rng.random((128, 128)).repeat(8, 0).repeat(8, 1) < 0.25] = (90, 50, 130)
    pixels[256:1280, 256:1280] = tissue
    options = {"tile": (256, 256), "photometric": "rgb", "compression": "deflate"}
    tifffile.imwrite(folder / "silent.tif", pixels, **options)
    tifffile.imwrite(folder / "declared.tif", pixels, resolution=(2e4, 2e4), resolutionunit=3, **options)
    (folder / "broken.svs").write_bytes(b"II*\0" + bytes(200))
    monkeypatch.setenv("SURVVIZ_SLIDES", str(folder))
    return folder


def button(app: AppTest, label: str) -> object:
    return next(one for one in app.button if one.label == label)


def add_slide(app: AppTest, name: str) -> AppTest:
    app.selectbox(key="choose_slide").set_value(f"clinic / {name}").run()
    button(app, "Add").click()  # type: ignore[attr-defined]
    return app.run()


def text(app: AppTest) -> str:
    return " ".join(one.value for kind in (app.markdown, app.caption, app.warning, app.error) for one in kind)


def test_a_slide_that_declares_its_pixel_size_is_ready_to_encode(open_page: OpenPage, slide_folder: Path) -> None:
    app = add_slide(open_page("load_case.py"), "declared.tif")
    assert not app.exception
    assert "0.5 µm/px (from the file)" in text(app)
    assert "patches of tissue" in text(app)
    assert not button(app, "Encode the patches").disabled  # type: ignore[attr-defined]


def test_a_slide_that_is_added_is_not_added_twice(open_page: OpenPage, slide_folder: Path) -> None:
    app = add_slide(open_page("load_case.py"), "declared.tif")
    assert button(app, "Added").disabled  # type: ignore[attr-defined]
    app.selectbox(key="choose_slide").set_value("clinic / silent.tif").run()
    assert not button(app, "Add").disabled  # type: ignore[attr-defined]


def test_a_slide_alone_is_said_to_have_no_attention_map(open_page: OpenPage, slide_folder: Path) -> None:
    app = add_slide(open_page("load_case.py"), "declared.tif")
    assert "No attention map will be possible" in " ".join(one.value for one in app.info)
    app.selectbox(key="clinical_Stage").set_value("III").run()
    assert not app.info


def test_a_slide_without_pixel_size_is_asked_about_and_the_answer_is_marked(
    open_page: OpenPage, slide_folder: Path
) -> None:
    app = add_slide(open_page("load_case.py"), "silent.tif")
    assert "declares no pixel size" in text(app)
    assert not any(one.label == "Encode the patches" for one in app.button)
    assert "Waiting for the pixel size of silent.tif" in text(app)
    assert "encode them above" not in text(app)
    app.button_group(key="mpp_silent.tif").set_value(0.5).run()
    assert "0.5 µm/px (given by a person)" in text(app)
    assert button(app, "Encode the patches")


def test_a_coarse_slide_is_said_to_be_coarse(open_page: OpenPage, slide_folder: Path) -> None:
    app = add_slide(open_page("load_case.py"), "silent.tif")
    app.button_group(key="mpp_silent.tif").set_value(0.0).run()
    app.number_input(key="mpp_other_silent.tif").set_value(2.0).run()
    assert "2 um/px" in " ".join(one.value for one in app.warning)
    assert button(app, "Encode the patches")


def test_a_damaged_slide_is_explained_and_can_be_removed(open_page: OpenPage, slide_folder: Path) -> None:
    app = add_slide(open_page("load_case.py"), "broken.svs")
    assert not app.exception
    assert "broken.svs" in text(app)
    assert len(app.error) == 1
    app.button(key="drop_slide_0").click().run()
    assert not app.error
    assert "broken.svs" not in text(app)


def test_the_draft_survives_a_reload(open_page: OpenPage, slide_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pages.components import draft as drafts

    monkeypatch.setattr(drafts, "current_owner", lambda: "0" * 32)
    app = add_slide(open_page("load_case.py"), "declared.tif")
    app.number_input(key="clinical_Age").set_value(61.0).run()
    again = open_page("load_case.py")
    assert "declared.tif" in text(again)
    assert again.number_input(key="clinical_Age").value == 61.0


def test_a_clinical_field_counts_as_found_and_emptied_as_missing(open_page: OpenPage) -> None:
    app = open_page("load_case.py")
    app.selectbox(key="clinical_Stage").set_value("III").run()
    assert "1 field]" in text(app)
    app.selectbox(key="clinical_Stage").set_value(None).run()
    assert "1 field]" not in text(app)


def test_the_case_id_is_the_tcga_patient() -> None:
    from pages.components.draft import Draft, DraftSlide, default_case_id

    assert default_case_id(Draft(slides=[DraftSlide("/x/TCGA-CR-7395-01A-01-TS1.svs")])) == "TCGA-CR-7395"
    assert default_case_id(Draft(features=["/x/patient7.h5"])) == "patient7"


def test_files_outside_the_allowed_folders_are_not_offered(open_page: OpenPage, slide_folder: Path) -> None:
    (slide_folder.parent / "elsewhere.svs").write_bytes(b"")
    (slide_folder / ".hidden.svs").write_bytes(b"")
    options = open_page("load_case.py").selectbox(key="choose_slide").options
    assert {name for name in options if name.startswith("clinic")} == {
        "clinic / broken.svs",
        "clinic / declared.tif",
        "clinic / silent.tif",
    }


def test_an_expression_table_is_described_before_it_is_used(open_page: OpenPage, slide_folder: Path) -> None:
    (slide_folder / "rna.csv").write_text("case_id,CA9,VEGFA,LDHA\nP1,1.5,2,3\nP2,2,1,0.5\n")
    app = open_page("load_case.py")
    app.selectbox(key="choose_rna").set_value("clinic / rna.csv").run()
    button(app, "Use").click()  # type: ignore[attr-defined]
    app.run()
    assert not app.exception
    assert "2 cases, 3 genes." in text(app)
    assert "No row is named case-1" in text(app)


def test_a_table_that_is_no_table_is_explained(open_page: OpenPage, slide_folder: Path) -> None:
    (slide_folder / "rna.csv").write_text("hello\n")
    app = open_page("load_case.py")
    app.selectbox(key="choose_rna").set_value("clinic / rna.csv").run()
    button(app, "Use").click()  # type: ignore[attr-defined]
    app.run()
    assert not app.exception
    assert len(app.error) == 1


def test_features_of_another_encoder_are_refused_in_words(open_page: OpenPage, slide_folder: Path, demo: str) -> None:
    import h5py

    with h5py.File(slide_folder / "uni.h5", "w") as file:
        file["features"] = np.zeros((4, 1024), np.float32)
        file["features"].attrs["encoder"] = "uni"
        file["coords"] = np.array([[0, 0], [512, 0], [0, 512], [512, 512]])
        for name, value in {"patch_size": 256, "patch_size_level0": 512, "target_magnification": 20}.items():
            file["coords"].attrs[name] = value
        file["coords"].attrs["level0_magnification"] = 40
    app = open_page("load_case.py")
    app.button_group(key="slide_kind").set_value("Patch features (h5)").run()
    app.selectbox(key="choose_features").set_value("clinic / uni.h5").run()
    button(app, "Add").click()  # type: ignore[attr-defined]
    app.run()
    assert not app.exception
    assert "was trained on he-descriptor features" in app.error[0].value
