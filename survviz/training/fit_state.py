"""All that changes while a model is fitted, as tensors and numbers from which it goes on exactly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.optim import Optimizer

from survviz.models import Model
from survviz.training.choosing import Best
from survviz.training.optimisation import Schedule
from survviz.training.processes import World

RANDOM = "random."
"""Names of the states of random generators: "order" (batches, patches, modalities), "cpu.RANK", "cuda.RANK"."""


@dataclass(slots=True)
class FitState:
    """A fit between two epochs.

    Attributes:
        random: draws order, patches and hidden modalities; dropout draws from torch's global generators.
        epoch: epochs done.
    """

    model: Model
    optimizer: Optimizer
    schedule: Schedule
    best: Best
    random: torch.Generator
    epoch: int = 0

    def tensors(self) -> dict[str, Tensor]:
        """Copies on the CPU, those of the random generators of every process among them; all processes must call it."""
        found = {f"model.{name}": value for name, value in self.model.state_dict().items()}
        found |= {f"best.{name}": value for name, value in self.best.state.items()}
        for index, values in self.optimizer.state_dict()["state"].items():
            found |= {f"optimizer.{index}.{name}": value for name, value in values.items()}
        found |= {f"{RANDOM}order": self.random.get_state(), **self._dropout_states()}
        return {name: value.detach().cpu().clone().contiguous() for name, value in found.items()}

    def numbers(self) -> dict[str, Any]:
        """The rest, as JSON."""
        best = {"score": self.best.score, "epoch": self.best.epoch, "improved": self.best.improved}
        return {"epoch": self.epoch, "schedule": self.schedule.state(), "best": best}

    def restore(self, tensors: Mapping[str, Tensor], numbers: Mapping[str, Any]) -> None:
        """Go on where `tensors()` and `numbers()` were taken."""
        self.model.load_state_dict(_below("model.", tensors))
        state: dict[int, dict[str, Tensor]] = {}
        for name, value in _below("optimizer.", tensors).items():
            index, _, key = name.partition(".")
            state.setdefault(int(index), {})[key] = value
        self.optimizer.load_state_dict({"state": state, "param_groups": self.optimizer.state_dict()["param_groups"]})
        self.schedule.restore(numbers["schedule"])
        self.best.score, self.best.epoch = float(numbers["best"]["score"]), int(numbers["best"]["epoch"])
        self.best.improved, self.best.state = int(numbers["best"]["improved"]), _below("best.", tensors)
        self.epoch = int(numbers["epoch"])
        self.random.set_state(tensors[f"{RANDOM}order"])
        rank = World.current().rank
        torch.set_rng_state(tensors[f"{RANDOM}cpu.{rank}"])
        if self._device.type == "cuda":
            torch.cuda.set_rng_state(tensors[f"{RANDOM}cuda.{rank}"], self._device)

    def _dropout_states(self) -> dict[str, Tensor]:
        states = {"cpu": torch.get_rng_state()}
        if self._device.type == "cuda":
            states["cuda"] = torch.cuda.get_rng_state(self._device)
        world = World.current()
        return {
            f"{RANDOM}{kind}.{rank}": value
            for kind, mine in states.items()
            for rank, value in enumerate(world.states(mine, self._device))
        }

    @property
    def _device(self) -> torch.device:
        return next(self.model.parameters()).device


class Keeper(Protocol):
    """Keeps a fit after every epoch, and gives back the last one."""

    def restore(self, state: FitState) -> None:
        """Bring the fit to where it was kept; nothing if it never was."""
        ...

    def keep(self, state: FitState) -> None:
        """Keep the fit as it is now."""
        ...


def _below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
