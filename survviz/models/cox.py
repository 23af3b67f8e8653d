"""Cox: the log-hazard is a weighted sum of the columns. The floor under every clinical claim.

Cox 1972, Regression Models and Life-Tables; in the SurvPGC comparison it is the row Cox (Clinic).
"""

from __future__ import annotations

from typing import Self

from pydantic import model_validator
from torch import nn

from survviz.models.blocks.linear import LinearInput, LinearModel
from survviz.models.blocks.modality_encoders import widths
from survviz.models.card import CLEAN_ROOM, Card
from survviz.models.inputs import OutputKind
from survviz.models.registry import register


class CoxConfig(LinearInput):
    """Which columns; `n_bins` is not used."""

    output: OutputKind = "log-hazard"

    @model_validator(mode="after")
    def _log_hazard(self) -> Self:
        if self.output != "log-hazard":
            raise ValueError("Cox gives a log-hazard; the linear discrete-time model is 'logistic-hazard'")
        return self


@register("cox")
class Cox(LinearModel):
    """log h(t | x) = log h_0(t) + x . w, without a bias, which the partial likelihood cannot see."""

    card = Card(
        title="Cox proportional hazards",
        paper="Cox: Regression Models and Life-Tables, Journal of the Royal Statistical Society B, 1972",
        year=1972,
        family="clinic or omics",
        licence=f"a textbook method; {CLEAN_ROOM}",
        when_missing="the columns of an absent modality are zero and add nothing, as mean values and no category would",
        differences=(
            "A ridge penalty, chosen by cross-validation inside the training part, keeps separable and collinear "
            "columns finite; the SurvPGC paper names none.",
            "Ties follow Efron; the SurvPGC paper names no rule.",
            "The mean patch, expression, genomic tokens, miRNA and copy number can be read too.",
        ),
        parameters=24,
    )
    Config = CoxConfig
    config: CoxConfig

    def __init__(self, config: CoxConfig) -> None:
        super().__init__(config)
        self.output_layer = nn.Linear(sum(widths(config.reads).values()), 1, bias=False)
