"""Fits a linear model to convergence for a path of ridge penalties, from the strongest to the weakest."""

from __future__ import annotations

import time as clock
from collections.abc import Callable
from typing import Protocol, cast

import torch
from torch import Tensor

from survviz.models import Model
from survviz.training.batches import Collate, Part, evaluation_batches
from survviz.training.config import TrainConfig
from survviz.training.fitting import Best, EpochScore, Fitted, validate
from survviz.training.objective import Labels, objective

MAX_STEPS = 500


class Linear(Protocol):
    """A model with a squared norm of its coefficients, intercepts left out."""

    def ridge(self) -> Tensor:
        """Sum of squares."""
        ...


def fit_path(
    model: Model,
    train: Part,
    validation: Part,
    collate: Collate,
    config: TrainConfig,
    *,
    on_epoch: Callable[[EpochScore], None],
) -> Fitted:
    """Minimise loss + penalty / 2 x sum of squares over the whole training part by L-BFGS; each fit starts at the last.

    The penalty that the validation part prefers is chosen like an epoch; without a validation part, the last.
    """
    device = next(model.parameters()).device
    batches = list(evaluation_batches(train, collate))
    inputs = [batch.inputs.to(device) for batch in batches]
    labels = Labels.of(batches, device)
    best = Best(config)
    for step, ridge in enumerate(config.ridges, start=1):
        started = clock.perf_counter()
        loss = _minimise(model, lambda: objective(model, [model(one) for one in inputs], labels, config), ridge)
        loss_value, c_index = validate(model, validation, collate, config)
        on_epoch(EpochScore(step, ridge, loss, loss_value, c_index, clock.perf_counter() - started))
        best.offer(model, step, loss_value, c_index)
    return best.fitted()


def _minimise(model: Model, loss: Callable[[], Tensor], ridge: float) -> float:
    optimizer = torch.optim.LBFGS(
        model.parameters(),
        max_iter=MAX_STEPS,
        history_size=20,
        tolerance_grad=1e-7,
        tolerance_change=1e-10,
        line_search_fn="strong_wolfe",
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        total = loss() + 0.5 * ridge * cast(Linear, model).ridge()
        total.backward()
        return total

    model.train()
    optimizer.step(closure)  # type: ignore[arg-type]
    with torch.no_grad():
        return float(loss())
