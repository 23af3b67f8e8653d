"""bf16 where the hardware multiplies it, for the model call alone. Never fp16, which overflows without loss scaling."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Literal

import torch

from survviz.errors import InputError
from survviz.models import Model
from survviz.types import Inputs, Output

Precision = Literal["fp32", "bf16"]


def choose_precision(asked: str, device: torch.device) -> Precision:
    """What "auto" means on a device, and whether bf16 can be had.

    Raises:
        InputError: bf16 was asked for, and the device would only emulate it.
    """
    if asked == "fp32":
        return "fp32"
    if has_bf16(device):
        return "bf16"
    if asked == "bf16":
        raise InputError(
            f"precision 'bf16' was asked for, but this {device.type} has no instructions for it (AVX512_BF16, AMX, or "
            "a GPU of compute capability 8.0). Use 'fp32', or 'auto', which takes bf16 only where it is fast."
        )
    return "fp32"


def has_bf16(device: torch.device) -> bool:
    """Whether products of bf16 run at least as fast as those of fp32."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    # private, but the only place where torch tells; the public capability names AVX512 without its extensions
    return device.type == "cpu" and (torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def call(model: Model, inputs: Inputs, precision: Precision) -> Output:
    """The model's output in fp32, computed in the given precision; weights are cast inside, and stay fp32."""
    with _autocast(inputs, precision):
        output = model(inputs)
    if precision == "fp32":
        return output
    embeddings = {name: value.float() for name, value in output.embeddings.items()}
    return replace(output, logits=output.logits.float(), embeddings=embeddings)


def _autocast(inputs: Inputs, precision: Precision) -> AbstractContextManager[object]:
    if precision == "fp32":
        return nullcontext()
    return torch.autocast(inputs.patches.device.type, dtype=torch.bfloat16)
