"""Two or more vectors of one case become one: products of their entries, with or without a gate.

Presence is the caller's affair: a modality that a case lacks comes as a vector of zeros.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor, nn

from survviz.models.blocks.dense import rectified

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
            self.gate = nn.Bilinear(first, second, hidden)
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
