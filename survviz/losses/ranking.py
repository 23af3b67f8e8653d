"""Pairwise logistic ranking: what Cox's partial likelihood is in batches of two."""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import softplus

from survviz.errors import InputError
from survviz.losses.shapes import check_per_case

MAX_CASES = 4096
"""A (B, B) matrix of float32 then takes 64 MiB, and backward needs a few of them."""


def pairwise_ranking(
    log_hazard: Float[Tensor, " B"], time: Float[Tensor, " B"], event: Bool[Tensor, " B"]
) -> Float[Tensor, ""]:
    """Mean over comparable pairs of softplus(later - earlier log hazard); 0, with a gradient of zero, without any.

    A pair is comparable as in `concordance_index`: the earlier time is an event; at equal times, if exactly one of the
    two is. Of such a pair it is the negative log partial likelihood, hence also the meaning of a Cox loss with batches
    of two, as in the CHIMERA bilinear system (Keshvarikhojasteh, Pluim, Veta 2026). A constant added to every log
    hazard changes nothing.

    Args:
        event: True = observed.

    Raises:
        InputError: a shape other than (B,), an event that is not boolean, or more than 4,096 cases.
    """
    check_per_case(log_hazard, log_hazard=log_hazard, time=time, event=event)
    if len(log_hazard) > MAX_CASES:
        raise InputError(
            f"{len(log_hazard)} cases were given; a loss over all pairs takes at most {MAX_CASES}. "
            "Use smaller batches, or cox_partial_likelihood, which has no limit."
        )
    earlier, later = time.unsqueeze(1), time.unsqueeze(0)
    comparable = event.unsqueeze(1) & ((earlier < later) | ((earlier == later) & ~event.unsqueeze(0)))  # (B, B)
    terms = softplus(log_hazard.unsqueeze(0) - log_hazard.unsqueeze(1))
    return terms.where(comparable, 0).sum() / comparable.sum().clamp(min=1)
