"""Cox: the log-hazard is a weighted sum of the columns. The floor under every clinical claim.

Cox 1972, Regression Models and Life-Tables; in the SurvPGC comparison it is the row Cox (Clinic).
"""

from __future__ import annotations

from typing import Self

import torch
from pydantic import model_validator
from torch import Tensor, nn

from survviz.models.base import Model
from survviz.models.blocks.linear import LinearInput, contributions
from survviz.models.blocks.modality_encoders import case_vectors, widths
from survviz.models.card import CLEAN_ROOM, Card
from survviz.models.inputs import OutputKind
from survviz.models.registry import register
from survviz.types import Inputs, Output


class CoxConfig(LinearInput):
    """Which columns; `n_bins` is not used."""

    output: OutputKind = "log-hazard"

    @model_validator(mode="after")
    def _log_hazard(self) -> Self:
        if self.output != "log-hazard":
            raise ValueError("Cox gives a log-hazard; the linear discrete-time model is 'logistic-hazard'")
        return self


@register("cox")
class Cox(Model):
    """log h(t | x) = log h_0(t) + x . w, without a bias, which the partial likelihood cannot see.

    Columns are standardised or one-hot, so that an absent modality, whose columns are zero, adds nothing. The embedding
    of a modality is the one number that its columns add to the log-hazard.
    """

    card = Card(
        title="Cox proportional hazards",
        paper="Cox: Regression Models and Life-Tables, Journal of the Royal Statistical Society B, 1972",
        year=1972,
        family="clinic or omics",
        licence=f"a textbook method; {CLEAN_ROOM}",
        when_missing="the columns of an absent modality are zero and add nothing, as mean values and no category would",
        differences=(
            "A ridge penalty, chosen on inner validation, keeps separable and collinear columns finite; the SurvPGC "
            "paper names none.",
            "Ties follow Efron; the SurvPGC paper names no rule.",
            "The mean patch, expression, genomic tokens, miRNA and copy number can be read too.",
        ),
        parameters=24,
    )
    Config = CoxConfig
    config: CoxConfig
    convex = True

    def __init__(self, config: CoxConfig) -> None:
        super().__init__(config)
        self.output_layer = nn.Linear(sum(widths(config.reads).values()), 1, bias=False)

    def ridge(self) -> Tensor:
        """Sum of squares of the weights under the ridge penalty."""
        return self.output_layer.weight.square().sum()

    def compute(self, inputs: Inputs, *, attention: bool) -> Output:
        """The log-hazard, and what each modality adds to it."""
        vectors = case_vectors(inputs, self.config.reads)
        logits = self.output_layer(torch.cat(list(vectors.values()), dim=1))
        return Output(logits, self.config.output, contributions(self.output_layer.weight, vectors))
