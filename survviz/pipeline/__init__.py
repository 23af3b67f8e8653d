"""Files -> Case -> Prediction -> PatchScores."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from survviz.pipeline.files import case_from_files
    from survviz.pipeline.predictor import Predictor

__all__ = ["Predictor", "case_from_files"]


def __getattr__(name: str) -> object:
    """Import torch only when a predictor is asked for."""
    if name == "Predictor":
        from survviz.pipeline.predictor import Predictor

        return Predictor
    if name == "case_from_files":
        from survviz.pipeline.files import case_from_files

        return case_from_files
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
