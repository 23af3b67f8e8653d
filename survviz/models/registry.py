"""Names of models. A model is a file in this package whose class carries `@register`; nothing else is edited."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

import survviz.models
from survviz.errors import InputError, UnknownNameError

if TYPE_CHECKING:
    from survviz.models.base import Model
    from survviz.models.inputs import ModelConfig

    ModelClass = TypeVar("ModelClass", bound=type[Model])

_MODELS: dict[str, type[Model]] = {}


def register(name: str) -> Callable[[ModelClass], ModelClass]:
    """Class decorator that makes a model known by a name.

    Raises:
        ValueError: another class already has this name.
    """

    def add(model: ModelClass) -> ModelClass:
        if name in _MODELS and _MODELS[name].__qualname__ != model.__qualname__:
            raise ValueError(f"two models are called {name!r}")
        model.name = name
        _MODELS[name] = model
        return model

    return add


def list_models() -> list[str]:
    """Names of every registered model, sorted."""
    for module in pkgutil.iter_modules(survviz.models.__path__, prefix="survviz.models."):
        importlib.import_module(module.name)
    return sorted(_MODELS)


def model_class(name: str) -> type[Model]:
    """The class behind a name.

    Raises:
        UnknownNameError: no model has this name.
    """
    names = list_models()
    if name not in _MODELS:
        raise UnknownNameError("model", name, names)
    return _MODELS[name]


def model_config(name: str) -> type[ModelConfig]:
    """The pydantic class that holds a model's settings."""
    return model_class(name).Config


def create_model(name: str, **config: Any) -> Model:
    """Build a model with fresh weights, drawn from torch's global generator.

    Args:
        name: as in `list_models()`.
        config: fields of its `Config`; those not given keep the published sizes.

    Raises:
        UnknownNameError: no model has this name.
        InputError: a setting is unknown or out of range.
    """
    model = model_class(name)
    try:
        return model(model.Config(**config))
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'config'}: {e['msg']}" for e in error.errors())
        raise InputError(f"Model {name!r} cannot be built from its configuration: {problems}.") from error
