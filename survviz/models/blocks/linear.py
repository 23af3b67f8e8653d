"""Linear models of everything that a case has as columns: what they share, and a layer with one slope for all bins."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from survviz.models.base import Model
from survviz.models.blocks.modality_encoders import ONE_HOT_FIELDS, case_vectors
from survviz.models.inputs import ClinicalVectorInput, CnvInput, ExpressionInput, MirnaInput, PatchInput, checked
from survviz.types import Inputs, Modality, Output


class LinearInput(ClinicalVectorInput, ExpressionInput, MirnaInput, CnvInput, PatchInput):
    """Any of mean patch, clinical columns, expression (or genomic tokens, one after another), miRNA, copy number."""

    clinical_fields: dict[str, tuple[int, ...]] = ONE_HOT_FIELDS
    modalities: tuple[Modality, ...] = ("clinical",)

    @classmethod
    def takes(cls) -> tuple[Modality, ...]:
        """More than the clinical columns that are read unless others are asked for."""
        return ("pathology", "clinical", "genomic", "mirna", "cnv")


class LinearModel(Model):
    """A linear layer on the columns of a case, fitted to convergence under one or more priors.

    Columns are standardised or one-hot, so that an absent modality, whose columns are zero, adds nothing. The embedding
    of a modality is the one number that its columns add to the linear predictor.

    Attributes:
        averages_priors: True: the fits under all priors are averaged; False: the best one is kept.
    """

    config: LinearInput
    averages_priors: ClassVar[bool] = False

    def vectors(self, inputs: Inputs) -> dict[Modality, Float[Tensor, "B W"]]:
        """Modality -> its columns, of a checked batch."""
        return case_vectors(inputs, self.config.reads)

    def columns(self, inputs: Inputs) -> Float[Tensor, "B W"]:
        """What the linear layer sees of a batch; fitting needs nothing else."""
        return torch.cat(list(self.vectors(checked(inputs, self.config.reads)).values()), dim=1)

    def prior_sds(
        self, columns: Float[Tensor, "n W"], n_terms: int, ridges: Sequence[float]
    ) -> Iterator[Float[Tensor, " W"]]:
        """Standard deviations of the weights under each prior to try, the tightest first; 0 = the weight stays 0.

        Here one penalty for all: ridge / 2 x sum of squares, added to the mean loss.

        Args:
            columns: of the cases that the model is fitted on.
            n_terms: what the loss is a mean over, events or cases.
            ridges: penalties, strongest first.
        """
        for ridge in ridges:
            yield columns.new_full((columns.shape[1],), (ridge * n_terms) ** -0.5)

    def compute(self, inputs: Inputs, *, attention: bool) -> Output:
        """The linear predictor (of every bin), and what each modality adds to it."""
        vectors = self.vectors(inputs)
        logits = self.output_layer(torch.cat(list(vectors.values()), dim=1))
        return Output(logits, self.config.output, contributions(self.output_layer.weight, vectors))


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
