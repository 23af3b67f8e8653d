"""Statistics of survival predictions: pure float64 functions over arrays. What is undefined raises, with its reason."""

from __future__ import annotations

from survviz.evaluation.agreement import Agreement, agreement
from survviz.evaluation.breslow import BreslowBaseline
from survviz.evaluation.brier import brier_score, integrated_brier_score
from survviz.evaluation.calibration import Calibration, CalibrationGroup, calibration_at
from survviz.evaluation.censoring import CensoringDistribution
from survviz.evaluation.concordance import (
    StratumConcordance,
    WithinStrata,
    bootstrap_ci,
    comparable_pairs,
    concordance_index,
    within_strata_concordance,
)
from survviz.evaluation.d_calibration import DCalibration, d_calibration, survival_at_own_time
from survviz.evaluation.dynamic_auc import DynamicAuc, cumulative_dynamic_auc
from survviz.evaluation.interpolation import survival_at
from survviz.evaluation.kaplan_meier import KaplanMeier, LogRank, kaplan_meier, logrank, median_follow_up
from survviz.evaluation.km_calibration import KaplanMeierCalibrator
from survviz.evaluation.localisation import LocalisationScore, auroc, auroc_ci
from survviz.evaluation.outcomes import UndefinedMetricError
from survviz.evaluation.paired import (
    PairedDifference,
    ResampledT,
    corrected_resampled_t,
    holm,
    over_cohorts,
    paired_bootstrap,
)
from survviz.evaluation.per_time import PerTime
from survviz.evaluation.resampling import Interval
from survviz.evaluation.summary import Estimate, summarise
from survviz.evaluation.uno_concordance import uno_concordance

__all__ = [
    "Agreement",
    "BreslowBaseline",
    "Calibration",
    "CalibrationGroup",
    "CensoringDistribution",
    "DCalibration",
    "DynamicAuc",
    "Estimate",
    "Interval",
    "KaplanMeier",
    "KaplanMeierCalibrator",
    "LocalisationScore",
    "LogRank",
    "PairedDifference",
    "PerTime",
    "ResampledT",
    "StratumConcordance",
    "UndefinedMetricError",
    "WithinStrata",
    "agreement",
    "auroc",
    "auroc_ci",
    "bootstrap_ci",
    "brier_score",
    "calibration_at",
    "comparable_pairs",
    "concordance_index",
    "corrected_resampled_t",
    "cumulative_dynamic_auc",
    "d_calibration",
    "holm",
    "integrated_brier_score",
    "kaplan_meier",
    "logrank",
    "median_follow_up",
    "over_cohorts",
    "paired_bootstrap",
    "summarise",
    "survival_at",
    "survival_at_own_time",
    "uno_concordance",
    "within_strata_concordance",
]
