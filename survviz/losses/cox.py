"""Cox's partial likelihood with ties (Cox 1972; Breslow 1974; Efron 1977), in log space, O(n log n)."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from survviz.errors import InputError
from survviz.losses.shapes import check_per_case


def cox_partial_likelihood(
    log_hazard: Float[Tensor, " B"],
    time: Float[Tensor, " B"],
    event: Bool[Tensor, " B"],
    *,
    ties: Literal["efron", "breslow"] = "efron",
) -> Float[Tensor, ""]:
    """Negative log partial likelihood per event; 0, with a gradient of zero, if the batch has no event.

    The risk sets are those of the batch: with two cases it is a pairwise ranking loss (see `pairwise_ranking`), so a
    model of bags stacks the log hazards of several forward passes. The published systems divide by B (Pathomic Fusion,
    PG-MLIF) or by events + 1 (GPDBN); dividing by events makes batches with much and little censoring comparable.

    Args:
        time: follow-up in any unit; only its order and its ties count.
        event: True = observed.
        ties: Efron averages over the orders in which tied events may have happened; Breslow keeps all of them at risk.

    Raises:
        InputError: a shape other than (B,), an event that is not boolean, or an unknown way to treat ties.
    """
    check_per_case(log_hazard, log_hazard=log_hazard, time=time, event=event)
    if ties not in ("efron", "breslow"):
        raise InputError(f"ties is {ties!r}; expected 'efron' or 'breslow'.")
    order = event.to(torch.uint8).argsort(stable=True)
    order = order[time[order].argsort(stable=True, descending=True)]  # latest first; events after censored at a tie
    log_hazard, time, event = log_hazard[order], time[order], event[order]
    tie = torch.cat([torch.zeros_like(order[:1]), (time[1:] != time[:-1]).cumsum(0)])  # (B,), number of each time
    first_event, n_events = _events_of_ties(tie, event)

    # At risk = those that outlive the tied events + the tied events; nothing is subtracted, so nothing cancels.
    never = log_hazard.new_full((1,), -torch.inf)
    log_outlive = torch.cat([never, log_hazard.logcumsumexp(0)])[first_event]
    log_tied = _log_sum_of_events(log_hazard, tie, event)
    if ties == "efron":
        already_gone = (torch.arange(len(order), device=order.device) - first_event).clamp(min=0)
        log_tied = log_tied + ((n_events - already_gone).to(log_tied.dtype) / n_events).log()
    log_at_risk = torch.logaddexp(log_outlive, log_tied)
    return (log_at_risk - log_hazard).where(event, 0).sum() / event.sum().clamp(min=1)


def _events_of_ties(tie: Int[Tensor, " B"], event: Bool[Tensor, " B"]) -> tuple[Int[Tensor, " B"], Int[Tensor, " B"]]:
    """For each case, the position of the first event at its time and the number of events there (at least 1)."""
    size, n_events = (torch.zeros_like(tie).index_add(0, tie, count) for count in (torch.ones_like(tie), event.long()))
    first_event = size.cumsum(0) - n_events
    return first_event[tie], n_events.clamp(min=1)[tie]


def _log_sum_of_events(
    log_hazard: Float[Tensor, " B"], tie: Int[Tensor, " B"], event: Bool[Tensor, " B"]
) -> Float[Tensor, " B"]:
    """For each case, the log of the summed hazards of the events at its time; where there is none, hugely negative."""
    masked = log_hazard.masked_fill(~event, -torch.inf)
    lowest = torch.full_like(log_hazard, torch.finfo(log_hazard.dtype).min)
    top = lowest.scatter_reduce(0, tie, masked.detach(), "amax")
    summed = torch.zeros_like(log_hazard).index_add(0, tie, (masked - top[tie]).exp())
    return (top + summed.clamp(min=1).log())[tie]  # at least exp(0) where there is an event
