"""The command line: results on success, words and a non-zero exit code on a user's mistake."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "checkpoints" / "demo-survpgc"
SAMPLE = ROOT / "sample_data"
Run = Callable[..., subprocess.CompletedProcess[str]]
VERBS = ("sample", "extract", "train", "predict", "explain", "regions", "doctor", "models", "encoders", "benchmark")


def process(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a verb in a process of its own."""
    command = [sys.executable, "-m", "survviz.cli", *(str(argument) for argument in arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)


def demo_slide() -> tuple[str, Path]:
    """Case id and file of the first bundled slide."""
    rows = pd.read_csv(SAMPLE / "slides.csv").fillna({"path": ""})
    row = next(row for _, row in rows.iterrows() if row["path"] and (SAMPLE / row["path"]).is_file())
    return row["case_id"], SAMPLE / row["path"]


def assert_refused(run: subprocess.CompletedProcess[str], *words: str) -> None:
    """A mistake exits with 2 and says what to do, without a traceback."""
    assert run.returncode == 2, run.stderr
    assert "Traceback" not in run.stderr
    for word in words:
        assert word in run.stderr


def test_help_names_every_verb_and_the_research_use(survviz: Run) -> None:
    run = survviz("--help")
    assert run.returncode == 0
    assert all(verb in run.stdout for verb in VERBS)
    assert "Not for use in diagnostic procedures" in " ".join(run.stdout.split())


def test_a_mistake_ends_the_process_in_words(tmp_path: Path) -> None:
    run = process("predict", "--checkpoint", tmp_path / "no", "--out", tmp_path, "--slide", "x")
    assert_refused(run, "survviz: ", "is not a folder")


def test_help_does_not_import_torch() -> None:
    code = "import sys, survviz.cli; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_models_and_encoders_are_listed_as_json(survviz: Run) -> None:
    listed = {one["name"]: one for one in json.loads(survviz("models", "--json").stdout)}
    assert listed["survpgc"]["parameters"] == 854_852
    assert {"paper", "year", "inputs", "attention", "licence", "differences"} <= listed["survpgc"].keys()
    registries = json.loads(survviz("encoders", "--json").stdout)
    assert "he-descriptor" in registries["patch encoders"]
    assert "hashed-ngrams" in registries["text encoders"]


def test_doctor_finds_the_shipped_checkpoint_healthy(survviz: Run) -> None:
    run = survviz("doctor", DEMO, "--json")
    assert run.returncode == 0, run.stdout
    report = json.loads(run.stdout)
    assert report["ok"]
    assert len(report["checks"]) >= 5


def test_doctor_names_a_folder_that_is_no_checkpoint(survviz: Run, tmp_path: Path) -> None:
    run = survviz("doctor", tmp_path)
    assert run.returncode == 1
    assert "FAIL" in run.stdout
    assert "Traceback" not in run.stderr


@pytest.fixture(scope="module")
def predicted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """What a process of its own wrote and said of a bundled slide."""
    out = tmp_path_factory.mktemp("predicted")
    case_id, slide = demo_slide()
    run = process(
        "predict", "--checkpoint", DEMO, "--slide", slide, "--clinical", SAMPLE / "clinical.csv", "--case", case_id,
        "--rna", next(SAMPLE.glob("rna.*")), "--out", out, "--json",
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    return out, json.loads(run.stdout)


def test_predict_of_a_bundled_slide_writes_every_result(predicted: tuple[Path, dict[str, Any]]) -> None:
    out, document = predicted
    case_id, slide = demo_slide()
    saved = json.loads((out / "prediction.json").read_text())
    assert saved["risk"] == document["risk"]
    assert saved["case_id"] == case_id
    assert saved["folds"] == [0, 1, 2, 3, 4]
    assert [at["months"] for at in saved["horizons"]] == [12, 36, 60]
    table = pd.read_csv(out / "attention.csv")
    assert table["clinical_to_pathology:all"].sum() == pytest.approx(1, abs=1e-5)
    assert table["genomic_to_pathology:Hypoxia"].sum() == pytest.approx(1, abs=1e-5)
    objects = json.loads((out / f"{slide.stem}.clinical_to_pathology.geojson").read_text())["features"]
    assert len(objects) == len(table)
    assert (out / f"{slide.stem}.genomic_to_pathology.png").read_bytes().startswith(b"\x89PNG")


def test_predict_from_the_slide_equals_predict_from_the_cohort(
    survviz: Run, predicted: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    case_id, _ = demo_slide()
    cohort = survviz(
        "predict", "--checkpoint", DEMO, "--cohort", SAMPLE, "--case", case_id, "--out", tmp_path, "--json"
    )
    _, one = predicted
    assert one["risk"] == pytest.approx(json.loads(cohort.stdout)["risk"], abs=2e-3)  # the cohort's are of float16


def test_missing_checkpoint_is_said_in_words(survviz: Run, tmp_path: Path) -> None:
    run = survviz("predict", "--checkpoint", tmp_path / "no", "--out", tmp_path, "--slide", demo_slide()[1])
    assert_refused(run, "is not a folder")


def test_case_without_any_file_is_refused(survviz: Run, tmp_path: Path) -> None:
    assert_refused(survviz("predict", "--checkpoint", DEMO, "--out", tmp_path), "No file was given")


def test_clinical_table_of_many_cases_needs_a_case_id(survviz: Run, tmp_path: Path) -> None:
    run = survviz("predict", "--checkpoint", DEMO, "--clinical", SAMPLE / "clinical.csv", "--out", tmp_path)
    assert_refused(run, "--case")


@pytest.mark.parametrize("setting", ["epochs", "no_such=1", "lr=-1", "model_settings.dropout.deep=1"])
def test_bad_training_setting_is_named(survviz: Run, setting: str, tmp_path: Path) -> None:
    run = survviz(
        "train", "--cohort", SAMPLE, "--out", tmp_path / "c", "--set", "model_settings.dropout=0.1", "--set", setting
    )
    assert_refused(run, setting.partition("=")[0].split(".")[-1] if "deep" not in setting else "dropout")
    assert not (tmp_path / "c").exists()


@pytest.mark.real
def test_slide_without_pixel_size_is_asked_for(survviz: Run, shared_data: Path, tmp_path: Path) -> None:
    slide = shared_data / "slides" / "TCGA-CR-7395-01A-01-TS1.svs"
    assert_refused(survviz("extract", "--slide", slide, "--out", tmp_path), "--mpp", "0.25", "0.5", "about 2 um/px")
    run = survviz("extract", "--slide", slide, "--mpp", 0.5, "--out", tmp_path, "--json")
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)["slides"][0]["mpp_source"] == "person"


@pytest.mark.real
def test_fluorescence_slide_is_stopped_not_scored(survviz: Run, shared_data: Path, tmp_path: Path) -> None:
    slide = shared_data / "slides" / "test3-DAPI-2-387.ndpi"
    run = survviz("predict", "--checkpoint", DEMO, "--slide", slide, "--out", tmp_path)
    assert_refused(run, "STOP", "fluorescence", "--anyway")
    assert not (tmp_path / "prediction.json").exists()


@pytest.mark.real
@pytest.mark.parametrize("name", ["broken.svs", "unreadable.svs"])
def test_damaged_slide_is_named(survviz: Run, name: str, shared_data: Path, tmp_path: Path) -> None:
    assert_refused(survviz("extract", "--slide", shared_data / "slides" / name, "--out", tmp_path), name)


def test_regions_wants_annotations_or_truth(survviz: Run, tmp_path: Path) -> None:
    run = survviz("regions", "--checkpoint", DEMO, "--cohort", SAMPLE)
    assert_refused(run, "--annotations", "--truth")
    assert_refused(
        survviz("regions", "--checkpoint", DEMO, "--cohort", SAMPLE, "--annotations", tmp_path), "SLIDE.geojson"
    )


def test_explain_writes_the_kinds_of_map_that_were_asked(survviz: Run, tmp_path: Path) -> None:
    case_id, slide = demo_slide()
    run = survviz(
        "explain", "--checkpoint", DEMO, "--cohort", SAMPLE, "--case", case_id, "--kind", "attention",
        "--kind", "contribution", "--out", tmp_path, "--json",
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    looks, adds = (pd.read_csv(tmp_path / f"{kind}.csv") for kind in ("attention", "contribution"))
    assert len(looks) == len(adds)
    assert "pathology_to_clinical:Stage" in looks
    assert adds["contribution:risk_to_pathology:all"].abs().max() > 0
    assert (tmp_path / f"{slide.stem}.contribution.risk_to_pathology.geojson").is_file()


def test_explain_of_an_unknown_kind_names_the_known_ones(survviz: Run, tmp_path: Path) -> None:
    run = survviz("explain", "--checkpoint", DEMO, "--cohort", SAMPLE, "--kind", "saliency", "--out", tmp_path)
    assert run.returncode != 0
    assert "perturbation" in run.stderr
