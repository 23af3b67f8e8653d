"""Text encoders by name: a sentence becomes a vector. The default needs no download and no weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from survviz.data.hashed_ngrams import HashedNgrams
from survviz.data.text_models import Conch, Musk, SentenceTransformers
from survviz.errors import InputError, UnknownNameError


class TextEncoder(Protocol):
    """What turns sentences into vectors.

    Attributes:
        revision: what pins its weights or its code.
        dim: width of a vector.
    """

    @property
    def name(self) -> str: ...
    @property
    def revision(self) -> str: ...
    @property
    def dim(self) -> int: ...

    def encode(self, sentences: Sequence[str]) -> NDArray[np.float32]:
        """(T, dim), one row per sentence."""
        ...


_MODELS: Mapping[str, Callable[[Path], TextEncoder]] = {
    "sentence-transformers": SentenceTransformers,
    "conch": Conch,
    "musk": Musk,
}


def list_text_encoders() -> list[str]:
    """Names that `create_text_encoder` takes."""
    return sorted([HashedNgrams.name, *_MODELS])


def create_text_encoder(name: str = HashedNgrams.name, *, weights: str | Path | None = None) -> TextEncoder:
    """A text encoder by name.

    Args:
        weights: local folder or file of the model; all but the default need it. Nothing is downloaded.

    Raises:
        UnknownNameError: there is no such encoder.
        InputError: its weights or its package are missing.
    """
    if name == HashedNgrams.name:
        return HashedNgrams()
    if name not in _MODELS:
        raise UnknownNameError("text encoder", name, list_text_encoders())
    if weights is None:
        raise InputError(
            f"The text encoder {name!r} needs its weights: give the local path of the model (weights=...)."
        )
    path = Path(weights)
    if not path.exists():
        raise InputError(
            f"The weights of text encoder {name!r} are not at {path}. Download them first; survviz does not."
        )
    return _MODELS[name](path)
