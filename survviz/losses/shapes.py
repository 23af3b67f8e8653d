"""Shape checks of the losses: (B,) beside (B, 1) would broadcast to (B, B) and train on nonsense."""

from __future__ import annotations

import torch
from torch import Tensor

from survviz.errors import InputError


def check_per_case(like: Tensor, **tensors: Tensor) -> None:
    """One number in each tensor per row of `like`; `event` and `present` as booleans.

    Raises:
        InputError: another shape than (B,), or a mask that is not boolean.
    """
    n_cases = len(like) if like.ndim else 1
    for name, tensor in tensors.items():
        if tensor.shape != (n_cases,):
            raise InputError(
                f"{name} has shape {tuple(tensor.shape)}; expected ({n_cases},), one number per case. Reshape it."
            )
        if name in ("event", "present") and tensor.dtype != torch.bool:
            raise InputError(f"{name} has dtype {tensor.dtype}; expected booleans. Convert it.")


def check_same_shape(**tensors: Tensor) -> None:
    """Raise InputError unless all tensors have the same shape."""
    if len({tensor.shape for tensor in tensors.values()}) > 1:
        shapes = ", ".join(f"{name} {tuple(tensor.shape)}" for name, tensor in tensors.items())
        raise InputError(f"Tensors differ in shape: {shapes}; expected one shape for all.")
