"""Goal 11: Cox's model with standard errors, beside lifelines and scikit-survival."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from benchmarks.harness import Block, Cell, Setting
from survviz.evaluation import cox

SIZES = {"20": (1_000, 10_000, 100_000), "300": (3_000, 10_000)}
LARGE = 100_000


def cohort(n: int, p: int) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Standard normal covariates, a twentieth of which matter; times in thousandths, so that few are tied."""
    random = np.random.default_rng(0)
    x = random.normal(size=(n, p))
    risk = x[:, : max(1, p // 20)] @ np.full(max(1, p // 20), 0.3)
    death, censoring = random.exponential(size=n) * 40 * np.exp(-risk), random.exponential(75.0, size=n)
    return x, np.minimum(death, censoring).round(3) + 0.001, death <= censoring


def blocks(setting: Setting, p: str) -> Iterator[Block]:
    """By number of patients."""
    for n in (400,) if setting.quick else SIZES[p]:
        yield block(n, 5 if setting.quick else int(p))


def large(setting: Setting) -> Iterator[Block]:
    """300 covariates of 100,000 patients: a minute for each peer."""
    yield block(400 if setting.quick else LARGE, 5 if setting.quick else 300)


def block(n: int, p: int) -> Block:
    """Ours and both peers, each fitted to the same patients, with standard errors where it has them."""
    import pandas as pd
    from lifelines import CoxPHFitter
    from sksurv.linear_model import CoxPHSurvivalAnalysis
    from sksurv.util import Surv

    x, time, event = cohort(n, p)
    terms = [f"x{i}" for i in range(p)]
    frame = pd.DataFrame(x, columns=terms).assign(time=time, event=event)
    outcome = Surv.from_arrays(event, time)
    kept: dict[str, NDArray[np.float64]] = {}

    def ours() -> None:
        model = cox(x, time, event, terms=terms)
        kept["ours"], kept["errors"] = model.coefficients, model.errors

    def lifelines() -> None:
        model = CoxPHFitter().fit(frame, "time", "event")
        kept["lifelines"], kept["lifelines errors"] = model.params_.to_numpy(), model.standard_errors_.to_numpy()

    def sksurv() -> None:
        kept["scikit-survival"] = CoxPHSurvivalAnalysis(ties="efron").fit(x, outcome).coef_

    def check() -> Mapping[str, float]:
        pairs = {"coefficients, lifelines": ("ours", "lifelines"), "errors, lifelines": ("errors", "lifelines errors"),
                 "coefficients, scikit-survival": ("ours", "scikit-survival")}  # fmt: skip
        return {
            f"largest difference of {name}": float(np.abs(kept[a] - kept[b]).max()) for name, (a, b) in pairs.items()
        }

    said = f"{n:,} patients, {p} covariates"
    return [
        Cell(said, "Efron's ties, with standard errors and residuals", ours, check=check,
             against=(f"{said}, lifelines", f"{said}, scikit-survival")),
        Cell(f"{said}, lifelines", "CoxPHFitter, with standard errors", lifelines),
        Cell(f"{said}, scikit-survival", "CoxPHSurvivalAnalysis, Efron's ties, has no standard errors", sksurv),
    ]  # fmt: skip
