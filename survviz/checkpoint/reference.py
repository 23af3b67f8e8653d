"""What a new risk is compared with: out-of-fold risks of the training cohort, its curves, and how well it all went."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from survviz.checkpoint.layout import first_problem
from survviz.checkpoint.validation import AgainstClinic
from survviz.errors import CheckpointError
from survviz.evaluation import (
    Estimate,
    Interval,
    KaplanMeier,
    UndefinedMetricError,
    bootstrap_ci,
    concordance_index,
    kaplan_meier,
    logrank,
    median_follow_up,
)

STRICT = ConfigDict(frozen=True, extra="forbid")
ROUNDING = 1e-5  # SD of the training risks; float32 on two processors differs by about a tenth of it


class FoldScore(BaseModel):
    """How one fold did on the cases that it never saw.

    Attributes:
        epoch: the epoch whose weights are kept, chosen on the inner validation part.
        c_index: None where it is undefined; `reason` then says why.
    """

    model_config = STRICT

    n_train: int
    n_validation: int
    n_test: int
    n_events_test: int
    epoch: int
    c_index: float | None
    reason: str = ""


class Metrics(BaseModel):
    """Discrimination on out-of-fold risks.

    Attributes:
        c_index: over all pairs of cases, also pairs scored by different folds.
        low: lower limit of its bootstrap interval over cases.
        high: upper limit.
        mean: mean of the folds' own C-indices.
        sd: their standard deviation (ddof 1).
        logrank_p: high against low group by out-of-fold risk; None where it is undefined.
    """

    model_config = STRICT

    c_index: float | None
    low: float | None = None
    high: float | None = None
    level: float = 0.95
    mean: float | None = None
    sd: float | None = None
    logrank_p: float | None = None
    reason: str = ""
    folds: tuple[FoldScore, ...] = ()


class _CurveDocument(BaseModel):
    model_config = STRICT

    times: list[float] = Field(min_length=1)
    survival: list[float]
    ci_low: list[float | None]
    ci_high: list[float | None]
    at_risk: list[int]
    n_events: list[int]
    n_censored: list[int]
    level: float


class _ReferenceDocument(BaseModel):
    model_config = STRICT

    risks: list[float] = Field(min_length=1)
    cutoff: float
    n_cases: int
    n_events: int
    median_follow_up: float | None
    curves: dict[str, _CurveDocument]
    metrics: Metrics
    tertiles: tuple[float, float] | None = None
    estimates: dict[str, Estimate] = {}
    clinic: AgainstClinic | None = None


@dataclass(frozen=True, slots=True)
class Reference:
    """The training cohort as seen by models that did not train on it.

    Attributes:
        risks: (n,) out-of-fold risks, sorted; each comes from the fold that never saw the case.
        cutoff: median of `risks`; above it is the high group.
        median_follow_up: months, by reverse Kaplan-Meier; None where it is undefined.
        curves: "all", "low", "high" -> Kaplan-Meier curve; a group without cases is left out.
        tertiles: of `risks`: the cut-offs of three groups. None in checkpoints of before, as what follows.
        estimates: out of fold, the statistics of `survviz.evaluation.summarise`, calibration among them.
        clinic: beside Cox on clinic; None where that was not asked for, or there is no clinic.
    """

    risks: NDArray[np.float64]
    cutoff: float
    n_cases: int
    n_events: int
    median_follow_up: float | None
    curves: Mapping[str, KaplanMeier]
    metrics: Metrics
    tertiles: tuple[float, float] | None = None
    estimates: Mapping[str, Estimate] = field(default_factory=dict)
    clinic: AgainstClinic | None = None

    @classmethod
    def of(
        cls,
        risk: NDArray[np.float64],
        time: NDArray[np.float64],
        event: NDArray[np.bool_],
        folds: tuple[FoldScore, ...] = (),
        *,
        estimates: Mapping[str, Estimate] | None = None,
        clinic: AgainstClinic | None = None,
    ) -> Reference:
        """Summarise out-of-fold risks, one per case."""
        cutoff = float(np.median(risk))
        groups = {"all": np.ones(len(risk), dtype=bool), "low": risk <= cutoff, "high": risk > cutoff}
        curves = {name: kaplan_meier(time[group], event[group]) for name, group in groups.items() if group.any()}
        return cls(
            risks=np.sort(risk),
            cutoff=cutoff,
            n_cases=len(risk),
            n_events=int(event.sum()),
            median_follow_up=median_follow_up(time, event),
            curves=curves,
            metrics=_metrics(risk, time, event, groups["high"], folds),
            tertiles=thirds(risk),
            estimates=dict(estimates or {}),
            clinic=clinic,
        )

    def percentile(self, risk: float) -> float:
        """Share (0 to 100) of the training cohort with a lower out-of-fold risk.

        Risks that differ by the rounding of another processor or another batch are equal, so that a training case is
        never above itself.
        """
        lower = risk - ROUNDING * float(self.risks.std())
        return 100 * float(np.searchsorted(self.risks, lower, side="left")) / len(self.risks)

    def to_dict(self) -> dict[str, Any]:
        """For JSON; NaN becomes null."""
        return {
            "risks": [float(f"{risk:.9g}") for risk in self.risks],
            "cutoff": self.cutoff,
            "n_cases": self.n_cases,
            "n_events": self.n_events,
            "median_follow_up": self.median_follow_up,
            "curves": {name: _curve_to_dict(curve) for name, curve in self.curves.items()},
            "metrics": self.metrics.model_dump(mode="json"),
            "tertiles": self.tertiles and list(self.tertiles),
            "estimates": {name: asdict(one) for name, one in self.estimates.items()},
            "clinic": self.clinic and self.clinic.model_dump(mode="json"),
        }

    @classmethod
    def from_dict(cls, document: Any) -> Reference:
        """From JSON.

        Raises:
            CheckpointError: the document does not follow the format.
        """
        try:
            parsed = _ReferenceDocument.model_validate(document)
        except ValidationError as error:
            problem = first_problem(error)
            raise CheckpointError(f"The reference of the training cohort is damaged: {problem}.") from error
        return cls(
            risks=np.sort(np.array(parsed.risks)),
            cutoff=parsed.cutoff,
            n_cases=parsed.n_cases,
            n_events=parsed.n_events,
            median_follow_up=parsed.median_follow_up,
            curves={name: _curve_from(curve) for name, curve in parsed.curves.items()},
            metrics=parsed.metrics,
            tertiles=parsed.tertiles,
            estimates=parsed.estimates,
            clinic=parsed.clinic,
        )


def thirds(risk: NDArray[np.float64]) -> tuple[float, float]:
    """The two cut-offs that leave a third of the cases on each side and between."""
    lower, upper = np.quantile(risk, [1 / 3, 2 / 3])
    return float(lower), float(upper)


def _metrics(
    risk: NDArray[np.float64],
    time: NDArray[np.float64],
    event: NDArray[np.bool_],
    high: NDArray[np.bool_],
    folds: tuple[FoldScore, ...],
) -> Metrics:
    """Pooled C-index with its interval, spread over folds, log-rank; what is undefined is None with its reason."""
    interval: Interval | None = None
    c_index, reason, p_value = None, "", None
    try:
        c_index = concordance_index(risk, time, event)
        interval = bootstrap_ci(risk, time, event)
        p_value = logrank(time, event, high).p_value
    except UndefinedMetricError as error:
        reason = str(error)
    per_fold = [fold.c_index for fold in folds if fold.c_index is not None]
    return Metrics(
        c_index=c_index,
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        mean=float(np.mean(per_fold)) if per_fold else None,
        sd=float(np.std(per_fold, ddof=1)) if len(per_fold) > 1 else None,
        logrank_p=p_value,
        reason=reason,
        folds=folds,
    )


def _curve_to_dict(curve: KaplanMeier) -> dict[str, Any]:
    def numbers(values: NDArray[np.float64]) -> list[float | None]:
        return [None if np.isnan(value) else round(float(value), 9) for value in values]

    return {
        "times": curve.times.tolist(),
        "survival": numbers(curve.survival),
        "ci_low": numbers(curve.ci_low),
        "ci_high": numbers(curve.ci_high),
        "at_risk": curve.at_risk.tolist(),
        "n_events": curve.n_events.tolist(),
        "n_censored": curve.n_censored.tolist(),
        "level": curve.level,
    }


def _curve_from(document: _CurveDocument) -> KaplanMeier:
    values = document.model_dump(exclude={"level"})
    lengths = {len(value) for value in values.values()}
    if len(lengths) != 1:
        raise CheckpointError(f"A Kaplan-Meier curve of the reference has columns of different lengths: {lengths}.")
    return KaplanMeier(
        times=np.array(document.times, dtype=np.float64),
        survival=np.array(document.survival, dtype=np.float64),
        ci_low=np.array(document.ci_low, dtype=np.float64),
        ci_high=np.array(document.ci_high, dtype=np.float64),
        at_risk=np.array(document.at_risk, dtype=np.int64),
        n_events=np.array(document.n_events, dtype=np.int64),
        n_censored=np.array(document.n_censored, dtype=np.int64),
        level=document.level,
    )
