"""The optimiser and the learning rate of every step."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import torch
from torch import nn
from torch.optim import Optimizer

from survviz.training.config import TrainConfig


def create_optimizer(parameters: Iterable[nn.Parameter], config: TrainConfig) -> Optimizer:
    """The optimiser that the settings name; weight decay is decoupled in all but "adam".

    Adam's step is one pass over weights, gradients and moments ("fused"), which memory bounds.
    """
    if config.optimizer == "radam":
        return torch.optim.RAdam(
            parameters, lr=config.lr, weight_decay=config.weight_decay, decoupled_weight_decay=True
        )
    kind = torch.optim.AdamW if config.optimizer == "adamw" else torch.optim.Adam
    return kind(parameters, lr=config.lr, weight_decay=config.weight_decay, fused=True)


class Schedule:
    """Sets the learning rate: a linear rise over the warm-up epochs, then what the settings name.

    Args:
        steps: steps per epoch.
    """

    def __init__(self, optimizer: Optimizer, config: TrainConfig, steps: int) -> None:
        self._optimizer, self._config, self._steps = optimizer, config, steps
        self._step = 0
        self._best, self._waited, self._halved = -math.inf, 0, 0
        self._apply()

    @property
    def lr(self) -> float:
        """Of the next step."""
        return self._config.lr * self.factor(self._step) * 0.5**self._halved

    def factor(self, step: int) -> float:
        """Share of the full rate at a step, before any halving."""
        rise, total = self._config.warmup_epochs * self._steps, self._config.epochs * self._steps
        if step < rise:
            return (step + 1) / (rise + 1)
        if self._config.scheduler == "cosine":
            return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, total - rise)))
        return 1.0

    def step(self) -> None:
        """After every step of the optimiser."""
        self._step += 1
        self._apply()

    def after_epoch(self, merit: float) -> None:
        """After every epoch, with what the validation part said of it; halves the rate on a plateau."""
        if self._config.scheduler != "plateau":
            return
        self._waited = 0 if merit > self._best else self._waited + 1
        self._best = max(self._best, merit)
        if self._waited >= self._config.plateau:
            self._waited, self._halved = 0, self._halved + 1
        self._apply()

    def state(self) -> dict[str, float]:
        """Numbers from which it goes on."""
        return {"step": self._step, "best": self._best, "waited": self._waited, "halved": self._halved}

    def restore(self, state: Mapping[str, float]) -> None:
        """Go on from `state()`."""
        self._step, self._waited, self._halved = (int(state[name]) for name in ("step", "waited", "halved"))
        self._best = float(state["best"])
        self._apply()

    def _apply(self) -> None:
        for group in self._optimizer.param_groups:
            group["lr"] = self.lr
