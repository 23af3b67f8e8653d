"""Tensors of a checkpoint: one safetensors file for all folds, read after every name and shape has been checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor
from torch.overrides import TorchFunctionMode

from survviz.checkpoint.layout import WEIGHTS, CheckpointConfig, checked_file
from survviz.errors import CheckpointError, InputError
from survviz.models import create_model

if TYPE_CHECKING:
    from survviz.models import Model


def pack(states: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """State dicts of all folds under names fold0.*, fold1.*, ..."""
    return {
        f"fold{fold}.{name}": value.detach().cpu().contiguous()
        for fold, state in enumerate(states)
        for name, value in state.items()
    }


def read_tensors(folder: Path, name: str) -> dict[str, Tensor]:
    """Every tensor of a safetensors file.

    Raises:
        CheckpointError: it is missing, too large or damaged.
    """
    path = checked_file(folder, name)
    try:
        with safe_open(path, framework="pt") as file:
            return {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} is not a readable safetensors file ({error}). Copy it again.") from error


def read_weights(folder: Path, config: CheckpointConfig) -> tuple[dict[str, Tensor], ...]:
    """State dict of each fold; names and shapes are compared with the configuration before a tensor is read.

    Raises:
        CheckpointError: a tensor is missing, unexpected, or of another shape or type.
    """
    path = checked_file(folder, WEIGHTS)
    expected = {
        f"fold{fold}.{name}": (tuple(value.shape), value.dtype)
        for fold, settings in enumerate(config.folds)
        for name, value in skeleton(config.model, settings).state_dict().items()
    }
    try:
        with safe_open(path, framework="pt") as file:
            shapes = {key: tuple(file.get_slice(key).get_shape()) for key in file.keys()}  # noqa: SIM118
            _compare({name: shape for name, (shape, _) in expected.items()}, shapes)
            tensors = {key: file.get_tensor(key) for key in shapes}
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} is not a readable safetensors file ({error}). Copy it again.") from error
    for name, (_, dtype) in expected.items():
        if tensors[name].dtype != dtype:
            raise CheckpointError(f"Tensor {name} of {path} is {tensors[name].dtype}; expected {dtype}.")
    prefixes = [f"fold{fold}." for fold in range(len(config.folds))]
    return tuple({n.removeprefix(p): v for n, v in tensors.items() if n.startswith(p)} for p in prefixes)


def build(name: str, settings: Mapping[str, Any], state: Mapping[str, Tensor]) -> Model:
    """A model in evaluation mode with given weights; leaves torch's global generator as it was."""
    with torch.random.fork_rng(devices=[]):
        model = create_model(name, **settings)
    model.load_state_dict(dict(state))
    return model.eval()


class _ShapesOnly(TorchFunctionMode):
    """Leaves out what works in place, such as `nn.init`: without values it does nothing.

    On the meta device some of it would import torch._dynamo and sympy, which cost seconds and 70 MiB.
    """

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        in_place = func.__name__.endswith("_") and not func.__name__.endswith("__")
        tensor = args[0] if args else (kwargs or {}).get("tensor")
        if in_place and isinstance(tensor, Tensor) and func is not Tensor.requires_grad_:
            return tensor
        return func(*args, **(kwargs or {}))


def skeleton(name: str, settings: Mapping[str, Any]) -> Model:
    """A model on the meta device: names, shapes and what it says of itself, without memory for values.

    Raises:
        CheckpointError: it cannot be built from these settings.
    """
    try:
        with torch.device("meta"), _ShapesOnly():
            return create_model(name, **settings)
    except InputError as error:
        raise CheckpointError(f"The checkpoint's model cannot be built. {error}") from error


def _compare(expected: Mapping[str, tuple[int, ...]], given: Mapping[str, tuple[int, ...]]) -> None:
    missing, unexpected = sorted(expected.keys() - given.keys()), sorted(given.keys() - expected.keys())
    if missing or unexpected:
        raise CheckpointError(
            f"{WEIGHTS} does not fit the configuration: {len(missing)} tensors are missing "
            f"({', '.join(missing[:3]) or 'none'}), {len(unexpected)} are unexpected "
            f"({', '.join(unexpected[:3]) or 'none'})."
        )
    for name, shape in expected.items():
        if given[name] != shape:
            raise CheckpointError(f"Tensor {name} has shape {given[name]}; the configuration expects {shape}.")
