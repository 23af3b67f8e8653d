"""Fits one network on one training part and keeps the epoch that an inner validation part prefers."""

from __future__ import annotations

import math
import time as clock
from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from survviz.errors import InputError
from survviz.models import Model
from survviz.training.batches import Batch, Collate, Part, in_bf16, training_batches
from survviz.training.choosing import Best, EpochScore, Fitted, merit
from survviz.training.config import TrainConfig
from survviz.training.fit_state import FitState, Keeper
from survviz.training.memory import PatchMemory, keep_freed_memory
from survviz.training.objective import OVER_RISK_SETS, Labels, loss_name, objective
from survviz.training.optimisation import Schedule, create_optimizer
from survviz.training.precision import Precision, call, choose_precision
from survviz.training.processes import World, rows_of
from survviz.training.scoring import validate
from survviz.types import Output


def fit(
    model: Model,
    train: Part,
    validation: Part,
    collate: Collate,
    config: TrainConfig,
    *,
    random: torch.Generator,
    on_epoch: Callable[[EpochScore], None],
    keeper: Keeper | None = None,
) -> Fitted:
    """Train until the epochs or the patience run out; the model is left in its last state, the chosen one is returned.

    Dropout draws from torch's global generator; the caller seeds it.

    Args:
        keeper: where an earlier process may have left this fit, and where it is kept after every epoch.

    Raises:
        InputError: the settings do not fit the model's loss, or the device.
    """
    keep_freed_memory()
    precision = choose_precision(config.precision, next(model.parameters()).device)
    sizes = group_sizes(len(train), loss_name(model, config), config)
    scoring_collate = in_bf16(collate) if precision == "bf16" else collate
    memory = PatchMemory(max(sizes, default=1), torch.bfloat16 if precision == "bf16" else torch.float32)
    optimizer = create_optimizer(model.parameters(), config)
    state = FitState(model, optimizer, Schedule(optimizer, config, len(sizes)), Best(config), random)
    if keeper:
        keeper.restore(state)
    while state.epoch < config.epochs and not state.best.is_over(state.epoch):
        started, lr = clock.perf_counter(), state.schedule.lr
        loss = _one_epoch(state, train, partial(collate, new_patches=memory), config, sizes, precision)
        loss_value, c_index = validate(model, validation, scoring_collate, config, precision)
        state.epoch += 1
        state.schedule.after_epoch(merit(config, state.epoch, loss_value, c_index))
        state.best.offer(model, state.epoch, loss_value, c_index)
        on_epoch(EpochScore(state.epoch, lr, loss, loss_value, c_index, clock.perf_counter() - started))
        if keeper:
            keeper.keep(state)
    return state.best.fitted()


def _one_epoch(
    state: FitState, train: Part, collate: Collate, config: TrainConfig, sizes: Sequence[int], precision: Precision
) -> float:
    """Every case once; the mean loss over cases, each taken before the step that it led to."""
    model, world = state.model, World.current()
    model.train()
    total = torch.zeros((), device=next(model.parameters()).device)
    batches = training_batches(
        train,
        collate,
        batch_size=config.batch_size,
        max_patches=config.max_patches,
        modality_dropout=config.modality_dropout,
        modalities=model.modalities,
        random=state.random,
    )
    for size in sizes:
        state.optimizer.zero_grad()
        total += _add_gradients(model, list(islice(batches, size)), config, precision)
        world.average_gradients(model.parameters())
        if config.clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(model.parameters(), config.clip_norm)
        state.optimizer.step()
        state.schedule.step()
    return float(total) / len(train)


def _add_gradients(model: Model, group: list[Batch], config: TrainConfig, precision: Precision) -> Tensor:
    """Gradient of the mean loss of a step's batches; returns their summed loss.

    A loss over risk sets needs the outputs of all batches at once; of a mean over cases, one graph is alive at a time.
    """
    device = next(model.parameters()).device
    n_cases = sum(len(batch.event) for batch in group)
    together = loss_name(model, config) in OVER_RISK_SETS
    total = torch.zeros((), device=device)
    for some in [group] if together else [[batch] for batch in group]:
        outputs = [_shared_call(model, batch, device, precision) for batch in some]
        labels = Labels.of(some, device)
        loss = objective(model, outputs, labels, config)
        (loss * (len(labels.event) / n_cases)).backward()
        total += loss.detach() * len(labels.event)
    return total


def _shared_call(model: Model, batch: Batch, device: torch.device, precision: Precision) -> Output:
    """The output of a whole batch, of which each process computes a share."""
    world, n_cases = World.current(), len(batch.event)
    inputs = batch.inputs if world.size == 1 else rows_of(batch.inputs, world.rows(n_cases))
    return world.gather_output(call(model, inputs.to(device), precision), n_cases)


def group_sizes(n_cases: int, loss: str, config: TrainConfig) -> list[int]:
    """How many batches each step takes: `accumulate`, or for a loss over risk sets as many as make one, spread evenly.

    Raises:
        InputError: `accumulate` was set for a loss over risk sets.
    """
    n_batches = math.ceil(n_cases / config.batch_size)
    n_steps = math.ceil(n_batches / config.accumulate)
    if loss in OVER_RISK_SETS:
        if config.accumulate > 1:
            raise InputError(
                f"accumulate {config.accumulate} was set, but the loss {loss!r} compares the cases of a step with each "
                "other. Set risk_set to the number of cases instead."
            )
        n_steps = min(n_batches, max(1, n_cases // max(config.risk_set, config.batch_size)))
    return [len(part) for part in np.array_split(np.arange(n_batches), n_steps)]


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
