"""Precomputed genomic tokens of a cohort: one `.npy` file per case."""

from __future__ import annotations

from pathlib import Path
from tokenize import TokenError

import numpy as np
from numpy.typing import NDArray

from survviz.data.barcodes import case_of
from survviz.data.cohort_file import CohortFile
from survviz.errors import InputError
from survviz.remote import at_hand, files_in

UNREADABLE = (
    OSError, ValueError, EOFError, TypeError, SyntaxError, TokenError, LookupError, ArithmeticError, MemoryError,
)  # fmt: skip
"""What numpy raises on damaged files, whose headers it reads as Python."""


def find_tokens(folder: Path, file: CohortFile, ids: frozenset[str]) -> dict[str, Path]:
    """Case id -> file of its precomputed genomic tokens.

    Raises:
        InputError: the folder that `cohort.toml` names is missing.
    """
    if file.genomic_tokens is None:
        return {}
    root = folder / file.genomic_tokens.folder
    if not root.is_dir():
        raise InputError(f"The token folder {root} does not exist (named under [genomic_tokens] in cohort.toml).")
    owners = ((case_of(path.stem, ids), path) for path in files_in(root) if path.suffix == ".npy")
    return {case: path for case, path in owners if case is not None}


def read_tokens(path: Path) -> NDArray[np.float32]:
    """Precomputed genomic embeddings of one case, (T, D) from a `.npy` file.

    Raises:
        InputError: not a `.npy` of finite numbers in two dimensions.
    """
    try:
        with at_hand(path) as file:
            tokens = np.load(file, mmap_mode="r", allow_pickle=False)  # refuses a shape that is larger than the file
    except UNREADABLE as error:
        raise InputError(f"The genomic tokens {path.name} cannot be read: {error}.") from error
    if not isinstance(tokens, np.memmap):
        raise InputError(f"{path.name} is an archive of arrays; expected one array (.npy).")
    if tokens.ndim != 2 or not np.issubdtype(tokens.dtype, np.floating) or not np.isfinite(tokens).all():
        raise InputError(
            f"{path.name} holds {tokens.dtype} of shape {tokens.shape}; expected finite numbers (tokens, width)."
        )
    return tokens.astype(np.float32)
