"""Every checkpoint in checkpoints/ verifies, says what it is worth, and is small; the README says the same numbers."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from benchmarks.checkpoints import ROOT, read_recipes, row
from survviz.checkpoint import Checkpoint, doctor, load_checkpoint

FOLDER = ROOT / "checkpoints"
NAMES = sorted(path.parent.name for path in FOLDER.glob("*/config.json"))


@pytest.fixture(scope="module", params=NAMES)
def shipped(request: pytest.FixtureRequest) -> Checkpoint:
    return load_checkpoint(FOLDER / request.param)


def test_each_recipe_has_its_checkpoint_and_each_checkpoint_its_recipe() -> None:
    assert sorted(read_recipes()[0]) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_doctor_finds_nothing(name: str) -> None:
    assert [check for check in doctor(FOLDER / name) if not check.ok] == []


def test_a_checkpoint_is_what_its_recipe_says(shipped: Checkpoint) -> None:
    recipe = read_recipes()[0][shipped.name]
    assert (shipped.config.model, shipped.config.purpose) == (recipe.config.model, recipe.purpose)
    written = recipe.config.model_dump(mode="json")
    for name in recipe.config.model_fields_set:
        assert shipped.config.training[name] == written[name], name


def test_the_card_says_source_scale_clinic_calibration_and_licence(shipped: Checkpoint) -> None:
    for title in ("Source", "Your own data", "Against clinic", "Calibration", "Cut-offs", "Licence"):
        assert f"\n## {title}\n" in shipped.card, title
    clinic = shipped.reference.clinic
    assert clinic is not None
    assert clinic.pooled.words.capitalize() in shipped.card
    assert (clinic.n_cases, clinic.n_events) == (shipped.reference.n_cases, shipped.reference.n_events)


def test_a_checkpoint_that_is_not_above_clinic_says_so(shipped: Checkpoint) -> None:
    assert shipped.reference.clinic is not None
    pooled = shipped.reference.clinic.pooled
    assert (pooled.low > 0) == ("**Better than clinic**" in shipped.card)


def test_stored_estimates_are_those_of_the_metrics(shipped: Checkpoint) -> None:
    reference = shipped.reference
    assert reference.estimates["harrell_c"].value == pytest.approx(reference.metrics.c_index)
    assert reference.estimates["harrell_c"].n == reference.n_cases
    for name in ("observed_expected", "calibration", "d_calibration_p", "brier_36", "ibs"):
        one = reference.estimates[name]
        assert (one.value is not None) or one.reason, name
    assert reference.tertiles == pytest.approx(np.quantile(reference.risks, [1 / 3, 2 / 3]))


def test_no_case_id_and_no_path_of_a_machine_is_written(shipped: Checkpoint) -> None:
    for path in shipped.folder.iterdir():
        content = path.read_bytes()
        assert not re.search(rb"TCGA-[0-9A-Z]{2}-[0-9A-Z]{4}|SV07-\d{4}|/(tmp|home|work|root)/", content), path.name


def test_files_are_small() -> None:
    sizes = {path: path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()}
    assert max(sizes.values()) < 10e6
    assert sum(sizes.values()) < 40e6


def test_the_readme_lists_every_checkpoint_with_its_numbers() -> None:
    """After training one again: copy the rows that `python -m benchmarks.checkpoints --table` prints."""
    readme = (Path(ROOT) / "README.md").read_text(encoding="utf-8")
    for name in NAMES:
        assert row(load_checkpoint(FOLDER / name)) in readme
