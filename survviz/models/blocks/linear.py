"""Linear models of everything that a case has as columns: their settings, and a layer with one slope for all bins."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from survviz.models.blocks.modality_encoders import ONE_HOT_FIELDS
from survviz.models.inputs import ClinicalVectorInput, CnvInput, ExpressionInput, MirnaInput, PatchInput
from survviz.types import Modality


class LinearInput(ClinicalVectorInput, ExpressionInput, MirnaInput, CnvInput, PatchInput):
    """Any of the mean patch, clinical columns, expression (or genomic tokens, one after another), miRNA, copy number."""

    clinical_fields: dict[str, tuple[int, ...]] = ONE_HOT_FIELDS
    modalities: tuple[Modality, ...] = ("clinical",)

    @classmethod
    def takes(cls) -> tuple[Modality, ...]:
        """More than the clinical columns that are read unless others are asked for."""
        return ("pathology", "clinical", "genomic", "mirna", "cnv")


class ProportionalLinear(nn.Linear):
    """One slope for all outputs, and an intercept for each: weight (1, W), bias (K,).

    A subclass of `nn.Linear` so that the bias starts at the base rate as that of any other last layer.
    """

    def __init__(self, width: int, n_outputs: int) -> None:
        super().__init__(width, 1)
        self.out_features = n_outputs
        self.bias = nn.Parameter(torch.zeros(n_outputs))

    def forward(self, input: Float[Tensor, "B W"]) -> Float[Tensor, "B K"]:
        """Intercepts plus the case's one linear predictor."""
        return functional.linear(input, self.weight) + self.bias


def contributions(
    weight: Float[Tensor, "1 W"], vectors: Mapping[Modality, Float[Tensor, "B W"]]
) -> dict[str, Float[Tensor, "B 1"]]:
    """Modality -> what its columns add to the linear predictor."""
    slopes = weight.split([vector.shape[1] for vector in vectors.values()], dim=1)
    return {name: vector @ slope.mT for (name, vector), slope in zip(vectors.items(), slopes, strict=True)}
