"""What an explanation is of: one number per case out of what a model returns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

from survviz.errors import InputError
from survviz.types import Output

Target: TypeAlias = Callable[[Output], Float[Tensor, " B"]]


def risk(output: Output) -> Float[Tensor, " B"]:
    """The number that is shown: higher = worse."""
    return output.risk


def bin_logit(k: int) -> Target:
    """Logit of the hazard of one time bin, counted from 0: higher = worse at that time."""

    def target(output: Output) -> Tensor:
        if output.kind != "discrete-hazard" or not 0 <= k < output.logits.shape[-1]:
            n = output.logits.shape[-1]
            raise InputError(
                f"The hazard of time bin {k + 1} was asked; "
                + (f"the model has bins 1 to {n}." if output.kind == "discrete-hazard" else "the model has no bins.")
            )
        return output.logits[:, k]

    return target


def survival_between(edges: Sequence[float], months: float) -> Target:
    """S(t) of a discrete-time model, linear between the edges of its bins from S(0) = 1: higher = better.

    Args:
        edges: (K + 1,) months; the first carries no value.
        months: 0 to the last edge.

    Raises:
        InputError: beyond the edges.
    """
    if not 0 <= months <= edges[-1]:
        raise InputError(f"Survival at {months:g} months was asked; the model's bins end at {edges[-1]:.0f} months.")
    knots = [0.0, *edges[1:]]
    right = next(i for i in range(1, len(knots)) if months <= knots[i])
    share = (months - knots[right - 1]) / (knots[right] - knots[right - 1])

    def target(output: Output) -> Tensor:
        survival = torch.nn.functional.pad(output.survival, (1, 0), value=1.0)  # (B, K + 1)
        return survival[:, right - 1] * (1 - share) + survival[:, right] * share

    return target


def survival_from(log_cumulative_hazard: float) -> Target:
    """S(t) = exp(-H0(t) exp(log hazard)) of a log-hazard model: higher = better.

    Args:
        log_cumulative_hazard: log H0(t) of the baseline; -inf before the first event.
    """

    def target(output: Output) -> Tensor:
        return torch.exp(-torch.exp(output.risk + log_cumulative_hazard))

    return target
