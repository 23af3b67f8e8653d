"""The folder can be trusted: what was saved is what is loaded, and what was altered is refused in words."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from survviz.checkpoint import doctor, load_checkpoint
from survviz.checkpoint.layout import POINTS
from survviz.checkpoint.membership import Membership
from survviz.checkpoint.writing import add_points, new_folder
from survviz.errors import CheckpointError, InputError
from survviz.training import TrainReport


def rehash(folder: Path, change: dict | None = None) -> None:
    """Make the hashes fit again, as somebody would who alters a checkpoint on purpose."""
    config = json.loads((folder / "config.json").read_text()) | (change or {})
    for name in config["sha256"]:
        config["sha256"][name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    (folder / "config.json").write_text(json.dumps(config))


def alter_json(path: Path, key: str, value: object) -> None:
    document = json.loads(path.read_text())
    document[key] = value
    path.write_text(json.dumps(document))


def failed(folder: Path) -> dict[str, str]:
    return {check.name: check.detail for check in doctor(folder) if not check.ok}


def test_a_fresh_checkpoint_is_healthy(trained: TrainReport) -> None:
    assert trained.folder is not None
    checks = doctor(trained.folder)
    assert [check.name for check in checks if not check.ok] == []
    assert [check.name for check in checks] == [
        "files", "configuration", "hashes", "weights", "preprocessing", "sizes", "token names", "time bins", "cut-off",
        "golden output", "baselines", "card", "privacy",
    ]  # fmt: skip


def test_the_reference_survives_the_file(trained: TrainReport) -> None:
    assert trained.folder is not None
    loaded, saved = load_checkpoint(trained.folder).reference, trained.reference
    np.testing.assert_allclose(loaded.risks, saved.risks, rtol=1e-8)
    assert loaded.cutoff == saved.cutoff == pytest.approx(float(np.median(trained.risks["risk"])))
    assert loaded.metrics == saved.metrics
    assert loaded.curves.keys() == saved.curves.keys() == {"all", "low", "high"}
    for name, curve in saved.curves.items():
        for field in dataclasses.fields(curve):
            stored = getattr(loaded.curves[name], field.name)
            np.testing.assert_allclose(stored, getattr(curve, field.name), atol=1e-8)


def test_percentile_is_the_share_of_lower_risks(trained: TrainReport) -> None:
    reference = trained.reference
    assert reference.percentile(-100) == 0
    assert reference.percentile(100) == 100
    middle = reference.percentile(reference.cutoff)
    assert middle == pytest.approx(100 * float((trained.risks["risk"] < reference.cutoff).mean()))


@pytest.mark.parametrize("rounding", [-1e-6, 0, 1e-6])
def test_rounding_puts_no_training_case_above_itself(trained: TrainReport, rounding: float) -> None:
    reference = trained.reference
    own = float(reference.risks[7])
    n_lower = int((reference.risks < own).sum())
    assert reference.percentile(own + rounding * float(reference.risks.std())) == 100 * n_lower / len(reference.risks)


def test_exactly_the_folds_that_did_not_test_a_case_are_named(trained: TrainReport) -> None:
    assert trained.folder is not None
    checkpoint = load_checkpoint(trained.folder)
    for case_id, row in trained.risks.iterrows():
        assert checkpoint.trained_on(str(case_id)) == {0, 1, 2} - {int(row["fold"])}
    assert checkpoint.trained_on("CASE-000") == set()
    assert checkpoint.trained_on("TCGA-XX-0000") == set()


def test_no_case_id_is_written_anywhere(trained: TrainReport) -> None:
    assert trained.folder is not None
    for path in trained.folder.iterdir():
        assert b"CASE-0" not in path.read_bytes(), path.name


def test_loading_a_model_leaves_the_random_state_alone(trained: TrainReport) -> None:
    assert trained.folder is not None
    before = torch.get_rng_state()
    model = load_checkpoint(trained.folder).model(0)
    assert torch.equal(torch.get_rng_state(), before)
    assert not model.training


def test_a_fold_that_does_not_exist_is_refused(trained: TrainReport) -> None:
    assert trained.folder is not None
    with pytest.raises(InputError, match="folds 0 to 2"):
        load_checkpoint(trained.folder).model(3)


@pytest.mark.parametrize(
    "name", ["config.json", "model.safetensors", "preprocess.json", "golden.safetensors", "card.md"]
)
def test_a_missing_file_is_named(copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(CheckpointError, match=re.escape(name)):
        load_checkpoint(copy)
    assert name in failed(copy)["files"]


@pytest.mark.parametrize("name", ["model.safetensors", "preprocess.json", "golden.safetensors", "card.md"])
def test_an_altered_file_is_refused(copy: Path, name: str) -> None:
    content = bytearray((copy / name).read_bytes())
    content[-2] ^= 1
    (copy / name).write_bytes(content)
    with pytest.raises(CheckpointError, match="altered or damaged"):
        load_checkpoint(copy)
    assert "hashes" in failed(copy)


@pytest.mark.parametrize("content", [b"", b"\x80\x04.", b"[1, 2]", b"{", b"[" * 100_000, b"\xff\xfe"])
@pytest.mark.parametrize("name", ["config.json", "preprocess.json"])
def test_what_is_not_a_json_object_is_refused(copy: Path, name: str, content: bytes) -> None:
    (copy / name).write_bytes(content)
    if name != "config.json":
        rehash(copy)
    with pytest.raises(CheckpointError):
        load_checkpoint(copy)


@pytest.mark.parametrize("content", [b"", b"\x80\x04.", b"\xff" * 64, (2**40).to_bytes(8, "little") + b"{}"])
def test_weights_that_are_not_safetensors_are_refused(copy: Path, content: bytes) -> None:
    (copy / "model.safetensors").write_bytes(content)
    rehash(copy)
    with pytest.raises(CheckpointError, match="not a readable safetensors"):
        load_checkpoint(copy)


def test_an_unknown_entry_of_the_configuration_is_refused(copy: Path) -> None:
    alter_json(copy / "config.json", "postprocess", "os.system")
    with pytest.raises(CheckpointError, match="postprocess"):
        load_checkpoint(copy)


def test_an_unknown_model_is_refused(copy: Path) -> None:
    rehash(copy, {"model": "survpg"})
    with pytest.raises(CheckpointError, match="Did you mean 'survpgc'"):
        load_checkpoint(copy)


def test_a_missing_an_added_and_a_reshaped_tensor_are_refused(copy: Path) -> None:
    path = copy / "model.safetensors"
    tensors = load_file(path)
    name = "fold0.norm.weight"
    rest = {key: value for key, value in tensors.items() if key != name}
    for changed, message in (
        (rest, "1 tensors are missing"),
        (tensors | {"fold0.extra": torch.zeros(1)}, "1 are unexpected"),
        (rest | {name: torch.zeros(3)}, "has shape"),
        (rest | {name: tensors[name].double()}, "is torch.float64"),
    ):
        save_file(changed, path)
        rehash(copy)
        with pytest.raises(CheckpointError, match=message):
            load_checkpoint(copy)


def test_a_huge_model_is_refused_before_memory_is_taken(copy: Path) -> None:
    config = json.loads((copy / "config.json").read_text())
    for settings in config["folds"]:
        settings["d_patch"] = 10**12
    rehash(copy, {"folds": config["folds"]})
    with pytest.raises(CheckpointError, match="has shape"):
        load_checkpoint(copy)


def test_doctor_finds_weights_that_answer_differently(copy: Path) -> None:
    path = copy / "model.safetensors"
    tensors = load_file(path)
    tensors["fold1.norm.weight"] += 1e-3
    save_file(tensors, path)
    rehash(copy)
    assert failed(copy).keys() == {"golden output"}


def test_doctor_finds_weights_that_are_not_finite(copy: Path) -> None:
    path = copy / "model.safetensors"
    tensors = load_file(path)
    tensors["fold1.norm.weight"][0] = float("nan")
    save_file(tensors, path)
    rehash(copy)
    assert "fold 1" in failed(copy)["weights"].lower()
    assert "golden output" in failed(copy)


def test_doctor_finds_a_moved_cut_off_and_an_empty_card(copy: Path) -> None:
    document = json.loads((copy / "preprocess.json").read_text())
    document["reference"]["cutoff"] += 0.1
    (copy / "preprocess.json").write_text(json.dumps(document))
    (copy / "card.md").write_text("# nothing\n")
    rehash(copy)
    assert failed(copy).keys() == {"cut-off", "card"}


def test_doctor_never_raises_on_an_empty_folder(tmp_path: Path) -> None:
    assert all(not check.ok for check in doctor(tmp_path))
    assert all(not check.ok for check in doctor(tmp_path / "nothing"))


def test_the_card_says_what_it_is_for_and_promises_no_privacy(trained: TrainReport) -> None:
    assert trained.folder is not None
    text = (trained.folder / "card.md").read_text()
    assert "**test of the format**" in text
    assert "No formal privacy guarantee" in text
    assert f"cases: {len(trained.risks)}" in text


def test_a_folder_that_is_not_a_checkpoint_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.png").touch()
    with pytest.raises(InputError, match="is not a checkpoint"), new_folder(tmp_path / "photos"):
        pass
    assert (tmp_path / "photos" / "cat.png").exists()


def test_a_checkpoint_is_replaced_whole_or_not_at_all(copy: Path) -> None:
    before = (copy / "config.json").read_bytes()

    def fail(staging: Path) -> None:
        (staging / "config.json").write_text("{}")
        raise InputError("half way")

    with pytest.raises(InputError, match="half way"), new_folder(copy) as staging:
        fail(staging)
    assert (copy / "config.json").read_bytes() == before
    with new_folder(copy) as staging:
        (staging / "config.json").write_text("{}")
    assert [path.name for path in copy.iterdir()] == ["config.json"]
    assert [path.name for path in copy.parent.iterdir()] == ["copy"]


def test_membership_forgets_the_names() -> None:
    membership = Membership.of({"A": 0, "B": 1})
    assert (membership.tested_in("A"), membership.tested_in(" B "), membership.tested_in("C")) == (0, 1, None)
    assert "A" not in membership.test_fold
    assert Membership.of({"A": 0}).test_fold != Membership.of({"A": 0}).test_fold
    with pytest.raises(CheckpointError, match="damaged"):
        Membership.from_dict({"key": "zz", "test_fold": {}})


def test_training_writes_what_cases_are_compared_with(trained: TrainReport) -> None:
    assert trained.folder is not None
    checkpoint = load_checkpoint(trained.folder)
    assert len(checkpoint.points) == checkpoint.n_folds
    for fold, points in enumerate(checkpoint.points):
        shapes = {read.name: read.shape for read in checkpoint.model(fold).config.reads if read.form == "tokens"}
        assert (
            shapes.items()
            <= {
                name.removeprefix("training-mean.tokens."): tuple(value.shape) for name, value in points.items()
            }.items()
        )
        assert any(name.startswith("low-risk-median.") for name in points)


def test_baselines_can_be_taken_out_and_added_again(copy: Path) -> None:
    points = load_checkpoint(copy).points
    (copy / POINTS).unlink()
    config = json.loads((copy / "config.json").read_text())
    assert failed(copy).keys() >= {"hashes"}
    del config["sha256"][POINTS]
    (copy / "config.json").write_text(json.dumps(config))
    assert failed(copy) == {}
    assert load_checkpoint(copy).points == ()
    add_points(copy, points)
    assert failed(copy) == {}
    assert load_checkpoint(copy).points[0].keys() == points[0].keys()


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (("baselines", 0), 7),
        (("membership", "test_fold", "a"), float("inf")),
        (("folds", 0, "ood", "ranges"), {"Age": [10**400, 0]}),
    ],
)
def test_numbers_of_no_use_in_the_preprocessing_are_damage(copy: Path, where: tuple, value: object) -> None:
    document = json.loads((copy / "preprocess.json").read_text())
    part = document
    for step in where[:-1]:
        part = part[step]
    part[where[-1]] = value
    (copy / "preprocess.json").write_text(json.dumps(document))
    rehash(copy)
    with pytest.raises(CheckpointError, match="damaged"):
        load_checkpoint(copy)
