"""Two or more vectors of one case become one: products of their entries, with or without a gate.

Presence is the caller's affair: a modality that a case lacks comes as a vector of zeros.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from survviz.models.blocks.dense import rectified, xavier_normal

GateKind: TypeAlias = Literal["linear", "bilinear"]


class ModalityGate(nn.Module):
    """One modality, let through as far as both together say (Chen et al. 2020, Pathomic Fusion, equation 5; MAM).

    h = ReLU(W_h v), o = dropout(ReLU(W_o (sigmoid(z) * h))), where z is W [v_1; v_2] ("linear", as in PORPOISE) or
    v_1^T W v_2 ("bilinear", as in Pathomic Fusion and PG-MLIF). Without a gate, o = dropout(ReLU(W_o v)).

    Args:
        width: of the modality.
        first: width of the first of the two modalities.
        second: width of the second.
        hidden: width of h and o.
        kind: what the gate is made of; None for none.
        dropout: rate after the last layer.
    """

    def __init__(
        self, width: int, first: int, second: int, hidden: int, kind: GateKind | None, dropout: float = 0.25
    ) -> None:
        super().__init__()
        self.kind: GateKind | None = kind
        if kind == "linear":
            self.gate = nn.Linear(first + second, hidden)
        elif kind == "bilinear":
            self.gate = Bilinear(first, second, hidden)
        if kind is not None:
            self.encode = nn.Sequential(nn.Linear(width, hidden), nn.ReLU())
        self.out = rectified(width if kind is None else hidden, hidden, dropout)

    def forward(
        self, own: Float[Tensor, "B D"], first: Float[Tensor, "B D1"], second: Float[Tensor, "B D2"]
    ) -> Float[Tensor, "B H"]:
        """The modality `own`, which is `first` or `second`, after the gate."""
        if self.kind is None:
            return self.out(own)
        score = self.gate(first, second) if self.kind == "bilinear" else self.gate(torch.cat([first, second], dim=-1))
        return self.out(score.sigmoid() * self.encode(own))


class Bilinear(nn.Bilinear):
    """torch's, which autocast does not know: under it, the inputs come back to the type of the weights."""

    def forward(self, input1: Float[Tensor, "B D1"], input2: Float[Tensor, "B D2"]) -> Float[Tensor, "B H"]:
        """x1 A x2 + b."""
        return super().forward(input1.to(self.weight.dtype), input2.to(self.weight.dtype))


class OuterProductFusion(nn.Module):
    """Every product of an entry of one modality with one of the other, and each entry alone (B8).

    Each modality passes its gate and gets an appended 1, so that the outer product holds the two vectors themselves
    too; dropout, and two layers with ReLU. Chen et al. 2020, Pathomic Fusion, equations 5 and 6; PORPOISE, MCAT,
    SurvPath and CMTA have it with other sizes.

    Args:
        first: width of the first modality.
        second: width of the second.
        hidden: width of each after its gate.
        out: width of both layers after the outer product.
        gates: what each modality's gate is made of; None for none.
        skip: what is concatenated again before the last layer: "inputs", the two vectors as given (PORPOISE); "gated",
            those after the gates, with their appended 1 (Pathomic Fusion).
        encoder_dropout: dropout also after each of the last two layers (not in PORPOISE).
        dropout: rate.
    """

    def __init__(
        self,
        first: int,
        second: int,
        *,
        hidden: int = 32,
        out: int = 256,
        gates: tuple[GateKind | None, GateKind | None] = ("linear", "linear"),
        skip: Literal["inputs", "gated"] | None = None,
        encoder_dropout: bool = True,
        dropout: float = 0.25,
    ) -> None:
        super().__init__()
        self.skip: Literal["inputs", "gated"] | None = skip
        self.gate_first = ModalityGate(first, first, second, hidden, gates[0], dropout)
        self.gate_second = ModalityGate(second, first, second, hidden, gates[1], dropout)
        self.dropout = nn.Dropout(dropout)
        after = dropout if encoder_dropout else 0.0
        skipped = {None: 0, "inputs": first + second, "gated": 2 * (hidden + 1)}[skip]
        self.encode = rectified((hidden + 1) ** 2, out, after)
        self.mix = rectified(out + skipped, out, after)

    def forward(self, first: Float[Tensor, "B D1"], second: Float[Tensor, "B D2"]) -> Float[Tensor, "B E"]:
        """The two as one vector."""
        gated = append_one(self.gate_first(first, first, second)), append_one(self.gate_second(second, first, second))
        product = gated[0].unsqueeze(2) * gated[1].unsqueeze(1)  # (B, H + 1, H + 1)
        joint = self.encode(self.dropout(product.flatten(1)))
        skipped = {None: (), "inputs": (first, second), "gated": gated}[self.skip]
        return self.mix(torch.cat([joint, *skipped], dim=-1))


def append_one(values: Float[Tensor, "B D"]) -> Float[Tensor, "B D+1"]:
    """A last entry of 1, so that a product of such vectors also holds each vector alone."""
    return torch.cat([values, torch.ones_like(values[:, :1])], dim=-1)


class LowRankFusion(nn.Module):
    """Tensor fusion whose weight is a sum of rank-one tensors, so that the outer product is never formed (LMF).

    y = sum_i w_i prod_m (W_m^(i))^T [h_m; 1] + b: exactly the outer product of all [h_m; 1], times a weight tensor of
    CP rank `rank` per output. A modality of zeros leaves all lower-order terms of the others. Liu et al. 2018,
    Efficient Low-rank Multimodal Fusion with Modality-Specific Factors, equations 5 to 7.

    Each factor matrix starts by Xavier's rule, normal; so do the rank weights; the bias is zero. Parameters:
    rank * sum(width + 1) * out + rank + out; from (32, 32) to 64: 4,289, 8,514, 16,964, 33,864 for rank 1, 2, 4, 8.

    Args:
        widths: of the modalities, two or more.
        out: width of the result.
        rank: number of rank-one terms.
    """

    def __init__(self, widths: Sequence[int], out: int, rank: int = 4) -> None:
        super().__init__()
        self.factors = nn.ParameterList(nn.Parameter(torch.empty(rank, width + 1, out)) for width in widths)
        self.rank_weights = nn.Parameter(torch.empty(1, rank))
        self.bias = nn.Parameter(torch.zeros(out))
        for matrix in (self.rank_weights, *(matrix for factor in self.factors for matrix in factor)):
            nn.init.xavier_normal_(matrix)

    def forward(self, *values: Float[Tensor, "B _"]) -> Float[Tensor, "B E"]:
        """One vector of all modalities, given in the order of `widths`."""
        parts = [
            torch.einsum("bd,rde->bre", append_one(value), factor)
            for value, factor in zip(values, self.factors, strict=True)
        ]
        return (self.rank_weights @ torch.stack(parts).prod(dim=0)).squeeze(1) + self.bias


class GatedLowRankFusion(nn.Module):
    """A gate for each of two modalities (MAM), then their low-rank fusion (LMF); PG-MLIF, CA-MLIF.

    Args:
        width: of either modality.
        hidden: width of each after its gate.
        out: width of the fusion.
        rank: of the fusion.
        kind: what the gates are made of.
        dropout: rate.
    """

    def __init__(self, width: int, hidden: int, out: int, rank: int, kind: GateKind, dropout: float = 0.25) -> None:
        super().__init__()
        self.gate_first = ModalityGate(width, width, width, hidden, kind, dropout)
        self.gate_second = ModalityGate(width, width, width, hidden, kind, dropout)
        self.low_rank = LowRankFusion((hidden, hidden), out, rank)

    def forward(
        self, first: Float[Tensor, "B D"], second: Float[Tensor, "B D"], present: Bool[Tensor, "B 2"]
    ) -> tuple[Float[Tensor, "B E"], Float[Tensor, "B H"], Float[Tensor, "B H"]]:
        """The fusion, and each modality after its gate, zero where it is absent."""
        gated_first = self.gate_first(first, first, second) * present[:, :1]
        gated_second = self.gate_second(second, first, second) * present[:, 1:]
        return self.low_rank(gated_first, gated_second), gated_first, gated_second


class OptimalWeightConcatenation(nn.Module):
    """Pieces side by side, each entry weighted between 0 and 1 as all of them together say (OWC; PG-MLIF).

    x * sigmoid(W_2 ReLU(W_1 x)), x the concatenation. Parameters: width * hidden * 2 + width + hidden; for 130 and 75,
    19,705.
    """

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.weigh = nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, width), nn.Sigmoid())

    def forward(self, *pieces: Float[Tensor, "B _"]) -> Float[Tensor, "B E"]:
        """All pieces, weighted, in one vector."""
        joined = torch.cat(pieces, dim=-1)
        return joined * self.weigh(joined)


class LowRankBilinear(nn.Module):
    """W_o [(W_a x + a) * (W_b y + b)] + o: `rank` products of a number of x and a number of y (MLB; Kim et al. 2017).

    No activation, norm or dropout. The biases keep terms of x alone and of y alone. Weights start by Xavier's rule,
    normal; biases at zero. Keshvarikhojasteh, Pluim, Veta 2026; from (512, 128) to 64 with rank 64, 45,248 parameters.
    """

    def __init__(self, first: int, second: int, out: int, rank: int = 64) -> None:
        super().__init__()
        self.first = nn.Linear(first, rank)
        self.second = nn.Linear(second, rank)
        self.out = nn.Linear(rank, out)
        self.apply(xavier_normal)

    def forward(self, first: Float[Tensor, "B D1"], second: Float[Tensor, "B D2"]) -> Float[Tensor, "B E"]:
        """The pair as one vector."""
        return self.out(self.first(first) * self.second(second))


class FactorisedBilinearPooling(nn.Module):
    """Per output, a sum of `rank` products of a number of x and a number of y, then signed root and L2 norm (MFB).

    z = sum over each `rank` entries of (U x) * (V y); sign(z) |z|^(1/2); z / |z|. Yu et al. 2017, Multi-modal
    Factorized Bilinear Pooling, equations 4 to 6; the root is z (|z| + 1e-6)^(-1/2), whose slope at zero is finite.
    """

    def __init__(self, first: int, second: int, out: int, rank: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.rank = rank
        self.first = nn.Linear(first, out * rank)
        self.second = nn.Linear(second, out * rank)
        self.dropout = nn.Dropout(dropout)

    def forward(self, first: Float[Tensor, "B D1"], second: Float[Tensor, "B D2"]) -> Float[Tensor, "B E"]:
        """The pair as one vector of length 1."""
        products = self.dropout(self.first(first) * self.second(second))
        pooled = products.unflatten(-1, (-1, self.rank)).sum(dim=-1)
        return functional.normalize(pooled * (pooled.abs() + 1e-6).rsqrt(), dim=-1)
