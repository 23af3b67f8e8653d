"""The guarantee that a trained model carries, with every public constant that it follows from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from survviz.privacy.accountant import TRAINING_OPEN, Training
from survviz.privacy.loss_distribution import STEP
from survviz.privacy.spec import PrivacySpec


class TrainingGuarantee(BaseModel):
    """What DP-SGD promises the training patients, and by what.

    Attributes:
        noise_multiplier: standard deviation of the noise over the clipping norm; 0 = none was added.
        sampling_rate: with which every patient enters a batch.
        clip: largest L2 norm of a patient's gradient.
        batch: public expected size of a batch, by which every sum is divided.
        patients: public number of training patients.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    spec: PrivacySpec
    noise_multiplier: float = Field(ge=0)
    sampling_rate: float = Field(gt=0, le=1)
    steps: int = Field(ge=1)
    clip: float = Field(gt=0)
    batch: int = Field(ge=1)
    patients: int = Field(ge=1)

    @classmethod
    def of(cls, noise_multiplier: float, *, delta: float, batch: int, patients: int, steps: int, clip: float) -> Self:
        """Certified by the accountant; without noise, the same run with no finite epsilon.

        Raises:
            PrivacyError: delta is not below 1 / patients, or a constant is out of range.
        """
        rate = batch / patients
        if noise_multiplier:
            spec = Training(noise_multiplier, rate, steps).spec(delta, patients)
        else:
            spec = _without_noise(rate, steps)
        return cls(
            spec=spec, noise_multiplier=noise_multiplier, sampling_rate=rate, steps=steps, clip=clip, batch=batch,
            patients=patients,
        )  # fmt: skip

    @property
    def training(self) -> Training | None:
        """What the accountant needs; None without noise."""
        return Training(self.noise_multiplier, self.sampling_rate, self.steps) if self.noise_multiplier else None

    @property
    def words(self) -> str:
        """The guarantee, its constants and what it does not cover, for a card."""
        return (
            f"{self.spec.words}\n\n"
            f"Public constants: {self.patients:,} patients, batches of {self.batch:,} expected (sampling rate "
            f"{self.sampling_rate:.4g}), {self.steps:,} steps, clipping norm {self.clip:g}, noise multiplier "
            f"{self.noise_multiplier:g}. Time bins, scales, lists of values and names are constants that no patient "
            "has influenced."
        )


def together(guarantees: Sequence[TrainingGuarantee], delta: float, step: float = 10 * STEP) -> float:
    """Epsilon at delta of publishing all these runs on the same patients; infinite if one of them had no noise.

    Privacy losses of independent runs add up; the sum is composed as the steps of one run are.
    """
    runs = [one.training for one in guarantees]
    known = [run for run in runs if run is not None]
    if not known or len(known) < len(runs):
        return math.inf
    pairs = [run.loss_distributions(step) for run in known]
    return max(
        reduce(lambda one, other: one.together(other), (pair[way] for pair in pairs)).epsilon(delta) for way in (0, 1)
    )


def _without_noise(rate: float, steps: int) -> PrivacySpec:
    return PrivacySpec(
        ledger="training",
        unit="one training patient, with everything that is known of them",
        neighbour="add or remove one",
        mechanism=f"SGD with Poisson sampling (rate {rate:.4g}, {steps} steps) and clipped gradients, without noise",
        epsilon=None,
        delta=0.0,
        composition="Nothing to compose.",
        protects="nothing",
        does_not_protect=("the training patients", *TRAINING_OPEN),
        reason="No noise was added, so the weights can tell whether somebody was among the training patients.",
    )
