"""Statistics of survival predictions: pure float64 functions over arrays. What is undefined raises, with its reason."""

from __future__ import annotations

from survviz.evaluation.agreement import Agreement, agreement
from survviz.evaluation.breslow import BreslowBaseline
from survviz.evaluation.brier import brier_score, integrated_brier_score
from survviz.evaluation.calibration import Calibration, CalibrationGroup, calibration_at
from survviz.evaluation.censoring import CensoringDistribution
from survviz.evaluation.closed_form import concordance_error
from survviz.evaluation.concordance import (
    StratumConcordance,
    WithinStrata,
    bootstrap_ci,
    comparable_pairs,
    concordance_index,
    within_strata_concordance,
)
from survviz.evaluation.cox import CoxModel, ProportionalHazards, cox, proportional_hazards
from survviz.evaluation.cutpoint import BestCutoff, best_cutoff
from survviz.evaluation.d_calibration import DCalibration, d_calibration, survival_at_own_time
from survviz.evaluation.decision_curve import DecisionCurve, decision_curve
from survviz.evaluation.dynamic_auc import DynamicAuc, cumulative_dynamic_auc
from survviz.evaluation.interpolation import survival_at
from survviz.evaluation.kaplan_meier import KaplanMeier, RiskTable, kaplan_meier, median_follow_up, risk_table
from survviz.evaluation.km_calibration import KaplanMeierCalibrator
from survviz.evaluation.localisation import LocalisationScore, auroc, auroc_ci
from survviz.evaluation.logrank import LogRank, PairwiseLogRank, logrank, pairwise_logrank
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
from survviz.evaluation.recalibration import Recalibration, recalibrate
from survviz.evaluation.resampling import Interval
from survviz.evaluation.rmst import (
    RestrictedMean,
    RestrictedMeanDifference,
    common_end,
    restricted_mean,
    restricted_mean_difference,
)
from survviz.evaluation.summary import Estimate, summarise
from survviz.evaluation.uno_concordance import uno_concordance

__all__ = [
    "Agreement",
    "BestCutoff",
    "BreslowBaseline",
    "Calibration",
    "CalibrationGroup",
    "CensoringDistribution",
    "CoxModel",
    "DCalibration",
    "DecisionCurve",
    "DynamicAuc",
    "Estimate",
    "Interval",
    "KaplanMeier",
    "KaplanMeierCalibrator",
    "LocalisationScore",
    "LogRank",
    "PairedDifference",
    "PairwiseLogRank",
    "PerTime",
    "ProportionalHazards",
    "Recalibration",
    "ResampledT",
    "RestrictedMean",
    "RestrictedMeanDifference",
    "RiskTable",
    "StratumConcordance",
    "UndefinedMetricError",
    "WithinStrata",
    "agreement",
    "auroc",
    "auroc_ci",
    "best_cutoff",
    "bootstrap_ci",
    "brier_score",
    "calibration_at",
    "common_end",
    "comparable_pairs",
    "concordance_error",
    "concordance_index",
    "corrected_resampled_t",
    "cox",
    "cumulative_dynamic_auc",
    "d_calibration",
    "decision_curve",
    "holm",
    "integrated_brier_score",
    "kaplan_meier",
    "logrank",
    "median_follow_up",
    "over_cohorts",
    "paired_bootstrap",
    "pairwise_logrank",
    "proportional_hazards",
    "recalibrate",
    "restricted_mean",
    "restricted_mean_difference",
    "risk_table",
    "summarise",
    "survival_at",
    "survival_at_own_time",
    "uno_concordance",
    "within_strata_concordance",
]
