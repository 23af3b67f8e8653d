"""A checkpoint in memory, and its reader."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from torch import Tensor

from survviz.checkpoint.layout import (
    CARD,
    FILES,
    POINTS,
    PREPROCESS,
    CheckpointConfig,
    checked_file,
    read_config,
    read_json,
    sha256,
)
from survviz.checkpoint.membership import IN_EVERY_FOLD, MISSHAPEN, Membership
from survviz.checkpoint.points import unpack_points
from survviz.checkpoint.reference import Reference
from survviz.checkpoint.weights import build, read_tensors, read_weights
from survviz.data.preprocess import Preprocess
from survviz.errors import CheckpointError, InputError
from survviz.evaluation import BreslowBaseline

if TYPE_CHECKING:
    from survviz.models import Model


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """All folds of one training run, with everything that was fitted for them.

    Attributes:
        folder: where it was read from.
        states: state dict of each fold.
        preprocesses: what each fold fitted on its own training part.
        baselines: of each fold, the cumulative hazard of a log-hazard of 0; None for discrete-time models.
        reference: the training cohort, scored by folds that did not train on it.
        membership: keyed hashes of the training cohort.
        card: the text of card.md.
        points: of each fold, what a case may be compared with (see `points`); empty in checkpoints of before.
    """

    folder: Path
    config: CheckpointConfig
    states: tuple[Mapping[str, Tensor], ...]
    preprocesses: tuple[Preprocess, ...]
    baselines: tuple[BreslowBaseline | None, ...]
    reference: Reference
    membership: Membership
    card: str
    points: tuple[Mapping[str, Tensor], ...] = ()

    @property
    def name(self) -> str:
        """Name given when it was trained."""
        return self.config.name

    @property
    def compared_with(self) -> str:
        """Who gives percentile and cut-off: the training cohort, or with a guarantee other patients."""
        return "training cohort" if self.config.guarantee is None else "reference patients"

    @property
    def n_folds(self) -> int:
        """Number of models."""
        return len(self.states)

    def model(self, fold: int) -> Model:
        """A fresh copy of one fold's model, in evaluation mode.

        Raises:
            InputError: there is no such fold.
        """
        return build(self.config.model, self.config.folds[self._checked(fold)], self.states[fold])

    def preprocess(self, fold: int) -> Preprocess:
        """What one fold fitted on its training part.

        Raises:
            InputError: there is no such fold.
        """
        return self.preprocesses[self._checked(fold)]

    def trained_on(self, case_id: str) -> set[int]:
        """Folds that saw a case in training or in choosing their epoch; empty for a case from outside."""
        tested_in = self.membership.tested_in(case_id)
        return set() if tested_in is None else set(range(self.n_folds)) - {tested_in}

    def _checked(self, fold: int) -> int:
        if not 0 <= fold < self.n_folds:
            raise InputError(f"Fold {fold} was asked; the checkpoint {self.name} has folds 0 to {self.n_folds - 1}.")
        return fold


def load_checkpoint(folder: str | Path, *, text_weights: str | Path | None = None) -> Checkpoint:
    """Read a checkpoint folder. Only safetensors, JSON and text are read; nothing in them is executed.

    Args:
        text_weights: model folder of the text encoder, where the checkpoint was trained with one that needs it.

    Raises:
        CheckpointError: a file is missing, altered since it was written, or does not fit the others.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise CheckpointError(f"{folder} is not a folder; a checkpoint is a folder with {', '.join(FILES)}.")
    config = read_config(folder)
    check_hashes(folder, config)
    states = read_weights(folder, config)
    document = read_json(folder, PREPROCESS)
    expected = {"folds", "reference", "membership", "baselines"}
    if document.keys() != expected:
        raise CheckpointError(f"{PREPROCESS} holds {sorted(document)}; expected {sorted(expected)}.")
    return Checkpoint(
        folder=folder,
        config=config,
        states=states,
        preprocesses=_preprocesses(document["folds"], len(states), text_weights),
        baselines=_baselines(document["baselines"], len(states)),
        reference=Reference.from_dict(document["reference"]),
        membership=_membership(document["membership"], len(states)),
        card=checked_file(folder, CARD).read_text(encoding="utf-8", errors="replace"),
        points=unpack_points(read_tensors(folder, POINTS), len(states)) if (folder / POINTS).exists() else (),
    )


def check_hashes(folder: Path, config: CheckpointConfig) -> None:
    """Compare every file but config.json with the hash that config.json gives for it.

    Raises:
        CheckpointError: a file is missing, was altered, or has no hash.
    """
    optional = (POINTS,) if POINTS in config.sha256 or (folder / POINTS).exists() else ()
    for name in (*FILES[1:], *optional):
        if name not in config.sha256:
            raise CheckpointError(f"{folder / FILES[0]} gives no hash of {name}.")
        if sha256(checked_file(folder, name)) != config.sha256[name]:
            raise CheckpointError(
                f"{folder / name} was altered or damaged after the checkpoint was written (its hash differs). "
                "Copy the checkpoint again."
            )


def read_preprocess(document: Any, text_weights: str | Path | None = None) -> Preprocess:
    """What one fold fitted, from its part of preprocess.json.

    Raises:
        CheckpointError: it is damaged.
    """
    try:
        return Preprocess.from_dict(document, text_weights=text_weights)
    except (InputError, ValidationError, *MISSHAPEN) as error:
        raise CheckpointError(f"The preprocessing in {PREPROCESS} is damaged ({error!r}).") from error


def _preprocesses(documents: Any, n_folds: int, text_weights: str | Path | None) -> tuple[Preprocess, ...]:
    if not isinstance(documents, list) or len(documents) != n_folds:
        raise CheckpointError(f"{PREPROCESS} does not hold the preprocessing of {n_folds} folds.")
    return tuple(read_preprocess(document, text_weights) for document in documents)


def _baselines(documents: Any, n_folds: int) -> tuple[BreslowBaseline | None, ...]:
    if not isinstance(documents, list) or len(documents) != n_folds:
        raise CheckpointError(f"{PREPROCESS} does not hold the baseline hazards of {n_folds} folds.")
    try:
        return tuple(None if one is None else BreslowBaseline.from_dict(one) for one in documents)
    except (InputError, *MISSHAPEN) as error:
        raise CheckpointError(f"A baseline hazard in {PREPROCESS} is damaged ({error!r}).") from error


def _membership(document: Any, n_folds: int) -> Membership:
    if not isinstance(document, dict):
        raise CheckpointError(f"{PREPROCESS} holds no list of training cases.")
    membership = Membership.from_dict(document)
    if any(not IN_EVERY_FOLD <= fold < n_folds for fold in membership.test_fold.values()):
        raise CheckpointError(f"The list of training cases names folds beyond the {n_folds} of the checkpoint.")
    return membership
