"""Losses of discrete-time survival: negative log-likelihood (Zadeh and Schmid 2020) and a cross-entropy."""

from __future__ import annotations

from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import logsigmoid

from survviz.losses.shapes import check_per_case


def discrete_nll(
    logits: Float[Tensor, "B K"], bin: Int[Tensor, " B"], event: Bool[Tensor, " B"], *, alpha: float = 0.0
) -> Float[Tensor, ""]:
    """Mean over cases of -log likelihood, computed in logit space so that no factor is ever clamped.

    A case with an event in bin y contributes h_y prod_{j<y} (1 - h_j); a censored one prod_{j<=y} (1 - h_j).

    Args:
        bin: index of the time bin, 0 to K - 1.
        event: True = observed.
        alpha: share of the censored term that is dropped (0 = likelihood; the SurvPath scripts use 0.5).

    Raises:
        InputError: `bin` or `event` is not (B,), or `event` not boolean.
    """
    check_per_case(logits, bin=bin, event=event)
    log_survive = logsigmoid(-logits).cumsum(dim=-1)  # (B, K), log S at the end of each bin
    index = bin.unsqueeze(-1)
    at_bin = log_survive.gather(-1, index).squeeze(-1)  # (B,)
    logit = logits.gather(-1, index).squeeze(-1)
    # log h_y + log S_{y-1} = log S_y + logit_y, because log h = log(1 - h) + logit
    observed = at_bin + logit
    return -observed.where(event, (1 - alpha) * at_bin).mean()


def discrete_cross_entropy(
    logits: Float[Tensor, "B K"], bin: Int[Tensor, " B"], event: Bool[Tensor, " B"], *, alpha: float = 0.0
) -> Float[Tensor, ""]:
    """Mean over cases of the binary cross-entropy of "dead by the end of bin y": -log(1 - S_y) or, censored, -log S_y.

    The `ce_surv` of the SurvPath family. Unlike `discrete_nll` it does not ask in which of the bins up to y somebody
    died. 1 - S_y is summed as the chance of each bin, so that it never rounds to 0.

    Args:
        bin: index of the time bin, 0 to K - 1.
        event: True = observed.
        alpha: share that is replaced by the negative log-likelihood of the observed cases.

    Raises:
        InputError: `bin` or `event` is not (B,), or `event` not boolean.
    """
    check_per_case(logits, bin=bin, event=event)
    log_survive = logsigmoid(-logits).cumsum(dim=-1)  # (B, K)
    log_dies_in = log_survive + logits  # log (h_k S_{k-1}), as in discrete_nll
    index = bin.unsqueeze(-1)
    survived, dies_in, died_by = (
        values.gather(-1, index).squeeze(-1) for values in (log_survive, log_dies_in, log_dies_in.logcumsumexp(dim=-1))
    )
    observed = (1 - alpha) * died_by + alpha * dies_in
    return -observed.where(event, (1 - alpha) * survived).mean()
