"""One-run audits of real DP-SGD runs: gradients with a spare coordinate each, and records with a flipped outcome."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import NDArray
from torch import nn

from benchmarks.privacy_audits.runs import DELTA, coins, flipped, joined, likelihoods
from survviz.models import Model
from survviz.privacy.audit import BROKEN, one_run_audit
from survviz.privacy.membership import confidence, memorising
from survviz.privacy.stream import new_key
from survviz.training.dp_sgd import DpSgd
from survviz.training.private_run import PrivateTrainer

DIRAC, FLIPPED = 1000, 500


Scores: TypeAlias = tuple[Float[NDArray, " m"], Bool[NDArray, " m"]]


def audited_run(
    trainer: PrivateTrainer, ids: tuple[str, ...], reference: Model, *, noise_multiplier: float, seed: int
) -> tuple[Scores, Scores]:
    """Scores and coins of both kinds of canaries of one run.

    A Dirac canary's whole clipped gradient lies on a parameter that nothing else uses; the attacker sees every noised
    gradient. A flipped canary is a training record with the opposite outcome; the attacker sees the final model.

    Args:
        reference: trained without noise and without canaries: what the attacker compares confidences with.
    """
    config = trainer.config
    model = trainer.new_model(seed)
    model.spare = nn.Linear(1, DIRAC, bias=False)
    size = sum(one.numel() for one in model.parameters() if one.requires_grad)
    included = coins(DIRAC, seed)
    planted = np.zeros((int(included.sum()), size), dtype=np.float32)
    planted[np.arange(len(planted)), size - DIRAC + np.flatnonzero(included)] = 2 * config.clip
    there = coins(min(FLIPPED, len(ids)), seed + 10_000)
    chosen = np.random.default_rng(seed).choice(len(ids), len(there), replace=False)
    canaries = flipped(trainer.select([ids[i] for i in chosen]), len(trainer.preprocess.bins))
    examples = joined(trainer.select(ids), canaries.take(np.flatnonzero(there)))
    seen = np.zeros(DIRAC)

    def watch(_: int, released: Any) -> None:
        seen[:] += released[size - DIRAC :] / config.clip

    run = DpSgd(model, examples, config, noise_multiplier=noise_multiplier, key=new_key(), seed=seed, planted=planted)
    run.run(watch)
    felt = confidence(likelihoods(model, canaries)) - confidence(likelihoods(reference, canaries))
    return (seen, included), (felt, there)


def one_run(
    trainer: PrivateTrainer, ids: tuple[str, ...], reference: Model, epsilon: float, *, broken: bool, seed: int
) -> dict[str, Any]:
    """Both audits of one run, as a row.

    Args:
        broken: divide the noise, and nothing of the promise, by `BROKEN`: the audit has to catch that.
    """
    divided = BROKEN if broken else 1.0
    sigma = trainer.noise_multiplier(epsilon, DELTA) / divided
    (seen, included), (felt, there) = audited_run(trainer, ids, reference, noise_multiplier=sigma, seed=seed)
    dirac = one_run_audit(seen, included, claimed=epsilon, delta=DELTA)
    outcome = one_run_audit(felt, there, claimed=epsilon, delta=DELTA)
    control = one_run_audit(memorising(felt, there, gain=20.0), there, claimed=epsilon, delta=DELTA)
    row = {"epsilon": epsilon, "control": broken, "seed": seed, "steps": trainer.config.steps}
    found = {"gradients": dirac, "flipped_outcomes": outcome, "flipped_outcomes_memorised": control}
    return row | {name: asdict(one) | {"refuted": one.refuted, "words": one.words} for name, one in found.items()}
