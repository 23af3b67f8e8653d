"""From a cohort to a private model: who is protected, what it costs, and one run of DP-SGD that can be resumed."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray

from survviz.data.cohort import Cohort
from survviz.data.preprocess import Preprocess
from survviz.data.public_preprocess import PublicConstants, public_preprocess, read_constants
from survviz.errors import InputError
from survviz.models import Model, create_model, model_config
from survviz.privacy.accountant import noise_multiplier_for
from survviz.privacy.guarantee import TrainingGuarantee
from survviz.privacy.stream import new_key
from survviz.training.dp_sgd import DpSgd, Examples, OnStep
from survviz.training.private_config import PrivateConfig

AT_ONCE = 512


@dataclass(frozen=True, slots=True)
class PrivateModel:
    """What a run gave."""

    model: Model
    guarantee: TrainingGuarantee


class PrivateTrainer:
    """Patients prepared by public constants, ready to be trained on as often as an experiment asks.

    Attributes:
        preprocess: no patient has influenced it.
        examples: everybody who was asked for.
    """

    def __init__(self, cohort: Cohort, config: PrivateConfig, case_ids: Sequence[str] | None = None) -> None:
        self.config = config
        self.constants: PublicConstants = read_constants(config.constants)
        self.preprocess: Preprocess = public_preprocess(self.constants, config.modalities)
        self.examples = _examples(cohort, self.preprocess, tuple(case_ids or cohort.case_ids))
        self._row = {case_id: row for row, case_id in enumerate(self.examples.case_ids)}

    def noise_multiplier(self, epsilon: float, delta: float) -> float:
        """Smallest noise for a guarantee; 0 for an infinite epsilon."""
        if math.isinf(epsilon):
            return 0.0
        return _noise(epsilon, delta, self.config.sampling_rate, self.config.steps)

    def guarantee(self, noise_multiplier: float, delta: float) -> TrainingGuarantee:
        """What a run with this noise promises."""
        config = self.config
        return TrainingGuarantee.of(
            noise_multiplier, delta=delta, batch=config.batch, patients=config.patients, steps=config.steps,
            clip=config.clip,
        )  # fmt: skip

    def select(self, case_ids: Collection[str]) -> Examples:
        """Some of the prepared patients.

        Raises:
            InputError: one of them was not prepared.
        """
        unknown = [case_id for case_id in case_ids if case_id not in self._row]
        if unknown:
            raise InputError(f"{len(unknown)} patients were not prepared for training, {unknown[0]} among them.")
        return self.examples.take([self._row[case_id] for case_id in case_ids])

    def new_model(self, seed: int) -> Model:
        """A model that has seen nobody: seeded weights, the public hazard, and frozen but for what learns."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = create_model(self.config.model, **model_settings(self.config, self.preprocess))
        hazard = self.constants.hazard
        with torch.no_grad():
            model.output_layer.bias.fill_(math.log(hazard / (1 - hazard)))
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(not self.config.trained or name.startswith(self.config.trained))
        return model

    def start(
        self,
        case_ids: Collection[str],
        *,
        seed: int,
        noise_multiplier: float,
        key: bytes | None = None,
        planted: Float[NDArray, "m d"] | None = None,
    ) -> DpSgd:
        """A run before its first step.

        Args:
            case_ids: whom it is trained on; their number does not enter, `config.patients` does.
            key: of a run that is resumed; a new one otherwise.
            planted: gradients of canaries (`DpSgd`).
        """
        return DpSgd(
            self.new_model(seed), self.select(case_ids), self.config, noise_multiplier=noise_multiplier,
            key=key or new_key(), seed=seed, planted=planted,
        )  # fmt: skip

    def train(
        self,
        case_ids: Collection[str],
        *,
        seed: int,
        epsilon: float,
        delta: float = 1e-5,
        planted: Float[NDArray, "m d"] | None = None,
        on_step: OnStep | None = None,
    ) -> PrivateModel:
        """One whole run in memory: no checkpoint, no ledger, no resuming.

        Args:
            epsilon: infinite for the same run without noise.
        """
        sigma = self.noise_multiplier(epsilon, delta)
        run = self.start(case_ids, seed=seed, noise_multiplier=sigma, planted=planted)
        with threads(self.config.threads):
            run.run(on_step)
        return PrivateModel(run.model, self.guarantee(sigma, delta))

    def logits(self, model: Model, case_ids: Collection[str]) -> torch.Tensor:
        """(n, K) answers of a model for prepared patients."""
        examples = self.select(case_ids)
        parts = np.array_split(np.arange(len(examples)), max(1, math.ceil(len(examples) / AT_ONCE)))
        with torch.inference_mode():
            return torch.cat([model.eval()(examples.take(part).inputs).logits for part in parts])


def model_settings(config: PrivateConfig, preprocess: Preprocess) -> dict[str, Any]:
    """The model's configuration: sizes and names from the public constants, the rest from the settings."""
    known = model_config(config.model).model_fields
    offered: Mapping[str, Any] = {"programmes": None, "n_genes": None, **preprocess.sizes}
    return {name: value for name, value in offered.items() if name in known} | dict(config.model_settings)


@cache
def _noise(epsilon: float, delta: float, rate: float, steps: int) -> float:
    """Certified once, for all seeds of an experiment."""
    return noise_multiplier_for(epsilon, delta, sampling_rate=rate, steps=steps)


@contextmanager
def threads(number: int | None) -> Iterator[None]:
    """So many threads of this process inside the block; None leaves them."""
    before = torch.get_num_threads()
    torch.set_num_threads(number or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _examples(cohort: Cohort, preprocess: Preprocess, case_ids: tuple[str, ...]) -> Examples:
    slides = "pathology" in preprocess.modalities
    samples = [preprocess.transform(cohort.case(case_id, bags=slides)) for case_id in case_ids]
    ids = list(case_ids)
    return Examples(
        case_ids,
        preprocess.collate(samples),
        torch.as_tensor(preprocess.bins.labels(cohort.time.loc[ids].to_numpy(dtype=np.float64)), dtype=torch.int64),
        torch.as_tensor(cohort.event.loc[ids].to_numpy(dtype=bool)),
    )
