"""LiRA against the private trainer, and attributes of training patients guessed through the model.

Every shadow is a whole run of the trainer on those of a pool for whom a fair coin fell; each is attacked in turn with
all others as shadows. The same runs say what a patient's presence in the training adds to guessing an attribute of
theirs: the attacker has the rest of the record and the outcome, and asks the model under which value the outcome is
likelier; averaged over models with the patient, and over models without.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import NDArray

from benchmarks.privacy_audits.runs import DELTA, coins, likelihoods
from survviz.models import Model
from survviz.privacy.membership import attribute_inference, confidence, likelihood_ratio, membership, memorising
from survviz.training.dp_sgd import Examples
from survviz.training.private_run import PrivateTrainer

ATTRIBUTES: Mapping[str, tuple[str, str]] = {
    "Sex": ("female", "male"),
    "Race": ("black or african american", "white"),
    "Prior malignancy": ("yes", "no"),
}
"""Field -> the value that is guessed, and the one that it is told from."""
RARE = 150  # training patients of a cancer type, in the whole cohort


@dataclass(frozen=True, slots=True)
class Shadows:
    """What many models say of one pool of patients.

    Attributes:
        member: who was in which training.
        own: confidence of each model in each patient's own outcome.
        guesses: attribute -> by how much likelier the outcome is under the value that is guessed.
    """

    member: Bool[NDArray, "S n"]
    own: Float[NDArray, "S n"]
    guesses: Mapping[str, Float[NDArray, "S n"]]


def shadow_runs(
    trainer: PrivateTrainer, ids: tuple[str, ...], epsilon: float, count: int, progress: Callable[[int], None]
) -> Shadows:
    """Train all shadows; the coins depend on their number alone, so that every epsilon has the same members."""
    pool = trainer.select(ids)
    member = np.stack([coins(len(ids), 1_000 + number) for number in range(count)])
    own, guesses = [], {name: [] for name in ATTRIBUTES}
    for number in range(count):
        inside = [case_id for case_id, seen in zip(ids, member[number], strict=True) if seen]
        model = trainer.train(inside, seed=number, epsilon=epsilon, delta=DELTA).model
        own.append(confidence(likelihoods(model, pool)))
        for name, values in ATTRIBUTES.items():
            guesses[name].append(_likelier(trainer, model, pool, name, values))
        progress(number + 1)
    return Shadows(member, np.stack(own), {name: np.stack(rows) for name, rows in guesses.items()})


def membership_rows(shadows: Shadows, groups: Mapping[str, Bool[NDArray, " n"]]) -> dict[str, Any]:
    """LiRA of every model in turn, over all patients and within groups, and with confidences that memorised."""
    found = {"all": _attack(shadows.own, shadows.member)}
    found |= {name: _attack(shadows.own[:, rows], shadows.member[:, rows]) for name, rows in groups.items()}
    return found | {"control": _attack(memorising(shadows.own, shadows.member), shadows.member)}


def attribute_rows(shadows: Shadows, values: Mapping[str, NDArray[np.str_]]) -> dict[str, Any]:
    """Area under the curve of every attribute's guess, with and without the patient in the training."""
    found: dict[str, Any] = {}
    for name, guess in shadows.guesses.items():
        yes, no = ATTRIBUTES[name]
        known = np.isin(values[name], (yes, no))
        truth = values[name][known] == yes
        inside, outside = (_mean(guess, seen)[known] for seen in (shadows.member, ~shadows.member))
        learnt = np.where(truth, 1.0, -1.0)  # as a model would that learnt the attribute of its patients by heart
        control = attribute_inference(truth, inside + learnt * inside.std(), outside)
        found[name] = asdict(attribute_inference(truth, inside, outside)) | {"control": asdict(control)}
    return found


def strata(pool: Examples, cancer_type: NDArray[np.str_], sizes: Mapping[str, int]) -> dict[str, Bool[NDArray, " n"]]:
    """Groups in which leaks are looked for: who died, who was censored, rare and common cancer types."""
    event = pool.event.numpy()
    rare = np.array([sizes[name] < RARE for name in cancer_type])
    return {"died": event, "censored": ~event, "rare cancer type": rare, "common cancer type": ~rare}


def _attack(own: Float[NDArray, "S n"], member: Bool[NDArray, "S n"]) -> dict[str, Any]:
    """LiRA, every model in turn; every coin is one guess. Those of one model share its shadows, not its coins."""
    others = [np.arange(len(own)) != number for number in range(len(own))]
    ratios = [likelihood_ratio(own[i], own[rest], member[rest]) for i, rest in enumerate(others)]
    found = membership(np.concatenate(ratios), member.ravel(), delta=DELTA)
    return asdict(found) | {"detections": {str(rate): list(value) for rate, value in found.detections.items()}}


def _mean(values: Float[NDArray, "S n"], chosen: Bool[NDArray, "S n"]) -> Float[NDArray, " n"]:
    return np.where(chosen, values, 0.0).sum(axis=0) / chosen.sum(axis=0)


def _likelier(
    trainer: PrivateTrainer, model: Model, pool: Examples, name: str, values: tuple[str, str]
) -> Float[NDArray, " n"]:
    """Log-likelihood of every outcome with one value in the record, less that with the other."""
    yes, no = (likelihoods(model, _with(trainer, pool, name, value)) for value in values)
    return yes - no


def _with(trainer: PrivateTrainer, pool: Examples, name: str, value: str) -> Examples:
    """The same patients, all with one value of a field."""
    columns = list(trainer.preprocess.clinical.fields[name])
    lit = trainer.preprocess.clinical.columns.index(f"{name}={value}")
    clinical = pool.inputs.vectors["clinical"].clone()
    clinical[:, columns] = 0.0
    clinical[:, lit] = 1.0
    vectors = {**pool.inputs.vectors, "clinical": clinical}
    return replace(pool, inputs=replace(pool.inputs, vectors=vectors))
