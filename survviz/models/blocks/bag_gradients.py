"""The steps of `ReadBag` over one large bag, with gradients written by hand.

On a CPU a pass over thousands of patches costs about as much as a product with a few rows, and autograd makes many: a
copy of each operand, and one more for each sum of two gradients. Here patches stand last where a sum goes over tokens,
what several gradients need is computed once, and sums of products are one product.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from survviz.models.blocks.bag_dropout import Masks


def inverse_deviation(centred: Float[Tensor, "n E"], eps: float) -> Float[Tensor, " n"]:
    """As LayerNorm has it, of rows whose mean is 0; in fp32 or finer, from norms in the dtype of the rows."""
    norm = torch.linalg.vector_norm(centred, dim=-1)  # summed in fp32; to ask for fp32 would copy the rows
    return (norm.to(torch.promote_types(norm.dtype, torch.float32)).square() / centred.shape[-1] + eps).rsqrt()


class Looks:
    """Products of rows with normed patches, and attention over the patches by the first half of the rows.

    Attributes:
        logits: (2 T, n)
        seen: (T, D) mean of the normed patches by that attention; 0 where no patch is real.
        mass: (T,) log-sum-exp of the logits of real patches: what the bag weighs beside other keys.
    """

    def __init__(
        self,
        patches: Float[Tensor, "n D"],
        mask: Bool[Tensor, " n"],
        rows: Float[Tensor, "R D"],
        shifts: Float[Tensor, "R 1"],
        eps: float,
    ) -> None:
        self.patches, self.rows = patches, rows.to(patches.dtype)
        self.inverse = inverse_deviation(patches, eps)
        self.products = self.rows @ patches.mT  # (2 T, n)
        self.logits = self.products * self.inverse + shifts
        real = self.logits[: len(rows) // 2].masked_fill(~mask, float("-inf"))
        self.mass = real.logsumexp(dim=1)
        self.weights = (real - self.mass.clamp(min=torch.finfo(real.dtype).min).unsqueeze(1)).exp()  # (T, n)
        self.shares = (self.weights * self.inverse).to(patches.dtype)
        self.seen = self.shares @ patches

    def backward(
        self, d_seen: Float[Tensor, "T D"], d_mass: Float[Tensor, " T"], d_answers: Float[Tensor, "T n"]
    ) -> tuple[Float[Tensor, "n D"], Float[Tensor, "R D"], Float[Tensor, "R 1"]]:
        """Of patches, rows and shifts, given the gradient of the second half of the logits."""
        d_seen = d_seen.to(self.patches.dtype)
        d_shares = d_seen @ self.patches.mT  # (T, n)
        d_weights = d_shares * self.inverse
        d_weights -= (self.weights * d_weights).sum(dim=1, keepdim=True) - d_mass.unsqueeze(1)
        d_logits = torch.cat([self.weights * d_weights, d_answers])
        d_inverse = (d_logits * self.products).sum(dim=0) + (self.weights * d_shares).sum(dim=0)
        stretch = d_inverse * self.inverse**3 / -self.patches.shape[1]
        d_products = (d_logits * self.inverse).to(self.patches.dtype)
        d_patches = torch.addmm(
            self.patches * stretch.to(self.patches.dtype).unsqueeze(1),
            torch.cat([d_products, self.shares]).mT,
            torch.cat([self.rows, d_seen]),
        )
        return d_patches, d_products @ self.patches, d_logits.sum(dim=1, keepdim=True)


class Mixing:
    """Each patch's shares of T values, over the deviation of their mixture; and a row of ones, which adds a constant.

    Attributes:
        values: (T + 1, n)
    """

    def __init__(self, logits: Float[Tensor, "T n"], covariance: Float[Tensor, "T T"], eps: float) -> None:
        self.shares = logits.softmax(dim=0)
        self.towards = covariance.to(logits.dtype) @ self.shares
        self.inverse = ((self.towards * self.shares).sum(dim=0) + eps).rsqrt()
        self.values = torch.cat([self.shares * self.inverse, torch.ones_like(self.shares[:1])])

    def backward(self, grad: Float[Tensor, "T1 n"]) -> tuple[Float[Tensor, "T n"], Float[Tensor, "T T"]]:
        """Of logits and covariance."""
        grad = grad[:-1]
        d_variance = (grad * self.shares).sum(dim=0) * self.inverse**3 / -2
        d_shares = grad * self.inverse + 2 * d_variance * self.towards
        d_logits = self.shares * (d_shares - (d_shares * self.shares).sum(dim=0))
        return d_logits, (self.shares * d_variance) @ self.shares.mT


class MeanRead:
    """`share @ layer_norm(dropout(gelu(mixing.T @ rows)) @ weight.T + bias)`, the norm without its weights.

    Computed in the dtype of `mixing`. `weight` and `bias` have mean 0 over the output, and the weight the dropout's
    scale. Every patch has the same gradient but for its share.

    Attributes:
        mean: (E,)
    """

    OFF = -1e4
    """Added to what is dropped: there, GELU and its derivative are 0, so no mask is kept for the gradient."""

    def __init__(
        self,
        mixing: Float[Tensor, "T n"],
        rows: Float[Tensor, "T E"],
        weight: Float[Tensor, "E E"],
        bias: Float[Tensor, " E"],
        share: Float[Tensor, " n"],
        masks: Masks | None,
        eps: float,
    ) -> None:
        self.mixing, self.rows, self.weight = mixing, rows.to(mixing.dtype), weight.to(mixing.dtype)
        shape = torch.Size((mixing.shape[1], rows.shape[1]))
        dropped = masks.draw(shape, mixing.dtype, self.OFF) if masks else mixing.new_zeros(1)
        self.hidden = torch.addmm(dropped, mixing.mT, self.rows)  # (n, E)
        self.active = functional.gelu(self.hidden)
        self.read = torch.addmm(bias.to(mixing.dtype), self.active, self.weight.mT)
        self.inverse = inverse_deviation(self.read, eps)
        self.share = share * self.inverse
        self.mean = (self.share.to(mixing.dtype).unsqueeze(0) @ self.read).squeeze(0)

    def backward(
        self, grad: Float[Tensor, " E"], learns: bool = True
    ) -> tuple[Tensor, Tensor | None, Tensor | None, Tensor | None]:
        """Of mixing, and where anything but the patches learns of rows, weight and bias.

        The part of a patch's gradient that is equal over the width is left out: weights with mean 0 do not feel it.
        """
        grad = grad.to(self.read.dtype)
        shrink = (self.read @ grad) * self.inverse.square() * self.share / -len(grad)
        d_read = self.read * shrink.to(grad.dtype).unsqueeze(1)
        d_read.addcmul_(self.share.to(grad.dtype).unsqueeze(1), grad)
        d_hidden = torch.ops.aten.gelu_backward(d_read @ self.weight, self.hidden)
        of_mixing = self.rows @ d_hidden.mT
        if not learns:
            return of_mixing, None, None, None
        return of_mixing, self.mixing @ d_hidden, d_read.mT @ self.active, d_read.sum(dim=0)
