"""Fits one model on one training part and keeps the epoch that an inner validation part prefers."""

from __future__ import annotations

import math
import time as clock
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from survviz.evaluation import UndefinedMetricError, concordance_index
from survviz.losses import cosine_hinge, discrete_nll
from survviz.models import Model
from survviz.training.batches import Batch, Collate, Part, evaluation_batches, training_batches
from survviz.training.config import TrainConfig
from survviz.types import Output


@dataclass(frozen=True, slots=True)
class EpochScore:
    """One epoch of one fold.

    Attributes:
        epoch: from 1.
        validation_loss: mean negative log-likelihood; None without a validation part.
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
    steps = math.ceil(len(train) / config.batch_size)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, warmup_cosine(config, steps))
    best: tuple[float, int, dict[str, Tensor]] | None = None
    for epoch in range(1, config.epochs + 1):
        started, lr = clock.perf_counter(), float(schedule.get_last_lr()[0])
        model.train()
        total = torch.zeros((), device=device)
        for batch in training_batches(
            train,
            collate,
            batch_size=config.batch_size,
            max_patches=config.max_patches,
            modality_dropout=config.modality_dropout,
            modalities=model.modalities,
            random=random,
        ):
            loss = batch_loss(model, batch, config, device)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.detach() * len(batch.event)
        loss_value, c_index = validate(model, validation, collate)
        seconds = clock.perf_counter() - started
        on_epoch(EpochScore(epoch, lr, float(total) / len(train), loss_value, c_index, seconds))
        score = merit(config, epoch, loss_value, c_index)
        if best is None or score >= best[0]:
            best = (score, epoch, {name: value.detach().cpu().clone() for name, value in model.state_dict().items()})
    assert best is not None
    return Fitted(state=best[2], epoch=best[1])


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


def batch_loss(model: Model, batch: Batch, config: TrainConfig, device: torch.device) -> Tensor:
    """Likelihood loss, mixed with the cosine term where beta asks for it."""
    output: Output = model(batch.inputs.to(device))
    loss = discrete_nll(output.logits, batch.bin.to(device), batch.event.to(device), alpha=config.alpha)
    if not config.beta:
        return loss
    term = next(one for one in model.auxiliary if one.kind == "cosine")
    first, second = (torch.cat([output.embeddings[name] for name in names], -1) for names in (term.first, term.second))
    both = (first != 0).any(dim=1) & (second != 0).any(dim=1)
    return (1 - config.beta) * loss + config.beta * cosine_hinge(first, second, both)


def validate(model: Model, part: Part, collate: Collate) -> tuple[float | None, float | None]:
    """Mean negative log-likelihood and C-index of a part; None where there is no case or no comparable pair."""
    if not len(part):
        return None, None
    logits, risk = score(model, part, collate)
    loss = float(discrete_nll(logits, part.bin, part.event))
    try:
        return loss, concordance_index(risk, part.time, part.event.numpy())
    except UndefinedMetricError:
        return loss, None


def score(model: Model, part: Part, collate: Collate) -> tuple[Tensor, NDArray[np.float64]]:
    """Logits (n, K) and risks (n,) of a part in evaluation mode."""
    device = next(model.parameters()).device
    model.eval()
    with torch.inference_mode():
        outputs = [model(batch.inputs.to(device)) for batch in evaluation_batches(part, collate)]
    logits = torch.cat([output.logits for output in outputs]).cpu()
    return logits, torch.cat([output.risk for output in outputs]).double().cpu().numpy()


def start_at_base_rate(model: Model, train: Part) -> None:
    """Set the last bias to the hazards of the training part, so that no epoch is spent on the intercept."""
    n_bins = model.output_layer.out_features
    bins = train.bin.unsqueeze(1)  # (n, 1)
    at_risk = (bins >= torch.arange(n_bins)).sum(dim=0)
    events = ((bins == torch.arange(n_bins)) & train.event.unsqueeze(1)).sum(dim=0)
    with torch.no_grad():
        model.output_layer.bias.copy_(torch.logit((events + 0.5) / (at_risk + 1)))
