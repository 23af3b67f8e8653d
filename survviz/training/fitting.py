"""Fits one model on one training part and keeps the epoch that an inner validation part prefers."""

from __future__ import annotations

import math
import time as clock
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from survviz.evaluation import UndefinedMetricError, concordance_index
from survviz.models import Model
from survviz.training.batches import Collate, Part, evaluation_batches, training_batches
from survviz.training.config import TrainConfig
from survviz.training.objective import OVER_RISK_SETS, Labels, loss_name, objective, survival_loss
from survviz.types import Output


@dataclass(frozen=True, slots=True)
class EpochScore:
    """One epoch of one fold.

    Attributes:
        epoch: from 1.
        lr: learning rate; of a linear model, the ridge penalty.
        validation_loss: the survival loss alone; None without a validation part.
        validation_c_index: None without one, or where it is undefined.
    """

    epoch: int
    lr: float
    train_loss: float
    validation_loss: float | None
    validation_c_index: float | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Fitted:
    """The weights of the chosen epoch."""

    state: dict[str, Tensor]
    epoch: int


def fit(
    model: Model,
    train: Part,
    validation: Part,
    collate: Collate,
    config: TrainConfig,
    *,
    random: torch.Generator,
    on_epoch: Callable[[EpochScore], None],
) -> Fitted:
    """Train for all epochs; the model is left in its last state, the chosen one is returned.

    Dropout draws from torch's global generator; the caller seeds it.
    """
    device = next(model.parameters()).device
    optimizer = torch.optim.RAdam(
        model.parameters(), lr=config.lr, weight_decay=config.weight_decay, decoupled_weight_decay=True
    )
    sizes = group_sizes(len(train), loss_name(model, config), config)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, warmup_cosine(config, len(sizes)))
    best = Best(config)
    for epoch in range(1, config.epochs + 1):
        started, lr = clock.perf_counter(), float(schedule.get_last_lr()[0])
        model.train()
        total = torch.zeros((), device=device)
        batches = training_batches(
            train,
            collate,
            batch_size=config.batch_size,
            max_patches=config.max_patches,
            modality_dropout=config.modality_dropout,
            modalities=model.modalities,
            random=random,
        )
        for size in sizes:
            group = list(islice(batches, size))
            outputs = [model(batch.inputs.to(device)) for batch in group]
            labels = Labels.of(group, device)
            loss = objective(model, outputs, labels, config)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.detach() * len(labels.event)
        loss_value, c_index = validate(model, validation, collate, config)
        seconds = clock.perf_counter() - started
        on_epoch(EpochScore(epoch, lr, float(total) / len(train), loss_value, c_index, seconds))
        best.offer(model, epoch, loss_value, c_index)
    return best.fitted()


def group_sizes(n_cases: int, loss: str, config: TrainConfig) -> list[int]:
    """How many batches each step takes: one, or for a loss over risk sets as many as make one, spread evenly."""
    n_batches = math.ceil(n_cases / config.batch_size)
    n_steps = n_batches
    if loss in OVER_RISK_SETS:
        n_steps = min(n_batches, max(1, n_cases // max(config.risk_set, config.batch_size)))
    return [len(part) for part in np.array_split(np.arange(n_batches), n_steps)]


@dataclass(slots=True)
class Best:
    """Keeps the weights of the epoch that the validation part prefers."""

    config: TrainConfig
    score: float = -math.inf
    epoch: int = 0
    state: dict[str, Tensor] = field(default_factory=dict)

    def offer(self, model: Model, epoch: int, loss: float | None, c_index: float | None) -> None:
        """Take the model's weights if they are as good as the best so far; ties go to the later epoch."""
        score = merit(self.config, epoch, loss, c_index)
        if not self.state or score >= self.score:
            self.score, self.epoch = score, epoch
            self.state = {name: value.detach().cpu().clone() for name, value in model.state_dict().items()}

    def fitted(self) -> Fitted:
        """The weights that were kept."""
        return Fitted(self.state, self.epoch)


def merit(config: TrainConfig, epoch: int, loss: float | None, c_index: float | None) -> float:
    """The number whose maximum names the epoch; ties go to the later one. Undefined C-indices never win."""
    if config.choose_by == "last" or loss is None:
        return float(epoch)
    if config.choose_by == "loss":
        return -loss
    return -math.inf if c_index is None else c_index


def warmup_cosine(config: TrainConfig, steps: int) -> Callable[[int], float]:
    """Linear rise over the warm-up epochs, then a half cosine to zero; changes with every step."""
    rise, total = config.warmup_epochs * steps, config.epochs * steps

    def factor(step: int) -> float:
        if step < rise:
            return (step + 1) / (rise + 1)
        return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, total - rise)))

    return factor


def validate(model: Model, part: Part, collate: Collate, config: TrainConfig) -> tuple[float | None, float | None]:
    """Mean loss (without auxiliary terms) and C-index of a part; None where there is no case or no comparable pair."""
    if not len(part):
        return None, None
    output = score(model, part, collate)
    labels = Labels(part.bin, part.event, torch.from_numpy(part.time), {})
    loss = float(survival_loss(loss_name(model, config), output, labels, config.model_copy(update={"alpha": 0.0})))
    try:
        return loss, concordance_index(risks(output), part.time, part.event.numpy())
    except UndefinedMetricError:
        return loss, None


def score(model: Model, part: Part, collate: Collate) -> Output:
    """Logits of every case of a part in evaluation mode, on the CPU; embeddings are not kept."""
    device = next(model.parameters()).device
    model.eval()
    with torch.inference_mode():
        outputs = [model(batch.inputs.to(device)) for batch in evaluation_batches(part, collate)]
    return Output(torch.cat([output.logits for output in outputs]).cpu(), outputs[0].kind, {})


def risks(output: Output) -> NDArray[np.float64]:
    """(n,) risks."""
    return output.risk.double().cpu().numpy()


def start_at_base_rate(model: Model, train: Part) -> None:
    """Set the last bias to the hazards of the training part, so that no epoch is spent on the intercept.

    A model of the log-hazard has no intercept: its baseline is fitted afterwards.
    """
    if model.config.output == "log-hazard":
        return
    n_bins = model.output_layer.out_features
    bins = train.bin.unsqueeze(1)  # (n, 1)
    at_risk = (bins >= torch.arange(n_bins)).sum(dim=0)
    events = ((bins == torch.arange(n_bins)) & train.event.unsqueeze(1)).sum(dim=0)
    with torch.no_grad():
        model.output_layer.bias.copy_(torch.logit((events + 0.5) / (at_risk + 1)))
