"""One synthetic patient: what is planted, what the tables say, what the slides shall show, what is missing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from survviz.sample import hazard
from survviz.sample.hazard import Latent, Outcome
from survviz.sample.plan import ARTEFACTS, SlidePlan

STAGES = ("I", "II", "III", "IV")
SHOWPIECE_PX = (7424, 6144)
MISSING = {"sex": 0.0, "age": 0.01, "stage": 0.03, "grade": 0.08, "histology": 0.03, "smoking": 0.15}


@dataclass(frozen=True, slots=True)
class SampleCase:
    """A patient.

    Attributes:
        terms: of the log-hazard, before their coefficients.
        clinical: field -> value; a missing one is empty.
        slides: plans of all slides; none if the slide is lost.
        has_rna, has_mirna: whether the assay was done.
    """

    case_id: str
    latent: Latent
    terms: dict[str, float]
    log_hazard: float
    outcome: Outcome
    clinical: dict[str, str | int]
    slides: tuple[SlidePlan, ...]
    has_rna: bool
    has_mirna: bool


def case_rng(seed: int, number: int, stream: int) -> np.random.Generator:
    """Randomness of one case, whatever other cases there are."""
    return np.random.default_rng((seed, number, stream))


def draw_case(seed: int, number: int, size: tuple[int, int] | None = None) -> SampleCase:
    """Draw case `number` of a cohort. The first is the showpiece: complete, with every tissue, ink and a fold.

    Args:
        size: width and height of every slide in pixels; unless given they vary around 3500 x 3000.
    """
    rng = case_rng(seed, number, 0)
    latent = hazard.draw_latent(rng)
    value = hazard.terms(latent)
    eta = hazard.log_hazard(value)
    outcome = hazard.draw_outcome(rng, eta)
    squamous = bool(rng.random() < 0.4)
    case_id = f"SV{seed:02d}-{number + 1:04d}"
    lost = rng.random(3) < ((0.08, 0.06, 0.03) if number else 0)
    return SampleCase(
        case_id=case_id,
        latent=latent,
        terms=value,
        log_hazard=eta,
        outcome=outcome,
        clinical=_clinical(case_rng(seed, number, 1), latent, squamous, complete=number == 0),
        slides=() if lost[2] else _plans(case_rng(seed, number, 2), case_id, latent, squamous, number, size),
        has_rna=not lost[0],
        has_mirna=not lost[1],
    )


def _clinical(rng: np.random.Generator, latent: Latent, squamous: bool, *, complete: bool) -> dict[str, str | int]:
    grade = int(np.digitize(latent.pleomorphism + rng.normal(0, 1.5), (-1.1, 1.0))) + 1
    row: dict[str, str | int] = {
        "age": int(np.clip(round(64 + 10.5 * latent.age), 28, 92)),
        "sex": "female" if rng.random() < 0.47 else "male",
        "stage": f"Stage {STAGES[latent.stage]}",
        "grade": f"G{grade}",
        "histology": "squamous cell carcinoma" if squamous else "adenocarcinoma",
        "smoking": str(rng.choice(("never", "former", "current"), p=(0.34, 0.41, 0.25))),
    }
    gone = rng.random(len(row))
    return {
        name: "" if not complete and chance < MISSING[name] else value
        for (name, value), chance in zip(row.items(), gone, strict=True)
    }


def _unit(value: float) -> float:
    """A standard normal value to (0, 1), nearly evenly."""
    return float(1 / (1 + np.exp(-1.5 * value)))


def _plans(
    rng: np.random.Generator, case_id: str, latent: Latent, squamous: bool, number: int, size: tuple[int, int] | None
) -> tuple[SlidePlan, ...]:
    """One slide, or two; what is not prognostic varies from slide to slide."""
    batch = int(rng.integers(0, 6))
    count = 1 + int(number > 0 and rng.random() < 0.12)
    return tuple(_plan(rng, f"{case_id}-DX{k + 1}", latent, squamous, batch, number == 0, size) for k in range(count))


def _plan(
    rng: np.random.Generator,
    slide_id: str,
    latent: Latent,
    squamous: bool,
    batch: int,
    showpiece: bool,
    size: tuple[int, int] | None,
) -> SlidePlan:
    width, height = (int(rng.integers(200, 241)) * 16, int(rng.integers(168, 209)) * 16)
    amounts = dict(zip(("necrosis", "fat", "normal", "vessels"), rng.beta(1.1, 1.3, 4).tolist(), strict=True))
    artefacts = tuple(name for name, chance in zip(ARTEFACTS, rng.random(len(ARTEFACTS)), strict=True) if chance < 0.11)
    if showpiece:
        width, height = SHOWPIECE_PX
        amounts = {"necrosis": 0.6, "fat": 0.6, "normal": 0.6, "vessels": 0.7}
        artefacts = ("pen-green", "pen-black", "fold", "blur", "dust")
    if size is not None:
        width, height = size
    return SlidePlan(
        slide_id=slide_id,
        width=width,
        height=height,
        seed=int(rng.integers(2**31)),
        pleomorphism=_unit(latent.pleomorphism),
        lymphocytes=_unit(latent.lymphocytes),
        tumour_share=0.18 + 0.27 * _unit(latent.tumour_area),
        gland_atypia=float(rng.uniform(0, 1)),
        inflammation=float(rng.uniform(0, 1)),
        squamous=squamous,
        stain=batch,
        artefacts=artefacts,
        **amounts,
    )
