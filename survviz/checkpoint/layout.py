"""Names, limits and strict JSON of a checkpoint folder."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from survviz.errors import CheckpointError
from survviz.privacy.guarantee import TrainingGuarantee

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
PREPROCESS = "preprocess.json"
GOLDEN = "golden.safetensors"
CARD = "card.md"
RUN_LOG = "training.jsonl"
POINTS = "baselines.safetensors"
"""Not in checkpoints of before; `survviz baselines` adds it."""
FILES = (CONFIG, WEIGHTS, PREPROCESS, GOLDEN, CARD)
MAX_BYTES = {
    CONFIG: 16 << 20,
    PREPROCESS: 256 << 20,
    WEIGHTS: 16 << 30,
    GOLDEN: 256 << 20,
    CARD: 1 << 20,
    POINTS: 256 << 20,
}

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$"


class CheckpointConfig(BaseModel):
    """What config.json holds.

    Attributes:
        model: name in the registry of models.
        folds: settings of each fold's model.
        purpose: what the checkpoint is for, in words, as its card says.
        training: settings of the training run.
        sha256: file name -> hash, of every other file.
        guarantee: what the training patients are promised; None = nothing. With it, reference and cut-off come from
            patients of another part of the split, and the checkpoint knows nobody of the training cohort.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["survviz-checkpoint-1"] = "survviz-checkpoint-1"
    name: str = Field(pattern=NAME_PATTERN)
    model: str = Field(max_length=100)
    folds: tuple[dict[str, Any], ...] = Field(min_length=1, max_length=100)
    purpose: str = Field(max_length=1000)
    cohort: str = Field(max_length=200)
    training: dict[str, Any] = {}
    created: str = Field(max_length=40)
    survviz: str = Field(max_length=40)
    sha256: dict[str, str] = {}
    guarantee: TrainingGuarantee | None = None


def checked_file(folder: Path, name: str) -> Path:
    """Path of a file that exists and is not absurdly large.

    Raises:
        CheckpointError: it is missing or over its limit.
    """
    path = folder / name
    if not path.is_file():
        raise CheckpointError(f"{folder} is not a complete checkpoint: {name} is missing. Expected {', '.join(FILES)}.")
    size = path.stat().st_size
    if size > MAX_BYTES[name]:
        raise CheckpointError(f"{path} has {size:,} bytes; at most {MAX_BYTES[name]:,} are read.")
    return path


def read_json(folder: Path, name: str) -> dict[str, Any]:
    """The object in a JSON file.

    Raises:
        CheckpointError: it is missing, too large, not JSON, or not an object.
    """
    path = checked_file(folder, name)
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is not valid JSON ({error}). Copy the checkpoint again.") from error
    if not isinstance(value, dict):
        raise CheckpointError(f"{path} holds a {type(value).__name__}; expected a JSON object.")
    return value


def read_config(folder: Path) -> CheckpointConfig:
    """The parsed config.json.

    Raises:
        CheckpointError: it is missing or does not follow the format.
    """
    document = read_json(folder, CONFIG)
    try:
        return CheckpointConfig.model_validate(document)
    except ValidationError as error:
        raise CheckpointError(f"{folder / CONFIG} does not follow the format: {first_problem(error)}.") from error


def first_problem(error: ValidationError) -> str:
    """The first thing that pydantic found, in words."""
    problem = error.errors()[0]
    return f"{'.'.join(map(str, problem['loc'])) or 'document'}: {problem['msg']}"


def to_json(document: dict[str, Any]) -> str:
    """Text of a JSON file; NaN is refused, because JSON has none."""
    return json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n"


def sha256(path: Path) -> str:
    """Hash of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
