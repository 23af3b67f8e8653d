"""Memory that steps use again: on a CPU, fresh pages cost more than what is written to them."""

from __future__ import annotations

import ctypes
import math
import sys

import torch
from torch import Tensor

KEPT = 512 * 2**20
"""Bytes at most that the C library keeps when they are freed, instead of giving them back at once."""
LARGEST_ON_HEAP = 32 * 2**20
"""Bytes; glibc takes no more. What is larger is mapped on its own and given back when freed."""
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3


class PatchMemory:
    """Memory for the patches of several batches, used again and again.

    Fresh pages cost a CPU more than what is written to them. A batch's patches last until `n_batches` more were made.
    """

    def __init__(self, n_batches: int, dtype: torch.dtype) -> None:
        self._held = [torch.empty(0, dtype=dtype) for _ in range(n_batches)]
        self._next = 0

    def __call__(self, shape: tuple[int, int, int]) -> Tensor:
        """(B, N, D), of any content."""
        at, n = self._next, math.prod(shape)
        if self._held[at].numel() < n:
            self._held[at] = self._held[at].new_empty(n)
        self._next = (at + 1) % len(self._held)
        return self._held[at][:n].view(shape)


def keep_freed_memory() -> None:
    """Let this process keep what a step frees for the next step; without effect where the C library is not glibc."""
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, LARGEST_ON_HEAP)
        mallopt(M_TRIM_THRESHOLD, KEPT)
