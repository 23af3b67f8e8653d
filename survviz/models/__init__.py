"""Survival models: one file per system, found by name. Importing this package does not import torch."""

from __future__ import annotations

from survviz.models.registry import create_model, list_models, model_config, register

__all__ = ["create_model", "list_models", "model_config", "register"]
