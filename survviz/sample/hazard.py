"""The stated hazard: which planted quantities decide survival, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

import numpy as np

STAGE_MEAN = 1.32
"""Mean of the stage coded 0 to 3."""

_MEANS = {"stage": STAGE_MEAN}

COEFFICIENTS: dict[str, float] = {
    "pleomorphism": 1.00,
    "tumour_area": 0.20,
    "hypoxia": 1.00,
    "proliferation": 1.00,
    "angiogenesis": 0.40,
    "age": 1.00,
    "stage": 0.90,
    "pleomorphism_if_hypoxic": 1.80,
    "tumour_area_x_hypoxia": 0.30,
    "lymphocytes_if_inflamed": -2.40,
}
"""Larger than in any real cancer, so that 200 cases are enough to learn from; lymphocytes are those in the tumour."""

FORMULA = (
    "log_hazard = sum(coefficient * term); S(t) = exp(-(t / scale)^shape * exp(log_hazard)). "
    "pleomorphism, tumour_area, lymphocytes, hypoxia, proliferation, angiogenesis, t_cell_inflammation and age are "
    "standard normal; stage is 0 to 3 minus 1.32. pleomorphism_if_hypoxic = pleomorphism / (1 + exp(-2.5 * hypoxia)); "
    "tumour_area_x_hypoxia = tumour_area * hypoxia; "
    "lymphocytes_if_inflamed = lymphocytes / (1 + exp(-2.5 * t_cell_inflammation))."
)
WEIBULL_SHAPE = 1.3
WEIBULL_SCALE_MONTHS = 60.0
ACCRUAL_MONTHS = (20.0, 110.0)
"""Staggered entry: at the data cut a case has been followed for a uniform time in this range."""
LOSS_MONTHS = 400.0
"""Mean time to loss to follow-up."""

PATHOLOGY = ("pleomorphism", "tumour_area")
GENOMIC = ("hypoxia", "proliferation", "angiogenesis")
CLINICAL = ("age", "stage")


@dataclass(frozen=True, slots=True)
class Latent:
    """What is planted in a case; standard normal, `stage` from 0 to 3."""

    pleomorphism: float
    tumour_area: float
    lymphocytes: float
    hypoxia: float
    t_cell_inflammation: float
    angiogenesis: float
    proliferation: float
    age: float
    stage: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """Observed follow-up."""

    time_months: float
    event: bool


def draw_latent(rng: np.random.Generator) -> Latent:
    """Independent, but proliferation goes a little with pleomorphism, and inflammation with lymphocytes."""
    drawn = dict(zip((item.name for item in fields(Latent)), rng.standard_normal(8).tolist(), strict=False))
    drawn["proliferation"] = 0.3 * drawn["pleomorphism"] + 0.954 * drawn["proliferation"]
    drawn["t_cell_inflammation"] = 0.25 * drawn["lymphocytes"] + 0.968 * drawn["t_cell_inflammation"]
    return Latent(**drawn, stage=int(rng.choice(4, p=(0.25, 0.33, 0.27, 0.15))))


def terms(latent: Latent) -> dict[str, float]:
    """The terms of the log-hazard before their coefficients."""
    return _terms(asdict(latent))


def _terms(value: Mapping[str, float]) -> dict[str, float]:
    return {name: float(value[name]) for name in (*PATHOLOGY, *GENOMIC, "age")} | {
        "stage": value["stage"] - STAGE_MEAN,
        "pleomorphism_if_hypoxic": value["pleomorphism"] * _gate(value["hypoxia"]),
        "tumour_area_x_hypoxia": value["tumour_area"] * value["hypoxia"],
        "lymphocytes_if_inflamed": value["lymphocytes"] * _gate(value["t_cell_inflammation"]),
    }


def _gate(value: float) -> float:
    """Near 0 where a programme is low, near 1 where it is high."""
    return float(1 / (1 + np.exp(-2.5 * value)))


def log_hazard(value: dict[str, float]) -> float:
    """Sum of the terms with their coefficients."""
    return float(sum(COEFFICIENTS[name] * value[name] for name in COEFFICIENTS))


def single_modality(latent: Latent) -> dict[str, float]:
    """The best log-hazard that knows one modality only, the others being unknown (gates half open)."""
    value = terms(latent)
    parts = {"pathology": PATHOLOGY, "genomic": GENOMIC, "clinical": CLINICAL}
    known = {modality: sum(COEFFICIENTS[n] * value[n] for n in names) for modality, names in parts.items()}
    for name, planted in (
        ("lymphocytes_if_inflamed", latent.lymphocytes),
        ("pleomorphism_if_hypoxic", latent.pleomorphism),
    ):
        known["pathology"] += COEFFICIENTS[name] * 0.5 * planted
    return known


def effects(latent: Latent) -> dict[str, float]:
    """What each planted quantity adds: log-hazard of the case minus its log-hazard with the quantity at its mean.

    They need not add up, since some quantities work through others.
    """
    whole = log_hazard(terms(latent))
    return {
        item.name: whole - log_hazard(_terms({**asdict(latent), item.name: _MEANS.get(item.name, 0.0)}))
        for item in fields(Latent)
    }


def draw_outcome(rng: np.random.Generator, log_hazard: float) -> Outcome:
    """Weibull survival under staggered follow-up; times in months, at least a tenth."""
    exposure = -np.log(rng.random()) * np.exp(-log_hazard)
    death = WEIBULL_SCALE_MONTHS * exposure ** (1 / WEIBULL_SHAPE)
    censored = min(rng.uniform(*ACCRUAL_MONTHS), rng.exponential(LOSS_MONTHS))
    return Outcome(round(max(float(min(death, censored)), 0.1), 1), bool(death <= censored))
