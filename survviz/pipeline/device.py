"""Where models run: a GPU where there is one, in bfloat16; else the CPU in float32."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch

from survviz.errors import InputError


def choose_device(name: str = "auto") -> torch.device:
    """The device of that name; "auto" is CUDA, then Apple's MPS, then the CPU.

    Raises:
        InputError: the device is unknown or absent.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise InputError(f"Device {name!r} was given; expected auto, cpu, cuda or mps.") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise InputError("Device 'cuda' was given, but torch sees no GPU here. Use 'auto' or 'cpu'.")
    return device


def inference_precision(device: torch.device) -> AbstractContextManager[object]:
    """bfloat16 autocast on a GPU, float32 elsewhere."""
    if device.type == "cuda":
        return torch.autocast("cuda", dtype=torch.bfloat16)
    return nullcontext()


def ran_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that a tensor did not fit, on a GPU or in the machine's memory."""
    said = isinstance(error, RuntimeError) and "allocate memory" in str(error)  # torch has no class for it on a CPU
    return said or isinstance(error, MemoryError | torch.OutOfMemoryError)
