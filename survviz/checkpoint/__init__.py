"""The checkpoint folder: safetensors, JSON and a card. Reading one never executes anything from it."""

from __future__ import annotations

from survviz.checkpoint.checkpoint import Checkpoint, load_checkpoint
from survviz.checkpoint.doctor import Check, doctor
from survviz.checkpoint.reference import FoldScore, Metrics, Reference
from survviz.checkpoint.writing import save_checkpoint

__all__ = [
    "Check",
    "Checkpoint",
    "FoldScore",
    "Metrics",
    "Reference",
    "doctor",
    "load_checkpoint",
    "save_checkpoint",
]
