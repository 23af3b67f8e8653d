"""Who the folds were trained on, without names: keyed hashes of case ids."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from survviz.checkpoint.layout import PREPROCESS, read_json
from survviz.errors import CheckpointError

MISSHAPEN = (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError)
"""What JSON of another form raises where it is taken apart."""

IN_EVERY_FOLD = -1
"""Instead of a fold: a case that was trained on and that no fold tested."""


@dataclass(frozen=True, slots=True)
class Membership:
    """Keyed hash of each case of the training cohort -> the one fold that tested it, or `IN_EVERY_FOLD`.

    The key lies beside the hashes, so this hides ids from a reader and from a search, not from somebody who tries a
    list of known ids.
    """

    key: bytes
    test_fold: Mapping[str, int]

    @classmethod
    def of(cls, test_fold: Mapping[str, int]) -> Membership:
        """Hash case ids under a fresh key."""
        key = secrets.token_bytes(32)
        hashed = {_hash(key, case_id): fold for case_id, fold in test_fold.items()}
        return cls(key, dict(sorted(hashed.items())))

    def tested_in(self, case_id: str) -> int | None:
        """The fold that did not train on a case, or `IN_EVERY_FOLD`; None if the case was never seen at all."""
        return self.test_fold.get(_hash(self.key, case_id))

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"algorithm": "hmac-sha256", "key": self.key.hex(), "test_fold": dict(self.test_fold)}

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Membership:
        """From JSON.

        Raises:
            CheckpointError: the document does not follow the format.
        """
        try:
            key = bytes.fromhex(document["key"])
            folds = {str(name): int(fold) for name, fold in document["test_fold"].items()}
        except MISSHAPEN as error:
            raise CheckpointError(
                f"The list of training cases is damaged ({error!r}). Copy the checkpoint again."
            ) from error
        if document.get("algorithm") != "hmac-sha256" or len(key) != 32:
            raise CheckpointError("The list of training cases is not an hmac-sha256 list with a key of 32 bytes.")
        return cls(key, folds)


def read_membership(folder: str | Path) -> Membership:
    """The training cases of a checkpoint, read without its models.

    Raises:
        CheckpointError: the file that holds them is missing or damaged.
    """
    document = read_json(Path(folder), PREPROCESS).get("membership")
    if not isinstance(document, dict):
        raise CheckpointError(f"{PREPROCESS} of {folder} holds no list of training cases. Copy the checkpoint again.")
    return Membership.from_dict(document)


def _hash(key: bytes, case_id: str) -> str:
    return hmac.new(key, case_id.strip().encode(), hashlib.sha256).hexdigest()[:32]
