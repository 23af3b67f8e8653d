"""What tuning may try: named settings with their ranges, and the budget."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

STRICT = ConfigDict(frozen=True, extra="forbid")

FIXED = ("model", "modalities", "n_folds", "inner_val", "splits", "seed", "threads", "choose_by", "search")
"""Settings that decide what is compared; they stay the same in every trial."""

CHANGES_THE_LOSS = ("loss", "ties", "n_bins", "preprocess", "risk_set")
"""Settings after which two validation losses measure different things."""


class Range(BaseModel):
    """Numbers between two ends.

    Attributes:
        log: equal chances per factor instead of per difference.
        whole: whole numbers, both ends among them.
    """

    model_config = STRICT

    low: float
    high: float
    log: bool = False
    whole: bool = False

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.low < self.high or (self.log and self.low <= 0):
            raise ValueError(f"low {self.low:g} and high {self.high:g}; low must be smaller, and above 0 with log")
        return self

    def draw(self, random: np.random.Generator) -> float | int:
        """One value."""
        if self.log:
            value = float(np.exp(random.uniform(np.log(self.low), np.log(self.high))))
        else:
            value = float(random.uniform(self.low - 0.5 * self.whole, self.high + 0.5 * self.whole))
        return int(np.clip(round(value), self.low, self.high)) if self.whole else float(f"{value:.4g}")


Choices = Annotated[tuple[Any, ...], Field(min_length=2)]

USUAL: dict[str, Range | Choices] = {
    "lr": Range(low=1e-4, high=1e-2, log=True),
    "weight_decay": Range(low=1e-3, high=1.0, log=True),
}


class Search(BaseModel):
    """A seeded random search (Bergstra and Bengio 2012) inside the training and validation part of each fold.

    The first trial is the settings as they are, so that tuning can only move away from them for a better value.

    Attributes:
        trials: settings tried in each fold, the given ones among them.
        seconds: no trial starts in a fold after so long; None = no limit. With a limit a second run may try fewer.
        space: setting ("lr", "model_settings.d_embed") -> range, or list of values.
        folds: 1: a trial is judged on the validation part that also chooses its epoch. More: by an inner
            cross-validation over training and validation part, which costs as many fits per trial and is less noisy.
        metric: what a trial is judged by, mean over inner folds.
        seed: of the values drawn.
    """

    model_config = STRICT

    trials: int = Field(20, ge=2)
    seconds: float | None = Field(None, gt=0)
    space: dict[str, Range | Choices] = Field(USUAL, min_length=1)
    folds: int = Field(1, ge=1)
    metric: Literal["c-index", "loss"] = "c-index"
    seed: int = 0

    @model_validator(mode="after")
    def _comparable(self) -> Self:
        if self.metric == "loss" and self.folds > 1:
            raise ValueError("the metric 'loss' is known on the validation part only (folds 1); use 'c-index'")
        mixed = [name for name in self.space if self.metric == "loss" and name.split(".")[0] in CHANGES_THE_LOSS]
        if mixed:
            raise ValueError(f"losses of different {', '.join(mixed)} cannot be compared; use the metric 'c-index'")
        return self

    def check(self, known: Iterable[str]) -> None:
        """Refuse settings that do not exist, or that must stay the same.

        Raises:
            ValueError: with the name.
        """
        names = set(known)
        for setting in self.space:
            group = setting.split(".")[0]
            if group not in names or group in FIXED:
                free = ", ".join(sorted(names - set(FIXED)))
                raise ValueError(f"search.space names {setting!r}; it may name {free}, or a part (model_settings.NAME)")

    def draw(self, trial: int) -> dict[str, Any]:
        """Values of one trial, the same for the same seed and trial; nothing for trial 0."""
        if trial == 0:
            return {}
        random = np.random.default_rng([self.seed, trial])
        return {
            name: space.draw(random) if isinstance(space, Range) else space[int(random.integers(len(space)))]
            for name, space in self.space.items()
        }


def changed(document: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with other values; a dot goes into a group. The given document stays as it is."""
    result = dict(document)
    for name, value in values.items():
        head, dot, rest = name.partition(".")
        result[head] = changed(result.get(head) or {}, {rest: value}) if dot else value
    return result
