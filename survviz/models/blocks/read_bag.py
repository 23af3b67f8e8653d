"""All paths' reading of one large bag as a single function of autograd."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from survviz.models.blocks.bag_dropout import Masks
from survviz.models.blocks.bag_gradients import Looks, MeanRead, Mixing


class ReadBag(torch.autograd.Function):
    """What the tokens see of a bag, and the mean of what its patches make of the tokens.

    For each path: `Mixing` of its tokens' values, then `MeanRead`.
    """

    @staticmethod
    def forward(
        ctx: Any,
        patches: Float[Tensor, "n D"],
        mask: Bool[Tensor, " n"],
        rows: Float[Tensor, "R D"],
        shifts: Float[Tensor, "R 1"],
        weight: Float[Tensor, "E E"],
        bias: Float[Tensor, " E"],
        masks: Masks | None,
        eps: tuple[float, float, float],
        *mixtures: Tensor,
    ) -> tuple[Tensor, ...]:
        """What is seen (T, D), its mass (T,), and (E,) for each path.

        Args:
            patches: whose mean over D is 0.
            rows, shifts: of all paths' queries, then of all their keys.
            weight, bias: of the last layer, see `MeanRead`.
            eps: of the norms of patches, mixtures and outputs.
            mixtures: covariances of the values (T_i, T_i) of all paths, then their rows (T_i + 1, E).
        """
        n_paths = len(mixtures) // 2
        covariances, values = mixtures[:n_paths], mixtures[n_paths:]
        share = mask.to(torch.promote_types(patches.dtype, torch.float32)) / mask.sum().clamp(min=1)
        with torch.autocast(patches.device.type, enabled=False):
            looks = Looks(patches, mask, rows, shifts, eps[0])
            answers = looks.logits[len(rows) // 2 :].split([len(one) for one in covariances])
            mixings = [Mixing(own, one, eps[1]) for own, one in zip(answers, covariances, strict=True)]
            reads = [
                MeanRead(own.values.to(patches.dtype), one, weight, bias, share, masks, eps[2])
                for own, one in zip(mixings, values, strict=True)
            ]
        _save(ctx, [looks, *mixings, *reads])
        ctx.dtypes = [one.dtype for one in (rows, shifts, weight, bias, *mixtures)]
        return looks.seen, looks.mass, *(one.mean for one in reads)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_seen: Tensor, d_mass: Tensor, *d_means: Tensor) -> tuple[Tensor | None, ...]:
        """Of all but mask, masks and eps."""
        looks, *steps = _saved(ctx)
        mixings, reads = steps[: len(d_means)], steps[len(d_means) :]
        learns = any(ctx.needs_input_grad[1:])
        of_reads = [own.backward(grad, learns) for own, grad in zip(reads, d_means, strict=True)]
        of_mixings = [own.backward(one[0]) for own, one in zip(mixings, of_reads, strict=True)]
        d_patches, d_rows, d_shifts = looks.backward(d_seen, d_mass, torch.cat([one[0] for one in of_mixings]))
        if not learns:  # a map: weights and tokens stay as they are
            return d_patches, *[None] * (len(ctx.needs_input_grad) - 1)
        grads = [d_rows, d_shifts, sum(one[2] for one in of_reads), sum(one[3] for one in of_reads)]
        grads += [one[1] for one in of_mixings] + [one[1] for one in of_reads]
        d_rows, d_shifts, d_weight, d_bias, *d_mixtures = (
            grad.to(dtype) for grad, dtype in zip(grads, ctx.dtypes, strict=True)
        )
        return d_patches, None, d_rows, d_shifts, d_weight, d_bias, None, None, *d_mixtures


def _save(ctx: Any, steps: list[Any]) -> None:
    """Through autograd, which lets go of the tensors after the backward pass, unless the graph is retained."""
    ctx.steps = [(type(step), tuple(vars(step))) for step in steps]
    ctx.save_for_backward(*(value for step in steps for value in vars(step).values()))


def _saved(ctx: Any) -> list[Any]:
    tensors, steps = iter(ctx.saved_tensors), []
    for kind, names in ctx.steps:
        step = object.__new__(kind)
        vars(step).update({name: next(tensors) for name in names})
        steps.append(step)
    return steps
