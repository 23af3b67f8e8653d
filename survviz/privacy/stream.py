"""Random bytes that only the owner of a key can draw, and draw again: one stream per purpose and step.

A training run that was killed must not draw other noise for a step that it has already taken, or somebody could compare
the two. So a run draws one key from the operating system, and every step takes its bytes from SHAKE-256 of the key, a
purpose and the number of the step (an extendable-output function; FIPS 202).
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool
from numpy.typing import NDArray

from survviz.errors import PrivacyError

KEY_BYTES = 32


def new_key() -> bytes:
    """A key from the operating system; as secret as the patients' data until the run is over, then of no use."""
    return secrets.token_bytes(KEY_BYTES)


def commitment(key: bytes) -> str:
    """Hash of a key: names the run in a ledger, and tells nothing of the key."""
    return hashlib.sha256(b"survviz run key" + key).hexdigest()


@dataclass(slots=True)
class SecretStream:
    """Bytes of one purpose in one step; the same again for the same key."""

    key: bytes
    purpose: str
    step: int
    _block: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        if len(self.key) != KEY_BYTES:
            raise PrivacyError(f"A key of {len(self.key)} bytes was given; expected {KEY_BYTES}, as `new_key` draws.")

    def __call__(self, size: int) -> bytes:
        """The next bytes of the stream."""
        name = f"{self.purpose}|{self.step}|{self._block}".encode()
        self._block += 1
        return hashlib.shake_256(self.key + name).digest(size)


def poisson_batch(n: int, rate: float, stream: SecretStream) -> Bool[NDArray, " n"]:
    """Who is in a batch: every patient independently, with a probability of at most `rate` (short of it by 2^-64).

    Raises:
        PrivacyError: the rate is not in (0, 1].
    """
    if not 0 < rate <= 1:
        raise PrivacyError(f"A sampling rate of {rate:g} was given; expected a number above 0 and at most 1.")
    numerator, denominator = rate.as_integer_ratio()
    threshold = (numerator << 64) // denominator
    drawn = np.frombuffer(stream(8 * n), dtype="<u8")
    return drawn < np.uint64(threshold) if threshold < 1 << 64 else np.ones(n, dtype=bool)
