"""Survival models: one file per system, found by name. Importing this package does not import torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from survviz.models.registry import create_model, list_models, model_class, model_config, register

if TYPE_CHECKING:
    from survviz.models.base import Model

__all__ = ["Model", "create_model", "list_models", "model_class", "model_config", "register"]


def __getattr__(name: str) -> object:
    if name == "Model":
        from survviz.models.base import Model

        return Model
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
