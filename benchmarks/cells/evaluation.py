"""Every metric of survviz.evaluation by number of patients, beside lifelines and scikit-survival where they have it.

Patients are made up: about 65 % events, times in tenths of a month and risks in thousandths, so that there are ties.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from benchmarks.cells import evaluation_peers as peers
from benchmarks.harness import Block, Cell, Setting
from survviz import evaluation as ours

QUICK = 300
MOST_QUADRATIC = 100_000
"""Patients above which scikit-survival's concordance, whose cost is quadratic, takes far more than 20 s."""
FEW_TIMES, MANY_TIMES = 10, 50
THRESHOLDS = np.linspace(0.05, 0.95, 91)


@dataclass(frozen=True, slots=True)
class Patients:
    """Outcomes and predictions.

    Attributes:
        times: at which AUC and Brier score are computed.
        survival: (n, T) S(t) at `times`.
    """

    time: NDArray[np.float64]
    event: NDArray[np.bool_]
    risk: NDArray[np.float64]
    times: NDArray[np.float64]
    survival: NDArray[np.float64]

    @property
    def outcomes(self) -> dict[str, NDArray]:
        """Of the training patients, who are the same."""
        return {"train_time": self.time, "train_event": self.event}


def patients(n: int) -> Patients:
    """Drawn from a seed."""
    random = np.random.default_rng(0)
    risk = random.normal(size=n).round(3)
    death, censoring = random.exponential(size=n) * 40 * np.exp(-risk), random.exponential(75.0, size=n)
    time = np.minimum(np.minimum(death, censoring).round(1) + 0.1, 150.0)
    times = np.linspace(3, 90, FEW_TIMES if n >= 100_000 else MANY_TIMES)
    survival = np.exp(-times / 40 * np.exp(risk)[:, None])
    return Patients(time, (death <= censoring) & (time < 150), risk, times, survival)


def blocks(setting: Setting, n: str) -> Iterator[Block]:
    """Every metric, each a block of its own with its peers."""
    given = patients(QUICK if setting.quick else int(n))
    for one in COMPARED:
        yield [cell for cell in one(given) if cell is not None]
    yield [Cell(name, "no peer has it", partial(work, given)) for name, work in ALONE.items()]


def compared(
    name: str, what: str, work: Callable[[], object], checks: Callable[[], dict[str, float]], *theirs: Cell | None
) -> list[Cell | None]:
    """Our cell before those of its peers."""
    names = tuple(cell.name for cell in theirs if cell is not None)
    return [Cell(name, what, work, against=names, check=checks if names else None), *theirs]


def harrell(p: Patients) -> list[Cell | None]:
    """Harrell's C."""
    work = partial(ours.concordance_index, p.risk, p.time, p.event)
    small = len(p.time) <= MOST_QUADRATIC
    by_lifelines, by_sksurv = partial(peers.lifelines_c, p), partial(peers.sksurv_c, p)
    return compared(
        "Harrell's C", "exact, ties counted one half", work,
        lambda: {"difference from lifelines": abs(work() - by_lifelines())},
        Cell("Harrell's C, lifelines", "concordance_index", by_lifelines),
        Cell("Harrell's C, scikit-survival", "concordance_index_censored", by_sksurv) if small else None,
    )  # fmt: skip


def uno(p: Patients) -> list[Cell | None]:
    """Uno's C."""
    work = partial(ours.uno_concordance, p.risk, p.time, p.event, tau=100.0, **p.outcomes)
    theirs = partial(peers.sksurv_uno, p, 100.0)
    small = len(p.time) <= MOST_QUADRATIC // 2
    return compared(
        "Uno's C", "weighted by 1 / G squared, up to 100 months", work,
        lambda: {"difference from scikit-survival": abs(work() - theirs())},
        Cell("Uno's C, scikit-survival", "concordance_index_ipcw", theirs) if small else None,
    )  # fmt: skip


def auc(p: Patients) -> list[Cell | None]:
    """Cumulative/dynamic AUC at every time."""
    work = partial(ours.cumulative_dynamic_auc, p.risk, p.time, p.event, p.times, **p.outcomes)
    theirs = partial(peers.sksurv_auc, p)
    return compared(
        "AUC(t)", f"{len(p.times)} times and their mean", lambda: work().mean,
        lambda: {"difference from scikit-survival": float(np.abs(work().values - theirs()[0]).max())},
        Cell("AUC(t), scikit-survival", "cumulative_dynamic_auc", theirs),
    )  # fmt: skip


def brier(p: Patients) -> list[Cell | None]:
    """Integrated Brier score."""

    def work() -> float:
        scores = ours.brier_score(p.survival, p.time, p.event, p.times, **p.outcomes)
        return ours.integrated_brier_score(scores)

    theirs = partial(peers.sksurv_ibs, p)
    return compared(
        "integrated Brier score", f"{len(p.times)} times", work,
        lambda: {"difference from scikit-survival": abs(work() - theirs())},
        Cell("integrated Brier score, scikit-survival", "integrated_brier_score", theirs),
    )  # fmt: skip


def curve(p: Patients) -> list[Cell | None]:
    """Kaplan-Meier."""
    work = partial(ours.kaplan_meier, p.time, p.event)
    theirs = partial(peers.lifelines_curve, p)
    return compared(
        "Kaplan-Meier", "with limits and numbers at risk", work,
        lambda: {"difference from lifelines": float(np.abs(work().survival - theirs()).max())},
        Cell("Kaplan-Meier, lifelines", "KaplanMeierFitter", theirs),
        Cell("Kaplan-Meier, scikit-survival", "kaplan_meier_estimator", partial(peers.sksurv_curve, p)),
    )  # fmt: skip


def log_rank(p: Patients) -> list[Cell | None]:
    """Of two groups."""
    work = partial(ours.logrank, p.time, p.event, p.risk > 0)
    theirs = partial(peers.lifelines_logrank, p)
    return compared(
        "log-rank", "two groups", work,
        lambda: {"relative difference from lifelines": abs(work().statistic / theirs() - 1)},
        Cell("log-rank, lifelines", "logrank_test", theirs),
        Cell("log-rank, scikit-survival", "compare_survival", partial(peers.sksurv_logrank, p)),
    )  # fmt: skip


def panel(p: Patients) -> list[Cell | None]:
    """The six above at once (goal 6)."""
    if len(p.time) > 10_000:
        return []

    def work() -> None:
        for one in (harrell, uno, auc, brier, curve, log_rank):
            own = one(p)[0]
            if own is not None:
                own.work()

    return compared(
        "panel of six", "C, Uno's C, AUC(t), integrated Brier score, Kaplan-Meier, log-rank", work, dict,
        Cell("panel of six, scikit-survival", "the same six", partial(peers.sksurv_panel, p)),
    )  # fmt: skip


COMPARED = (harrell, uno, auc, brier, curve, log_rank, panel)


def own_time(p: Patients) -> tuple[NDArray, NDArray]:
    """S at each patient's own time."""
    return ours.survival_at_own_time(p.survival, p.times, p.time, p.event)


def at_36(p: Patients) -> NDArray[np.float64]:
    """S at 36 months."""
    return np.exp(-36 / 40 * np.exp(p.risk))


def means(p: Patients, until: float) -> list[ours.RestrictedMean]:
    """Of high and low risk."""
    both = (p.risk > 0, p.risk <= 0)
    return [ours.restricted_mean(ours.kaplan_meier(p.time[rows], p.event[rows]), until) for rows in both]


ALONE: dict[str, Callable[[Patients], object]] = {
    "C within 20 strata": lambda p: ours.within_strata_concordance(p.risk, p.time, p.event, (p.risk * 1e3) % 20 // 1),
    "closed-form error of C": lambda p: ours.concordance_error(p.risk, p.time, p.event),
    "calibration at 36 months": lambda p: ours.calibration_at(at_36(p), p.time, p.event, 36.0),
    "D-calibration": lambda p: ours.d_calibration(*own_time(p)),
    "decision curve": lambda p: ours.decision_curve(at_36(p), p.time, p.event, 36.0, thresholds=THRESHOLDS),
    "restricted mean, difference": lambda p: ours.restricted_mean_difference(*means(p, 60.0)),
    "Breslow's baseline": lambda p: ours.BreslowBaseline.fit(p.risk, p.time, p.event),
    "AUROC of a map": lambda p: ours.auroc(p.risk, p.event),
    "summary without bootstrap": lambda p: ours.summarise(
        p.risk, p.time, p.event, survival=p.survival, times=p.times, cutoff=0.0, n_resamples=None, **p.outcomes
    ),
}  # fmt: skip
