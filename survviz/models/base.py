"""What every model is: a module with a name, a frozen configuration, named tokens, and one `forward`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import ClassVar

from jaxtyping import Bool, Float
from torch import Tensor, nn

from survviz.errors import InputError
from survviz.models.card import Attends, Auxiliary, Card
from survviz.models.inputs import ModelConfig, checked
from survviz.types import LEARNT_QUERY, Inputs, Modality, Output


class Model(nn.Module, ABC):
    """Base of every model.

    Attributes:
        name: as in the registry.
        card: where it comes from and what differs.
        Config: class of its settings.
        l1: weight of the sum of absolute `penalised()` weights, as published; 0 = none.
        order_matters: True where the order of the patches changes the answer.
        shares_bag: True where one bag under many masks (`patches` expanded from one case) costs little more than once.
        config: its settings.
        attends: each attention that it can return.
        auxiliary: loss terms between its embeddings.
        fused: names of the embeddings from which `from_embeddings` computes the answer; () where a model has no such
            head.
        output_layer: the last linear layer, whose bias the trainer starts at the base rate.
    """

    name: ClassVar[str]
    card: ClassVar[Card]
    Config: ClassVar[type[ModelConfig]]
    l1: ClassVar[float] = 0.0
    order_matters: ClassVar[bool] = False
    shares_bag: ClassVar[bool] = False

    config: ModelConfig
    attends: tuple[Attends, ...] = ()
    auxiliary: tuple[Auxiliary, ...] = ()
    fused: tuple[str, ...] = ()
    output_layer: nn.Linear

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """What it reads; anything else in the input is ignored."""
        return self.config.modalities

    @property
    def token_names(self) -> Mapping[str, tuple[str, ...]]:
        """Token group -> names, in the order of the group's rows in attention."""
        learnt = (
            {LEARNT_QUERY: (LEARNT_QUERY,)} if any(attends.query == LEARNT_QUERY for attends in self.attends) else {}
        )
        return {**self.config.token_names, **learnt}

    @property
    def directions(self) -> tuple[tuple[str, str], ...]:
        """(query, key) of each attention that it can return."""
        return tuple(attends.direction for attends in self.attends)

    def penalised(self) -> Iterable[Tensor]:
        """Weights under the L1 penalty."""
        return ()

    def forward(self, inputs: Inputs, *, attention: bool = False) -> Output:
        """Score a padded batch; attention matrices are kept only when asked for.

        Raises:
            InputError: the batch has no case, or is not of the widths that the model was built for.
        """
        return self.compute(checked(inputs, self.config.reads), attention=attention)

    def from_embeddings(
        self, embeddings: Mapping[str, Float[Tensor, "B E"]], present: Mapping[Modality, Bool[Tensor, " B"]]
    ) -> Output:
        """What the head makes of the embeddings that `fused` names, however they came about.

        Raises:
            InputError: the model has no such head.
        """
        raise InputError(f"Model {self.name!r} has no head that reads named embeddings alone.")

    @abstractmethod
    def compute(self, inputs: Inputs, *, attention: bool) -> Output:
        """Score a batch in which everything that the configuration reads is there, zero where a case lacks it."""
