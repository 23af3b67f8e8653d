"""What a run is recorded by: its settings without folders, and everything that its bits depend on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from survviz import __version__
from survviz.data.cohort import Cohort
from survviz.data.fingerprint import fingerprint, of_file, of_lines
from survviz.data.splits import Split
from survviz.training.config import TrainConfig
from survviz.training.processes import World
from survviz.types import Modality

PATHS = ("text_weights", "templates", "programmes")
"""Settings of the preprocessing that name a file."""


def identity(
    cohort: Cohort,
    config: TrainConfig,
    modalities: tuple[Modality, ...],
    splits: Sequence[Split],
    device: torch.device,
) -> dict[str, Any]:
    """What the bits of a run's result depend on: an unfinished run goes on only where all of this is the same."""
    files = {name: config.preprocess[name] for name in PATHS if config.preprocess.get(name)}
    return {
        "cohort": {"name": cohort.name, "content": fingerprint(cohort)},
        "settings": config.model_dump(mode="json"),
        "files": {name: {"content": of_file(Path(str(path)))} for name, path in files.items()},
        "splits": {"content": of_lines(map(str, splits))},
        "modalities": list(modalities),
        "device": device.type,
        "processes": World.current().size,
        "threads": config.threads or torch.get_num_threads(),
        "torch": str(torch.__version__),
        "survviz": __version__,
    }


def without_folders(config: TrainConfig) -> dict[str, Any]:
    """The settings for the record; of a file only its name, since folders say more about the machine than the run."""
    document = config.model_dump(mode="json")
    files = {name: Path(str(document["preprocess"][name])).name for name in PATHS if name in document["preprocess"]}
    if config.splits is not None and config.splits.file is not None:
        document["splits"]["file"] = Path(config.splits.file).name
    return {**document, "preprocess": {**document["preprocess"], **files}}
