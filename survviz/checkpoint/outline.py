"""A checkpoint without its weights: what its models are made of, and what was fitted for the first of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from survviz.checkpoint.checkpoint import read_preprocess
from survviz.checkpoint.layout import PREPROCESS, CheckpointConfig, read_config, read_json
from survviz.checkpoint.weights import skeleton
from survviz.data.preprocess import Preprocess
from survviz.errors import CheckpointError
from survviz.models import Model


@dataclass(frozen=True, slots=True)
class Outline:
    """Enough to say what a checkpoint reads; about a hundredth of the memory of loading it.

    Attributes:
        config: its settings.
        model: the first fold's, on the meta device: it can be asked about itself, and cannot run.
        preprocess: the first fold's.
    """

    config: CheckpointConfig
    model: Model
    preprocess: Preprocess


def load_outline(folder: str | Path) -> Outline:
    """Read the settings of a checkpoint. Hashes are compared when it is loaded, not here.

    Raises:
        CheckpointError: the folder, its settings or its preprocessing are missing or damaged.
    """
    folder = Path(folder)
    config = read_config(folder)
    documents = read_json(folder, PREPROCESS).get("folds")
    if not config.folds or not isinstance(documents, list) or len(documents) != len(config.folds):
        raise CheckpointError(f"{folder / PREPROCESS} does not hold the preprocessing of {len(config.folds)} folds.")
    return Outline(config, skeleton(config.model, config.folds[0]), read_preprocess(documents[0]))
