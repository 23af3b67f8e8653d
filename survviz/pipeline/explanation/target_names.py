"""Targets by name: "risk", "survival:36", "logit:2"."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Self

import numpy as np

from survviz.errors import InputError
from survviz.explain.targets import Target, bin_logit, risk, survival_between, survival_from

if TYPE_CHECKING:
    from survviz.checkpoint import Checkpoint


@dataclass(frozen=True, slots=True)
class TargetName:
    """What is explained.

    Attributes:
        number: months of "survival", time bin (from 1) of "logit"; 0 for "risk".
    """

    kind: Literal["risk", "survival", "logit"]
    number: float = 0.0

    @classmethod
    def parse(cls, name: str) -> Self:
        """From its spelling.

        Raises:
            InputError: it is none.
        """
        kind, _, number = name.partition(":")
        try:
            if name == "risk":
                return cls("risk")
            if kind == "survival" and np.isfinite(float(number)) and float(number) >= 0:
                return cls("survival", float(number))
            if kind == "logit" and int(number) >= 1:
                return cls("logit", float(int(number)))
        except ValueError:
            pass
        raise InputError(
            f"Target {name!r} was given; expected risk, survival:MONTHS (as survival:36) or logit:BIN (as logit:2, "
            "counted from 1)."
        )

    def __str__(self) -> str:
        return self.kind if self.kind == "risk" else f"{self.kind}:{self.number:g}"

    @property
    def better_when_higher(self) -> bool:
        """Whether a push up is good news."""
        return self.kind == "survival"

    def words(self, checkpoint: Checkpoint) -> str:
        """In words; months of a bin are those of the first fold.

        Raises:
            InputError: the checkpoint has no such target.
        """
        self.of(checkpoint, 0)
        if self.kind == "risk":
            return "risk score"
        if self.kind == "survival":
            return f"survival at {self.number:g} months"
        edges = checkpoint.preprocess(0).bins.edges
        k = int(self.number)
        return f"hazard logit of months {max(0.0, edges[k - 1]):.0f} to {edges[k]:.0f}"

    def of(self, checkpoint: Checkpoint, fold: int) -> Target:
        """The target of one fold's model.

        Raises:
            InputError: a time bin that it has not, or months beyond its follow-up.
        """
        baseline, edges = checkpoint.baselines[fold], checkpoint.preprocess(fold).bins.edges
        if self.kind == "risk":
            return risk
        if self.kind == "logit":
            if baseline is not None:
                raise InputError(
                    f"The model {checkpoint.config.model} has one log-hazard for all times, so no time bins; ask for "
                    "risk or survival."
                )
            if self.number > len(edges) - 1:
                raise InputError(f"Time bin {self.number:g} was asked; the model has bins 1 to {len(edges) - 1}.")
            return bin_logit(int(self.number) - 1)
        if baseline is None:
            return survival_between(edges, self.number)
        if self.number > baseline.times[-1]:
            end = baseline.times[-1]
            raise InputError(f"Survival at {self.number:g} months was asked; follow-up in training ends at {end:.0f}.")
        at = int(np.searchsorted(baseline.times, self.number, side="right")) - 1
        return survival_from(float(baseline.log_cumulative_hazard[at]))
