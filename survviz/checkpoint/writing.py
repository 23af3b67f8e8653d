"""Writes a checkpoint folder so that it appears complete or not at all."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

from survviz import __version__
from survviz.checkpoint.card import card
from survviz.checkpoint.golden import golden_tensors
from survviz.checkpoint.layout import (
    CARD,
    CONFIG,
    FILES,
    GOLDEN,
    NAME_PATTERN,
    POINTS,
    PREPROCESS,
    WEIGHTS,
    CheckpointConfig,
    read_config,
    sha256,
    to_json,
)
from survviz.checkpoint.membership import Membership
from survviz.checkpoint.points import pack_points
from survviz.checkpoint.reference import Reference
from survviz.checkpoint.weights import build, pack
from survviz.data.preprocess import Preprocess
from survviz.errors import InputError
from survviz.evaluation import BreslowBaseline
from survviz.privacy.guarantee import TrainingGuarantee


def check_target(target: str | Path) -> Path:
    """The full path of a checkpoint to write, where one may be written.

    Raises:
        InputError: the target is not a usable name, or holds something that is not a checkpoint.
    """
    target = Path(target).resolve()
    if not re.match(NAME_PATTERN, target.name):
        raise InputError(f"{target.name!r} cannot name a checkpoint; use letters, digits, '.', '_' and '-'.")
    if target.exists() and not (target.is_dir() and ((target / CONFIG).is_file() or not any(target.iterdir()))):
        raise InputError(f"{target} exists and is not a checkpoint. Give the name of a new folder.")
    return target


@contextmanager
def new_folder(target: str | Path) -> Iterator[Path]:
    """A hidden folder beside the target, which takes the target's place when the block ends without an error.

    An existing checkpoint of that name is replaced; any other folder with content is refused.

    Raises:
        InputError: the target is not a usable name, or holds something that is not a checkpoint.
    """
    target = check_target(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    try:
        yield staging
        staging.chmod(0o755)
        if target.exists():
            retired = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}.old."))
            os.replace(target, retired)
            os.replace(staging, target)
            shutil.rmtree(retired)
        else:
            os.replace(staging, target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def save_checkpoint(
    folder: Path,
    *,
    name: str,
    model: str,
    settings: Sequence[Mapping[str, Any]],
    states: Sequence[Mapping[str, Tensor]],
    preprocesses: Sequence[Preprocess],
    baselines: Sequence[BreslowBaseline | None],
    reference: Reference,
    test_fold: Mapping[str, int],
    points: Sequence[Mapping[str, Tensor]],
    purpose: str,
    cohort: str,
    sections: Mapping[str, str] | None = None,
    training: Mapping[str, Any] | None = None,
    guarantee: TrainingGuarantee | None = None,
) -> Path:
    """Write every file of a checkpoint into an existing folder, config.json last, because it holds the others' hashes.

    Args:
        folder: best the one that `new_folder` gives.
        model: name in the registry of models.
        settings: configuration of each fold's model, as JSON values.
        baselines: of each fold; None where the model needs none.
        test_fold: case id -> the fold that did not see it; only keyed hashes are written.
        points: of each fold, what a case may be compared with.
        purpose: what the checkpoint is for, in words.
        cohort: name of the training cohort.
        sections: title -> text of further sections of the card; "Licence" replaces the usual one.
        training: settings of the run.
        guarantee: what the training patients are promised; None = nothing.
    """
    folder = Path(folder)
    config = CheckpointConfig(
        name=name,
        model=model,
        folds=tuple(dict(one) for one in settings),
        purpose=purpose,
        cohort=cohort,
        training=dict(training or {}),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        survviz=__version__,
        guarantee=guarantee,
    )
    models = [build(model, one, state) for one, state in zip(settings, states, strict=True)]
    save_file(pack(states), folder / WEIGHTS)
    save_file(golden_tensors(models), folder / GOLDEN)
    save_file(pack_points(points), folder / POINTS)
    document = {
        "folds": [preprocess.to_dict() for preprocess in preprocesses],
        "reference": reference.to_dict(),
        "membership": Membership.of(test_fold).to_dict(),
        "baselines": [baseline and baseline.to_dict() for baseline in baselines],
    }
    (folder / PREPROCESS).write_text(to_json(document), encoding="utf-8")
    (folder / CARD).write_text(card(config, reference, models[0], preprocesses[0], sections or {}), encoding="utf-8")
    _write_config(folder, config)
    return folder


def add_points(folder: str | Path, points: Sequence[Mapping[str, Tensor]]) -> None:
    """Put baselines into a checkpoint that has none, or others; everything else stays as it was.

    Raises:
        CheckpointError: config.json cannot be read.
    """
    folder = Path(folder).resolve()
    config = read_config(folder)
    with new_folder(folder) as staging:
        shutil.copytree(folder, staging, dirs_exist_ok=True)
        save_file(pack_points(points), staging / POINTS)
        _write_config(staging, config)


def _write_config(folder: Path, config: CheckpointConfig) -> None:
    """config.json, with the hashes of all other files."""
    hashed = config.model_copy(update={"sha256": {file: sha256(folder / file) for file in (*FILES[1:], POINTS)}})
    (folder / CONFIG).write_text(to_json(hashed.model_dump(mode="json")), encoding="utf-8")
