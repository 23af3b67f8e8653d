"""Who is compared: patients of a scored cohort whose outcome is known, from when on, and why the others are not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from survviz.errors import InputError
from survviz.pipeline.cohort.patient_groups import as_numbers, clinical_column
from survviz.pipeline.cohort.results import CohortResults
from survviz.units import MONTHS_PER_UNIT, TimeUnit


class Observation(BaseModel):
    """From when on patients are observed, and what for.

    Attributes:
        endpoint: of the results; None = the cohort's own.
        landmark: months; only patients under observation then are compared, from then on. None = from the start.
        entry_column: clinical column that says when observation began (left truncation); None = at time 0.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    endpoint: str | None = None
    landmark: float | None = None
    entry_column: str | None = None
    entry_unit: TimeUnit = "months"


@dataclass(frozen=True, slots=True)
class Observed:
    """Patients under observation, by case id.

    Attributes:
        entry: (n,) months; None where everybody is seen from 0.
        left_out: case id -> why.
    """

    cases: pd.Index
    time: NDArray[np.float64]
    event: NDArray[np.bool_]
    entry: NDArray[np.float64] | None
    endpoint: str
    left_out: Mapping[str, str]

    def of(self, cases: pd.Index) -> Observed:
        """Some of them, in their own order."""
        rows = self.cases.isin(cases)
        entry = None if self.entry is None else self.entry[rows]
        return Observed(self.cases[rows], self.time[rows], self.event[rows], entry, self.endpoint, self.left_out)


def observed(results: CohortResults, plan: Observation) -> Observed:
    """The patients whose outcome is known and who are seen at the landmark; the others with their reasons.

    Raises:
        InputError: the cohort lacks the endpoint or the entry column, or nobody is left.
    """
    endpoint = plan.endpoint or next(iter(results.outcomes), "")
    if endpoint not in results.outcomes:
        raise InputError(f"{results.cohort_name} has no endpoint {endpoint!r}; it has {', '.join(results.outcomes)}.")
    known = results.table.index[results.table.index.isin(results.outcomes[endpoint].index)]
    unknown = results.table.index.difference(known, sort=False)
    left_out = {str(case): f"The outcome {endpoint} is not known." for case in unknown}
    outcome = results.outcomes[endpoint].loc[known]
    time, event = outcome["time"].to_numpy(dtype=np.float64), outcome["event"].to_numpy(dtype=bool)
    entry = _entries(results, plan, known)
    seen = entry < time  # False where the entry is not recorded
    for row in np.flatnonzero(~seen):
        left_out[str(known[row])] = _why_never(plan, float(entry[row]), float(time[row]))
    if not seen.any():
        raise InputError(f"No patient of {results.cohort_name} is left to compare: {counted(left_out)}.")
    entries = entry[seen] if entry[seen].any() else None
    return Observed(known[seen], time[seen], event[seen], entries, endpoint, left_out)


def counted(left_out: Mapping[str, str]) -> str:
    """Reasons with how many patients each has, the most frequent first."""
    counts = pd.Series(list(left_out.values()), dtype=object).value_counts()
    return "; ".join(f"{n}: {reason}" for reason, n in counts.head(3).items()) or "there is none"


def _entries(results: CohortResults, plan: Observation, cases: pd.Index) -> NDArray[np.float64]:
    """(n,) months; NaN where it should be recorded and is not."""
    entry = np.zeros(len(cases))
    if plan.entry_column is not None:
        numbers = as_numbers(clinical_column(results, plan.entry_column))
        if numbers is None or (numbers < 0).any():
            raise InputError(
                f"{plan.entry_column!r} cannot say when observation began: it holds other values than times of 0 or "
                "more."
            )
        entry = numbers.loc[cases].to_numpy(dtype=np.float64) * MONTHS_PER_UNIT[plan.entry_unit]
    return np.maximum(entry, plan.landmark or 0.0)


def _why_never(plan: Observation, entry: float, time: float) -> str:
    if np.isnan(entry):
        return f"{plan.entry_column} is not recorded, so it is not known from when on it was observed."
    if plan.landmark and entry == plan.landmark:
        return f"Its follow-up ends before the landmark of {plan.landmark:g} months."
    return f"Its observation begins ({entry:.4g} months) when its follow-up has ended ({time:.4g})."
