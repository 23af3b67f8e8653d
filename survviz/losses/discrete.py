"""Negative log-likelihood of discrete-time survival (Zadeh and Schmid 2020)."""

from __future__ import annotations

from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import logsigmoid


def discrete_nll(
    logits: Float[Tensor, "B K"], bin: Int[Tensor, " B"], event: Bool[Tensor, " B"], *, alpha: float = 0.0
) -> Float[Tensor, ""]:
    """Mean over cases of -log likelihood, computed in logit space so that no factor is ever clamped.

    A case with an event in bin y contributes h_y prod_{j<y} (1 - h_j); a censored one prod_{j<=y} (1 - h_j).

    Args:
        bin: index of the time bin, 0 to K - 1.
        event: True = observed.
        alpha: share of the censored term that is dropped (0 = likelihood; the SurvPath scripts use 0.5).
    """
    log_survive = logsigmoid(-logits).cumsum(dim=-1)  # (B, K), log S at the end of each bin
    index = bin.unsqueeze(-1)
    at_bin = log_survive.gather(-1, index).squeeze(-1)  # (B,)
    logit = logits.gather(-1, index).squeeze(-1)
    # log h_y + log S_{y-1} = log S_y + logit_y, because log h = log(1 - h) + logit
    observed = at_bin + logit
    return -observed.where(event, (1 - alpha) * at_bin).mean()
