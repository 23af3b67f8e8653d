"""A bag laid out as a square, so that convolutions give its patches positions. Shapes are (batch, tokens, width).

Shao et al. 2021, TransMIL, section 3.3 (PPEG). A square follows the order of the patches, not their place on the slide.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True, slots=True)
class Squares:
    """Bags of n patches as n <= side^2 tokens: the real patches in order, then the first ones again until it is full.

    Attributes:
        source: (B, S) index of each token's patch.
        mask: (B, S), True = token; the first side^2.
        side: (B,) ceil(sqrt(n)), 0 for an empty bag.
        place: (B, N) token of each patch, of its first copy; of a masked patch, any.
    """

    source: Int[Tensor, "B S"]
    mask: Bool[Tensor, "B S"]
    side: Int[Tensor, " B"]
    place: Int[Tensor, "B N"]

    def take(self, patches: Float[Tensor, "B N D"]) -> Float[Tensor, "B S D"]:
        """Patches -> tokens; those that are masked carry no meaning."""
        return patches.gather(1, self.source.unsqueeze(-1).expand(-1, -1, patches.shape[-1]))

    def log_shares(self, weights: Float[Tensor, "B H Q S"]) -> Float[Tensor, "B H Q N"]:
        """Weights of tokens -> log of the shares of patches: copies are added, what is below 0 is 0, the sum is 1.

        A share of 0 is given as the smallest number there is, so that its log is finite.
        """
        weights = weights.where(self.mask[:, None, None], 0)
        source = self.source[:, None, None].expand_as(weights)
        sums = weights.new_zeros(*weights.shape[:-1], self.place.shape[1]).scatter_add(-1, source, weights)
        return sums.clamp(min=torch.finfo(sums.dtype).tiny).log().log_softmax(dim=-1)

    def of_patches(self, rows: Float[Tensor, "B H S K"]) -> Float[Tensor, "B H N K"]:
        """Rows of tokens -> rows of patches, each that of its first copy."""
        index = self.place[:, None, :, None].expand(-1, rows.shape[1], -1, rows.shape[-1])
        return rows.gather(2, index)


def squares(mask: Bool[Tensor, "B N"]) -> Squares:
    """Lay bags out as squares.

    Args:
        mask: (B, N), True = real patch, anywhere in the row.
    """
    n_patches = mask.sum(dim=1, keepdim=True)  # (B, 1)
    longest = math.isqrt(max(mask.shape[1] - 1, 0)) + 1  # side of a full row: no look at the values
    sides = torch.arange(longest + 1, device=mask.device)
    side = (sides.square() < n_patches).sum(dim=1, keepdim=True)  # (B, 1): exact, unlike a rounded root
    token = torch.arange(longest * longest, device=mask.device)
    real_first = (~mask).to(torch.uint8).argsort(dim=1, stable=True)
    source = real_first.gather(1, token % n_patches.clamp(min=1))
    place = (mask.cumsum(dim=1) - 1).clamp(min=0)
    return Squares(source, token < side.square(), side.squeeze(1), place)


class PyramidPositions(nn.Module):
    """x + three depthwise convolutions of its square, 7 x 7, 5 x 5 and 3 x 3 (B12; PPEG).

    The squares of a batch lie in the upper left corner of one canvas of zeros, so each sees zeros around itself, as it
    would alone. The three kernels are added up and run as one.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(
            nn.Conv2d(width, width, size, padding=size // 2, groups=width) for size in (7, 5, 3)
        )

    def forward(self, tokens: Float[Tensor, "B S D"], side: Int[Tensor, " B"]) -> Float[Tensor, "B S D"]:
        """Tokens with positions; case i has side[i]^2 tokens, and what follows them carries no meaning."""
        n_tokens, width = tokens.shape[1:]
        canvas_side = math.isqrt(n_tokens)
        row = torch.arange(canvas_side, device=tokens.device)
        inside = row < side.unsqueeze(1)  # (B, L): rows of the canvas, and columns, that a case fills
        inside = inside.unsqueeze(2) & inside.unsqueeze(1)  # (B, L, L)
        token = row[:, None] * side[:, None, None] + row  # (B, L, L): the token of each cell
        index = token.where(inside, 0).flatten(1).unsqueeze(-1).expand(-1, -1, width)
        canvas = tokens.gather(1, index).masked_fill(~inside.flatten(1).unsqueeze(-1), 0)  # (B, L L, D)

        canvas = canvas.unflatten(1, (canvas_side, canvas_side)).permute(0, 3, 1, 2)  # (B, D, L, L)
        kernel, bias = self._kernel()
        moved = functional.conv2d(canvas, kernel, bias, padding=3, groups=width).flatten(2).mT  # (B, L L, D)

        token = torch.arange(n_tokens, device=tokens.device)
        across = side.clamp(min=1).unsqueeze(1)
        cell = token // across * canvas_side + token % across  # (B, S): the cell of each token
        index = cell.clamp(max=n_tokens - 1).unsqueeze(-1).expand(-1, -1, width)
        return tokens + moved.gather(1, index)

    def _kernel(self) -> tuple[Tensor, Tensor]:
        layers = [cast(nn.Conv2d, layer) for layer in self.convolutions]
        kernels = [functional.pad(layer.weight, (3 - layer.kernel_size[0] // 2,) * 4) for layer in layers]
        return torch.stack(kernels).sum(dim=0), torch.stack([cast(Tensor, layer.bias) for layer in layers]).sum(dim=0)
