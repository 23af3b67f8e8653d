"""What lifelines and scikit-survival are asked; scikit-survival is GPL and used here and in tests only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from benchmarks.cells.evaluation import Patients


def outcome(p: Patients) -> NDArray[Any]:
    """As scikit-survival wants it."""
    from sksurv.util import Surv

    return Surv.from_arrays(p.event, p.time)


def lifelines_c(p: Patients) -> float:
    from lifelines.utils import concordance_index

    return float(concordance_index(p.time, -p.risk, p.event))


def sksurv_c(p: Patients) -> float:
    from sksurv.metrics import concordance_index_censored

    return float(concordance_index_censored(p.event, p.time, p.risk)[0])


def sksurv_uno(p: Patients, tau: float) -> float:
    from sksurv.metrics import concordance_index_ipcw

    return float(concordance_index_ipcw(outcome(p), outcome(p), p.risk, tau=tau)[0])


def sksurv_auc(p: Patients) -> tuple[NDArray[np.float64], float]:
    from sksurv.metrics import cumulative_dynamic_auc

    return cumulative_dynamic_auc(outcome(p), outcome(p), p.risk, p.times)


def sksurv_ibs(p: Patients) -> float:
    from sksurv.metrics import integrated_brier_score

    return float(integrated_brier_score(outcome(p), outcome(p), p.survival, p.times))


def lifelines_curve(p: Patients) -> NDArray[np.float64]:
    from lifelines import KaplanMeierFitter

    return KaplanMeierFitter().fit(p.time, p.event).survival_function_.to_numpy()[:, 0]


def sksurv_curve(p: Patients) -> object:
    from sksurv.nonparametric import kaplan_meier_estimator

    return kaplan_meier_estimator(p.event, p.time, conf_type="log-log")


def lifelines_logrank(p: Patients) -> float:
    from lifelines.statistics import logrank_test

    high = p.risk > 0
    return float(logrank_test(p.time[high], p.time[~high], p.event[high], p.event[~high]).test_statistic)


def sksurv_logrank(p: Patients) -> object:
    from sksurv.compare import compare_survival

    return compare_survival(outcome(p), p.risk > 0)


def sksurv_panel(p: Patients) -> None:
    """The six of goal 6."""
    sksurv_c(p)
    sksurv_uno(p, 100.0)
    sksurv_auc(p)
    sksurv_ibs(p)
    sksurv_curve(p)
    sksurv_logrank(p)
