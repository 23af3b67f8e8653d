"""Unbalanced optimal transport between the tokens and the patches of each case of a padded batch, in the log domain.

With marginals a (uniform over tokens) and b (uniform over the real patches), the plan P minimises

    <P, C> + eps KL(P | a b^T) + tau KL(P 1 | a) + tau KL(P^T 1 | b),      KL(p | q) = sum p log(p / q) - p + q.

Chizat et al. 2018, Scaling algorithms for unbalanced optimal transport problems.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

PRECISION = 1e-9
"""How far the potentials may be from the fixed point, as a share of where they start."""
MOST_ITERATIONS = 1000


class TransportAttention(nn.Module):
    """Each token sees the patches that a transport plan assigns to it (B13; Xu and Chen 2023, MOTCat).

    A plan couples all tokens and all patches: a patch that one token takes is less free for the others. No weights, and
    in training no gradient through the plan; in evaluation it has one, which attributions need. What a token sees keeps
    the plan's mass, about 1 / T of a mean of patches.

    Args:
        eps: weight of the entropic term, for costs in [0, 1]; small makes the plan sharp.
        tau: weight of the marginals; infinity makes the transport balanced.
    """

    def __init__(self, eps: float = 0.1, tau: float = 0.5) -> None:
        super().__init__()
        self.eps = eps
        self.tau = tau

    def forward(
        self, tokens: Float[Tensor, "B T D"], patches: Float[Tensor, "B N D"], patch_mask: Bool[Tensor, "B N"]
    ) -> tuple[Float[Tensor, "B T D"], Float[Tensor, "B 1 T N"]]:
        """What each token sees, zero where a case has no patch; and the logarithm of the plan, as one head."""
        exact = torch.promote_types(patches.dtype, torch.float32)
        explained = torch.is_grad_enabled() and not self.training
        with torch.set_grad_enabled(explained), torch.autocast(patches.device.type, enabled=False):  # half would blur
            cost = transport_cost(tokens.to(exact), patches.to(exact), patch_mask)
            log_plan = log_transport_plan(cost, patch_mask, self.eps, self.tau)
        return log_plan.exp().to(patches.dtype) @ patches, log_plan.unsqueeze(1)


def transport_cost(
    tokens: Float[Tensor, "B T D"], patches: Float[Tensor, "B N D"], patch_mask: Bool[Tensor, "B N"]
) -> Float[Tensor, "B T N"]:
    """Squared distances of the rows, each shifted to a minimum of 0; the largest of a case's real patches is 1."""
    tokens = tokens - tokens.amin(dim=-1, keepdim=True)
    patches = patches - patches.amin(dim=-1, keepdim=True)
    squares = tokens.square().sum(dim=-1).unsqueeze(2) + patches.square().sum(dim=-1).unsqueeze(1)
    cost = (squares - 2 * tokens @ patches.mT).clamp(min=0) * patch_mask.unsqueeze(1)
    return cost / cost.amax(dim=(1, 2), keepdim=True).clamp(min=torch.finfo(cost.dtype).tiny)


def log_transport_plan(
    cost: Float[Tensor, "B T N"],
    patch_mask: Bool[Tensor, "B N"],
    eps: float = 0.1,
    tau: float = 0.5,
    iterations: int | None = None,
) -> Float[Tensor, "B T N"]:
    """Logarithm of the plan; the lowest number of the dtype, whose exponential is 0, where a patch is not real.

    Sinkhorn's updates of the potentials f, g of P = a b^T exp((f + g - C) / eps) are contractions by tau / (tau + eps)
    in the supremum norm, so a fixed number of iterations is enough for every case. Stopping on convergence would save
    little, would wait for the device, and would let the slowest case of a batch change the others.

    Args:
        cost: in [0, 1], as from `transport_cost`.
        iterations: instead of the number that follows from `eps` and `tau`; balanced transport, whose rate depends on
            the costs, takes 1000.
    """
    n_tokens = cost.shape[1]
    empty = ~patch_mask.any(dim=1, keepdim=True)
    usable = patch_mask | empty  # a case without patches is solved for its padding, and its plan dropped
    log_b = -usable.sum(dim=1, keepdim=True).to(cost.dtype).log().expand(cost.shape[0], cost.shape[2])
    log_b = log_b.masked_fill(~usable, float("-inf")).unsqueeze(1)  # (B, 1, N)
    log_a = -math.log(n_tokens)
    kernel = cost / -eps  # (B, T, N)
    damping = 1.0 if math.isinf(tau) else tau / (tau + eps)
    g = torch.zeros_like(kernel[:, :1])  # potentials over eps: (B, 1, N), and f (B, T, 1)
    f = torch.zeros_like(kernel[:, :, :1])
    for _ in range(enough_iterations(eps, tau) if iterations is None else iterations):
        f = -damping * (kernel + (g + log_b)).logsumexp(dim=2, keepdim=True)
        g = -damping * ((kernel + f).logsumexp(dim=1, keepdim=True) + log_a)
    return (kernel + f + g + log_b + log_a).masked_fill(~patch_mask.unsqueeze(1), torch.finfo(cost.dtype).min)


def enough_iterations(eps: float, tau: float) -> int:
    """Pairs of updates after which the potentials are within `PRECISION` of the fixed point."""
    if math.isinf(tau):
        return MOST_ITERATIONS
    return min(MOST_ITERATIONS, math.ceil(math.log(PRECISION) / (2 * math.log(tau / (tau + eps)))))
