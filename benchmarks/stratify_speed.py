"""How long a change on Stratify takes: `python -m benchmarks.stratify_speed [--patients N]`, in seconds of one core.

Everything that one choice computes: the statistics, the figure as JSON, the tables. Patients are made up.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from survviz.figures.kaplan_meier import kaplan_meier_figure
from survviz.pipeline.cohort.multivariable import CoxPlan, fit_cox
from survviz.pipeline.cohort.observation import Observation
from survviz.pipeline.cohort.results import CohortResults
from survviz.pipeline.cohort.stratification import StratifyPlan, stratify
from survviz.pipeline.cohort.stratification_words import group_table, methods
from survviz.pipeline.cohort.validation import decide, recalibrated, subgroups, validate


def scored_cohort(n: int) -> CohortResults:
    """Patients with exponential times whose hazard is that which the curves state."""
    random = np.random.default_rng(0)
    risk = random.normal(size=n)
    death, censoring = random.exponential(size=n) * 40 * np.exp(-risk), random.uniform(1, 120, n)
    cases = pd.Index([f"case-{number}" for number in range(n)], name="case_id")
    times = np.linspace(0, 120, 61)
    clinical = {
        "Age": random.normal(62, 11, n).round(),
        "Sex": random.choice(np.array(["male", "female"], dtype=object), n),
        "Stage": random.choice(np.array(["I", "II", "III", "IV"], dtype=object), n),
    }
    outcome = pd.DataFrame({"time": np.minimum(death, censoring), "event": death <= censoring}, index=cases)
    return CohortResults(
        folder=Path(), checkpoint="made-up", checkpoint_sha256="", cohort=Path(), cohort_name="made up",
        table=pd.DataFrame({"risk": risk, "standing": "unseen"}, index=cases),
        survival=np.exp(-times / 40 * np.exp(risk)[:, None]), times=times, not_scored=pd.DataFrame(),
        clinical=pd.DataFrame(clinical, index=cases), fields=("Age", "Sex", "Stage"), outcomes={"OS": outcome},
        document={"cutoff": 0.0, "tertiles": [-0.4, 0.4]},
    )  # fmt: skip


def curves(results: CohortResults, plan: StratifyPlan) -> None:
    """What the tab Kaplan-Meier does after a change."""
    found = stratify(results, plan)
    kaplan_meier_figure(found.groups).to_json()
    group_table(found)
    methods(found)


def main() -> None:
    """Print a line per choice."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--patients", type=int, default=10_000)
    results, plain = scored_cohort(parser.parse_args().patients), Observation()
    choices: dict[str, Callable[[], object]] = {
        **{f"Kaplan-Meier, {kind}": lambda one=kind: curves(results, StratifyPlan.model_validate({"groups": one}))
           for kind in ("trained cut-off", "quartiles", "best cut-off")},
        "Kaplan-Meier, Stage": lambda: curves(results, StratifyPlan(groups="clinical", column="Stage")),
        "Kaplan-Meier, landmark": lambda: curves(results, StratifyPlan(landmark=12)),
        "Cox, 3 covariates": lambda: fit_cox(results, CoxPlan(covariates=("Age", "Sex", "Stage"))),
        "Validation": lambda: validate(results, plain),
        "Recalibration": lambda: recalibrated(results, plain, 36.0),
        "Decision curve": lambda: decide(results, plain, 36.0),
        "Subgroups": lambda: subgroups(results, plain, ("Age", "Sex", "Stage"), 36.0),
    }  # fmt: skip
    curves(results, StratifyPlan())  # imports
    for name, choice in choices.items():
        start = time.process_time()
        choice()
        print(f"{name:32s} {time.process_time() - start:6.2f} s")


if __name__ == "__main__":
    main()
