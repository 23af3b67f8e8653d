"""Self-attention at linear cost through landmarks, and the layers made of it. Shapes are (batch, tokens, width).

Xiong et al. 2021, Nystromformer, equations 13 to 15; Shao et al. 2021, TransMIL, for the layer and the tower. A case is
its real tokens alone: they come first, one at least, and padding is no key, no landmark and no neighbour.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from survviz.models.blocks.ppeg import PyramidPositions
from survviz.models.blocks.programmes import standard_normal


def segment_means(
    tokens: Float[Tensor, "B N D"], mask: Bool[Tensor, "B N"], landmarks: int
) -> tuple[Float[Tensor, "B M D"], Bool[Tensor, "B M"]]:
    """Means of M runs of consecutive real tokens, and which runs have any; `tokens` are zero where masked.

    As published, a case of n tokens is padded in front to a multiple of M and cut into M segments of ceil(n / M). The
    first segments then hold fewer real tokens or none; here the mean is over the real ones.
    """
    n_tokens = mask.sum(dim=1, keepdim=True)  # (B, 1)
    length = ((n_tokens + landmarks - 1) // landmarks).clamp(min=1)
    in_front = length * landmarks - n_tokens
    position = torch.arange(mask.shape[1], device=mask.device)
    segment = ((position + in_front) // length).clamp(max=landmarks - 1)  # (B, N)
    counts = tokens.new_zeros(len(tokens), landmarks).scatter_add(1, segment, mask.to(tokens.dtype))
    sums = tokens.new_zeros(len(tokens), landmarks, tokens.shape[-1])
    sums = sums.scatter_add(1, segment.unsqueeze(-1).expand_as(tokens), tokens)
    return sums / counts.clamp(min=1).unsqueeze(-1), counts > 0


def pseudo_inverse(matrix: Float[Tensor, "B H M M"], iterations: int) -> Float[Tensor, "B H M M"]:
    """Moore-Penrose inverse of matrices whose rows are shares that sum to 1, by a third-order Newton-Schulz iteration.

    The start is the transpose over the largest column sum of each matrix. A step is, with P = A Z,
    Z <- Z (13 I - P (15 I - P (7 I - P))) / 4, multiplied out so that no identity is added.
    """
    rows = matrix.flatten(0, 1)
    inverse = rows.mT / rows.sum(dim=1).amax(dim=1)[:, None, None]
    for _ in range(iterations):
        product = rows @ inverse
        inner = torch.baddbmm(product, product, product, beta=7, alpha=-1)
        inner = torch.baddbmm(product, product, inner, beta=15, alpha=-1)
        inverse = torch.baddbmm(inverse, inverse, inner, beta=13 / 4, alpha=-1 / 4)
    return inverse.view_as(matrix)


class NystromAttention(nn.Module):
    """softmax(Q L_k^T) pinv(softmax(L_q L_k^T)) softmax(L_q K^T) V, plus a depthwise convolution of V along the tokens.

    L_q and L_k are the landmarks: means of consecutive queries and keys, hence projections of means of tokens. Where a
    case has fewer tokens than landmarks, those that are left over are masked, and stand in the inner matrix as an
    identity block, which its inverse keeps apart. No matrix of tokens x landmarks is kept unless weights are asked for.

    Args:
        heads: must divide `width`.
        landmarks: M.
        iterations: of the pseudo-inverse; as published 6, which is short of convergence.
        taps: length of the convolution.
    """

    def __init__(
        self, width: int, heads: int, landmarks: int, *, iterations: int = 6, dropout: float = 0.1, taps: int = 33
    ) -> None:
        super().__init__()
        self.heads, self.landmarks, self.iterations, self.reach = heads, landmarks, iterations, taps // 2
        self.scale = (width // heads) ** -0.5
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.residual = nn.Conv2d(heads, heads, (taps, 1), padding=(self.reach, 0), groups=heads, bias=False)
        self.project = nn.Sequential(nn.Linear(width, width), nn.Dropout(dropout))

    def forward(
        self,
        tokens: Float[Tensor, "B N D"],
        mask: Bool[Tensor, "B N"],
        n_queries: int | None = None,
        *,
        weights: bool = False,
    ) -> tuple[Float[Tensor, "B Q D"], Float[Tensor, "B H Q N"] | None]:
        """New values of the first `n_queries` tokens (None: of all), and on request the weights that made them.

        The weights are rows of the N x N matrix that is otherwise never formed; their sum is near 1, and a few may be
        below 0, where the pseudo-inverse has not converged.
        """
        width = tokens.shape[-1]
        tokens = tokens.masked_fill(~mask.unsqueeze(-1), 0)
        means, alive = segment_means(tokens, mask, min(self.landmarks, tokens.shape[1]))
        to_query, to_key_value = self.qkv.weight.split((width, 2 * width))
        (query,) = self._split(functional.linear(tokens[:, :n_queries], to_query), 1)  # (B, H, Q, D/H)
        key, value = self._split(functional.linear(tokens, to_key_value), 2)  # (B, H, N, D/H)
        query_marks, key_marks, _ = self._split(self.qkv(means), 3)  # (B, H, M, D/H)

        keys, marks = mask[:, None, None], alive[:, None, None]  # (B, 1, 1, N) and (B, 1, 1, M)
        eye = torch.eye(marks.shape[-1], dtype=means.dtype, device=means.device)
        middle = self._shares(query_marks, key_marks, marks).where(marks.mT, eye)
        inverse = pseudo_inverse(middle, self.iterations)
        seen = functional.scaled_dot_product_attention(query_marks, key, value, attn_mask=keys)
        new = functional.scaled_dot_product_attention(query, key_marks, inverse @ seen, attn_mask=marks)
        near = value if n_queries is None else value[:, :, : n_queries + self.reach]
        new = new + self.residual(near)[:, :, :n_queries]
        new = self.project(new.transpose(1, 2).flatten(2))
        if not weights:
            return new, None
        rows = self._shares(query, key_marks, marks) @ inverse
        return new, rows @ self._shares(query_marks, key, keys)

    def _split(self, values: Tensor, parts: int) -> tuple[Tensor, ...]:
        """(B, N, parts * D) -> `parts` times (B, H, N, D/H)."""
        return values.unflatten(-1, (parts, self.heads, -1)).permute(2, 0, 3, 1, 4).unbind(0)

    def _shares(self, query: Tensor, key: Tensor, key_mask: Tensor) -> Tensor:
        return (query @ key.mT * self.scale).masked_fill(~key_mask, float("-inf")).softmax(dim=-1)


class TransLayer(nn.Module):
    """x + Nystrom(LayerNorm(x)) (B11), for the first `n_queries` tokens or all."""

    def __init__(self, width: int, heads: int, landmarks: int, dropout: float = 0.1) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.attend = NystromAttention(width, heads, landmarks, dropout=dropout)

    def forward(
        self,
        tokens: Float[Tensor, "B N D"],
        mask: Bool[Tensor, "B N"],
        n_queries: int | None = None,
        *,
        weights: bool = False,
    ) -> tuple[Float[Tensor, "B Q D"], Float[Tensor, "B H Q N"] | None]:
        """New tokens, and on request the weights, as `NystromAttention` has them."""
        new, rows = self.attend(self.norm(tokens), mask, n_queries, weights=weights)
        return tokens[:, :n_queries] + new, rows


class ClassTower(nn.Module):
    """A class token, two `TransLayer`s, between them the positions of a square grid if asked for, and a LayerNorm.

    Args:
        on_grid: with positions (B12); the tokens are then squares, see `ppeg.Squares`.
        class_std: standard deviation of the class token at the start.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        landmarks: int,
        dropout: float = 0.1,
        *,
        on_grid: bool = True,
        class_std: float = 1.0,
    ) -> None:
        super().__init__()
        self.class_token = nn.Parameter(standard_normal(1, 1, width).mul_(class_std))
        self.first = TransLayer(width, heads, landmarks, dropout)
        self.positions = PyramidPositions(width) if on_grid else None
        self.second = TransLayer(width, heads, landmarks, dropout)
        self.norm = nn.LayerNorm(width)

    def forward(
        self,
        tokens: Float[Tensor, "B N D"],
        mask: Bool[Tensor, "B N"],
        side: Int[Tensor, " B"] | None = None,
        *,
        only_class: bool = False,
        weights: bool = False,
    ) -> tuple[Float[Tensor, "B Q D"], Float[Tensor, "B H Q N"] | None]:
        """The class token and then the tokens (`only_class`: it alone), and the weights of the second layer.

        Columns of the weights are the tokens without the class token.
        """
        mask = functional.pad(mask, (1, 0), value=True)
        tokens = torch.cat([self.class_token.expand(len(tokens), -1, -1), tokens], dim=1)
        tokens, _ = self.first(tokens, mask)
        if self.positions is not None:
            tokens = torch.cat([tokens[:, :1], self.positions(tokens[:, 1:], side)], dim=1)
        tokens, rows = self.second(tokens, mask, 1 if only_class else None, weights=weights)
        return self.norm(tokens), None if rows is None else rows[..., 1:]
