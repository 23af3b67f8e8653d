"""Linear logistic hazard: Cox's model for time in bins, one intercept per bin and one slope for all of them.

Cox 1972, section 6; Singer and Willett 1993, It's About Time.
"""

from __future__ import annotations

from typing import Self

from pydantic import model_validator

from survviz.models.blocks.linear import LinearInput, LinearModel, ProportionalLinear
from survviz.models.blocks.modality_encoders import widths
from survviz.models.card import CLEAN_ROOM, Card
from survviz.models.registry import register


class LogisticHazardConfig(LinearInput):
    """Which columns, and how many bins."""

    @model_validator(mode="after")
    def _discrete(self) -> Self:
        if self.output != "discrete-hazard":
            raise ValueError("logistic-hazard gives discrete hazards; the linear log-hazard is 'cox'")
        return self


@register("logistic-hazard")
class LogisticHazard(LinearModel):
    """logit h_k(x) = a_k + x . w: the odds of the hazard are proportional.

    K + p parameters. A slope per bin (K (p + 1), Gensheimer and Narasimhan 2019) would learn from the events of one bin
    alone, and a cohort has some 50 to 150 events in all. Unlike a partial likelihood, the loss is a sum over patients,
    so that it can be trained with differential privacy.
    """

    card = Card(
        title="Logistic hazard (linear)",
        paper="Singer, Willett: It's About Time, Journal of Educational Statistics, 1993; Cox 1972, section 6",
        year=1993,
        family="clinic or omics",
        licence=f"a textbook method; {CLEAN_ROOM}",
        when_missing="the columns of an absent modality are zero and add nothing, as mean values and no category would",
        differences=(
            "A ridge penalty on the slope, not on the intercepts, is chosen by cross-validation inside the training "
            "part.",
            "One slope for all bins, not one per bin.",
            "The mean patch, expression, genomic tokens, miRNA and copy number can be read too.",
        ),
        parameters=28,
    )
    Config = LogisticHazardConfig
    config: LogisticHazardConfig

    def __init__(self, config: LogisticHazardConfig) -> None:
        super().__init__(config)
        self.output_layer = ProportionalLinear(sum(widths(config.reads).values()), config.n_outputs)
