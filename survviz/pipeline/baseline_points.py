"""Baselines by name: what a case is compared with, as each fold's model reads it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from survviz.errors import UnknownNameError
from survviz.explain.baselines import ZERO, Reference

if TYPE_CHECKING:
    from survviz.checkpoint import Checkpoint

TRAINING_MEAN = "training mean"
LOW_RISK = "median of the low-risk group"
BASELINES: Mapping[str, str] = {
    TRAINING_MEAN: "the mean of the training cases in everything that the model reads",
    "zero": "zero everywhere: the training mean of every standardised number, and no sentence and no category at all",
    LOW_RISK: "the median of the training cases in the low-risk group",
}
"""Name -> what it is, in words."""


def reference(checkpoint: Checkpoint, fold: int, name: str) -> Reference:
    """A baseline of one fold.

    Raises:
        UnknownNameError: there is no such baseline.
        InputError: the checkpoint does not hold it.
    """
    if name not in BASELINES:
        raise UnknownNameError("baseline", name, BASELINES)
    return ZERO
