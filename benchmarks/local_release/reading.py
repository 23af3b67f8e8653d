"""Who reads a noised record: a linear risk, fitted to clean or to noised training records, and how well it ranks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from numpy.typing import NDArray
from torch import nn

from benchmarks.local_release.records import Block, Patients, number
from survviz.evaluation import concordance_index, within_strata_concordance
from survviz.evaluation.resampling import draw_counts, resampled_concordance
from survviz.training.config import TrainConfig
from survviz.training.convex import ROUGH, Problem
from survviz.training.objective import Labels

PRIOR_SD = 1.0  # of every weight, on columns in [0, 1]; fixed beforehand
EDGES = (0.05, 0.95)  # of the training patients' risks: what a released risk is clipped to
RESAMPLES = 100
READ_BY_DEFAULT = ("age", "sex", "stage", "cancer type")

SETS: Mapping[str, tuple[str, ...]] = {
    "2 coordinates": ("age", "tier"),
    "4 coordinates": ("age", "tier", "stage", "sex"),
    "4 coordinates, type for tier": ("age", "cancer type", "stage", "sex"),
    "8 coordinates": ("age", "tier", "stage", "sex", "race", "prior malignancy", "miR-21", "miR-210"),
}
"""Chosen by what is generally known to matter, before anything was computed."""
RISK, PERCENTILE, WITHIN, WIDE = "risk", "risk percentile", "risk percentile, type public", "237 coordinates"
NAMES = (RISK, PERCENTILE, WITHIN, *SETS, WIDE)


def fitted(columns: Float[NDArray, "n p"], time: NDArray, event: NDArray) -> Float[NDArray, " p"]:
    """Weights of Cox's model under a normal prior of standard deviation `PRIOR_SD`."""
    labels = Labels(torch.zeros(len(time), dtype=torch.long), torch.tensor(event), torch.tensor(time), {})
    settings = TrainConfig(model="cox", modalities=("clinical",))
    problem = Problem(torch.tensor(columns - columns.mean(axis=0)), labels, "cox", "log-hazard", settings)
    start = nn.Linear(columns.shape[1], 1, bias=False, dtype=torch.float64)
    nn.init.zeros_(start.weight)
    found = problem.fit(start, torch.full((columns.shape[1],), PRIOR_SD, dtype=torch.float64), ROUGH)
    return found.weight.detach().numpy()[0]


def clean(blocks: Sequence[Block]) -> Float[NDArray, "n p"]:
    return np.hstack([block.columns for block in blocks])


def released(patients: Patients, name: str) -> tuple[Block, ...]:
    """What a set releases of every patient."""
    if name == WIDE:
        return patients.wide
    if name in SETS:
        return tuple(patients.blocks[block] for block in SETS[name])
    columns = clean([patients.blocks[block] for block in READ_BY_DEFAULT])
    known = patients.train
    risk = columns @ fitted(columns[known], patients.time[known], patients.event[known])
    if name == RISK:
        return (number(RISK, risk, *np.quantile(risk[known], EDGES)),)
    if name == PERCENTILE:
        return (number(PERCENTILE, _place(risk, risk[known])),)
    within = np.empty(len(risk))
    for kind in np.unique(patients.cancer_type):
        own = patients.cancer_type == kind
        within[own] = _place(risk[own], risk[own & known])
    public = patients.blocks["cancer type"]
    return (number(PERCENTILE, within), Block(public.name, public.columns, True, private=False))


def _place(values: NDArray[np.float64], among: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of the training patients with a lower risk."""
    return np.searchsorted(np.sort(among), values) / len(among)


@dataclass(frozen=True, slots=True)
class Scorer:
    """C-index of validation patients, with bands over patients.

    Attributes:
        counts: (R, n) how often each patient is drawn.
    """

    time: Float[NDArray, " n"]
    event: Bool[NDArray, " n"]
    cancer_type: NDArray[np.str_]
    counts: Float[NDArray, "R n"]

    @classmethod
    def of(cls, patients: Patients) -> Scorer:
        rows = ~patients.train
        counts = draw_counts(int(rows.sum()), RESAMPLES, seed=0)
        return cls(patients.time[rows], patients.event[rows], patients.cancer_type[rows], counts)

    def summary(self, risks: Sequence[Float[NDArray, " n"]]) -> dict[str, dict[str, float]]:
        """Pooled and within cancer type, over noise draws.

        Returns:
            mean and standard deviation over draws; `low` to `high`: 95 % of draws and resampled patients together.
        """
        pooled = [concordance_index(risk, self.time, self.event) for risk in risks]
        within = [within_strata_concordance(risk, self.time, self.event, self.cancer_type).value for risk in risks]
        return {"pooled": self._band(pooled, risks, None), "within": self._band(within, risks, self.cancer_type)}

    def _band(
        self, values: list[float], risks: Sequence[NDArray[np.float64]], labels: NDArray[np.str_] | None
    ) -> dict[str, float]:
        drawn = [resampled_concordance(risk, self.time, self.event, self.counts, labels=labels) for risk in risks]
        low, high = np.nanquantile(np.concatenate(drawn), [0.025, 0.975])
        spread = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
        found = {"mean": float(np.mean(values)), "sd": spread, "low": float(low), "high": float(high)}
        return {name: round(value, 4) for name, value in found.items()}
