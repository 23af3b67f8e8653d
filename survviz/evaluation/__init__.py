"""Statistics of survival predictions: pure float64 functions over arrays. What is undefined raises, with its reason."""

from __future__ import annotations

from survviz.evaluation.breslow import BreslowBaseline
from survviz.evaluation.concordance import Interval, bootstrap_ci, comparable_pairs, concordance_index
from survviz.evaluation.interpolation import survival_at
from survviz.evaluation.kaplan_meier import KaplanMeier, LogRank, kaplan_meier, logrank, median_follow_up
from survviz.evaluation.km_calibration import KaplanMeierCalibrator
from survviz.evaluation.localisation import LocalisationScore, auroc, auroc_ci
from survviz.evaluation.outcomes import UndefinedMetricError

__all__ = [
    "BreslowBaseline",
    "Interval",
    "KaplanMeier",
    "KaplanMeierCalibrator",
    "LocalisationScore",
    "LogRank",
    "UndefinedMetricError",
    "auroc",
    "auroc_ci",
    "bootstrap_ci",
    "comparable_pairs",
    "concordance_index",
    "kaplan_meier",
    "logrank",
    "median_follow_up",
    "survival_at",
]
