"""Which epoch is kept: the one that the inner validation part prefers."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from torch import Tensor

from survviz.models import Model
from survviz.training.config import TrainConfig


@dataclass(frozen=True, slots=True)
class EpochScore:
    """One epoch of one fold.

    Attributes:
        epoch: from 1.
        lr: learning rate at its start; of a linear model, the largest prior standard deviation.
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


@dataclass(slots=True)
class Best:
    """Keeps the weights of the epoch that the validation part prefers.

    Attributes:
        improved: the last epoch that was better than all before it; unlike `epoch`, no tie moves it.
    """

    config: TrainConfig
    score: float = -math.inf
    epoch: int = 0
    improved: int = 0
    state: dict[str, Tensor] = field(default_factory=dict)

    def offer(self, model: Model, epoch: int, loss: float | None, c_index: float | None) -> None:
        """Take the model's weights if they are as good as the best so far; ties go to the later epoch."""
        score = merit(self.config, epoch, loss, c_index)
        if not self.state or score > self.score:
            self.improved = epoch
        if not self.state or score >= self.score:
            self.score, self.epoch = score, epoch
            self.state = {name: value.detach().cpu().clone() for name, value in model.state_dict().items()}

    def is_over(self, epoch: int) -> bool:
        """Whether patience has run out after this epoch."""
        patience = self.config.patience
        return patience is not None and epoch - self.improved >= patience

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
