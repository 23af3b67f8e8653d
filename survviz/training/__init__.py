"""Cross-validation of a model on a cohort, honestly: what is fitted or chosen never sees the test part."""

from __future__ import annotations

from survviz.training.config import TrainConfig
from survviz.training.cross_validation import TrainReport, cross_validate

__all__ = ["TrainConfig", "TrainReport", "cross_validate"]
