"""From folds to the reference of a checkpoint: every case by the one model that never saw it, also beside clinic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from survviz.checkpoint import FoldScore, Reference
from survviz.checkpoint.validation import AgainstClinic, Difference
from survviz.data.cohort import Cohort
from survviz.data.splits import Split
from survviz.data.tables import is_missing
from survviz.errors import InputError
from survviz.evaluation import PairedDifference, UndefinedMetricError, concordance_index, paired_bootstrap, summarise
from survviz.evaluation.concordance import within_strata_concordance
from survviz.evaluation.summary_bootstrap import affordable
from survviz.training.config import TrainConfig
from survviz.training.fold import FoldResult, run_fold
from survviz.types import Case

STRATUM = "Cancer type"
NOT_RECORDED = "not recorded"
RESAMPLES = 1000


def out_of_fold(cohort: Cohort, folds: Sequence[FoldResult]) -> pd.DataFrame:
    """Index case_id, sorted; columns risk, fold, time (months), event; each risk from the fold that tested the case."""
    tests = [fold.test for fold in folds]
    risk = (
        pd.concat([pd.Series(one.risk, index=list(one.case_ids)) for one in tests]).rename_axis("case_id").sort_index()
    )
    fold_of = pd.Series({case_id: index for index, one in enumerate(tests) for case_id in one.case_ids})
    return pd.DataFrame(
        {
            "risk": risk,
            "fold": fold_of.loc[risk.index],
            "time": cohort.time.loc[risk.index].astype(float),
            "event": cohort.event.loc[risk.index].astype(bool),
        }
    )


def curves_of(folds: Sequence[FoldResult], ids: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Times (T,) of all folds together, and (n, T) S of the cases in order; NaN beyond a fold's follow-up."""
    times = np.unique(np.concatenate([fold.test.times for fold in folds]))
    rows: dict[str, NDArray[np.float64]] = {}
    for fold in folds:
        for case_id, curve in zip(fold.test.case_ids, fold.test.survival, strict=True):
            rows[case_id] = np.interp(times, np.append(0.0, fold.test.times), np.append(1.0, curve), right=np.nan)
    return times, np.stack([rows[case_id] for case_id in ids])


def reference_of(
    cohort: Cohort,
    risks: pd.DataFrame,
    curves: tuple[NDArray[np.float64], NDArray[np.float64]],
    scores: Sequence[FoldScore] = (),
    clinic: AgainstClinic | None = None,
) -> Reference:
    """The training cohort as its own folds see it; weights against censoring come from all its cases.

    Args:
        risks: as `out_of_fold` gives them.
        curves: times (T,) and S (n, T) of the cases in that order, NaN beyond the end of a curve.
        scores: of each fold.
    """
    risk, time, event = (risks[name].to_numpy() for name in ("risk", "time", "event"))
    estimates = summarise(
        risk, time, event, survival=curves[1], times=curves[0], train_time=time, train_event=event,
        cutoff=float(np.median(risk)), strata=cancer_types(cohort, list(risks.index)), n_resamples=RESAMPLES,
    )  # fmt: skip
    return Reference.of(risk, time, event, tuple(scores), estimates=estimates, clinic=clinic)


def against_clinic(
    cohort: Cohort,
    config: TrainConfig,
    splits: Sequence[Split],
    risks: pd.DataFrame,
    *,
    cases: Mapping[str, Case],
    device: torch.device | None = None,
) -> AgainstClinic | None:
    """The out-of-fold risks beside those of Cox on clinic, fitted on the same folds; None where there is no clinic.

    A case without clinical data gets the risk of no information, as it may well be scored by other modalities.
    """
    shared = {"n_bins": config.n_bins, "ties": config.ties, "seed": config.seed, "threads": config.threads}
    baseline = TrainConfig.model_validate(
        {"model": "cox", "modalities": ("clinical",), "preprocess": _clinical_settings(config), **shared}
    )
    try:
        folds = [
            run_fold(
                cohort, baseline, split, modalities=("clinical",), cases=cases, seed=config.seed * 1000 + i,
                device=device,
            )
            for i, split in enumerate(splits)
        ]  # fmt: skip
    except InputError:
        if any(case.clinical for case in cases.values()):
            raise
        return None
    clinic = out_of_fold(cohort, folds)["risk"].loc[risks.index].to_numpy()
    strata = cancer_types(cohort, list(risks.index))
    try:
        pooled = _difference(risks, clinic)
    except UndefinedMetricError:
        return None
    return AgainstClinic(
        n_cases=len(risks),
        n_events=int(risks["event"].sum()),
        fields=folds[0].preprocess.templates.tokens,
        pooled=pooled,
        within=None if strata is None else _difference(risks, clinic, strata),
    )


def cancer_types(cohort: Cohort, ids: list[str]) -> NDArray[np.str_] | None:
    """Cancer type of each case; None where there is one type only."""
    if STRATUM not in cohort.clinical.columns:
        return None
    values = cohort.clinical.loc[ids, STRATUM]
    labels = np.array([NOT_RECORDED if is_missing(value) else str(value) for value in values])
    return labels if len(np.unique(labels)) > 1 else None


def _clinical_settings(config: TrainConfig) -> dict[str, object]:
    shared = ("clinical_tokens", "templates", "text_encoder", "text_weights")
    return {name: config.preprocess[name] for name in shared if name in config.preprocess}


def _difference(risks: pd.DataFrame, clinic: NDArray[np.float64], strata: NDArray[np.str_] | None = None) -> Difference:
    risk, time, event = (risks[name].to_numpy() for name in ("risk", "time", "event"))
    n_resamples = affordable(len(risk), int(event.sum()), 2 * RESAMPLES)
    found: PairedDifference = paired_bootstrap(risk, clinic, time, event, strata=strata, n_resamples=n_resamples)
    if strata is None:
        alone = concordance_index(clinic, time, event)
    else:
        alone = within_strata_concordance(clinic, time, event, strata).value
    return Difference(clinic=alone, difference=found.difference, low=found.low, high=found.high, p_value=found.p_value)
