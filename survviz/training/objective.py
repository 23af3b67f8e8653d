"""What training minimises: a survival loss that fits the model's output, and the terms that its paper adds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool
from torch import Tensor

from survviz.errors import InputError
from survviz.losses import (
    cosine_hinge,
    cox_partial_likelihood,
    discrete_cross_entropy,
    discrete_nll,
    l1_alignment,
    l1_weights,
    pairwise_ranking,
    similarity_hinge,
)
from survviz.models import Model
from survviz.models.card import Auxiliary
from survviz.training.batches import Batch
from survviz.training.config import TrainConfig
from survviz.types import Modality, Output

OVER_RISK_SETS = ("cox", "ranking")
"""Losses that compare cases with each other, and so need many at once."""


@dataclass(frozen=True, slots=True)
class Labels:
    """Outcomes on the model's device, and which modalities each case showed.

    Attributes:
        bin, event, time: (n,)
        present: modality -> (n,)
    """

    bin: Tensor
    event: Tensor
    time: Tensor
    present: dict[Modality, Tensor]

    @classmethod
    def of(cls, batches: Sequence[Batch], device: torch.device) -> Labels:
        """Of several batches, one after another."""
        names = batches[0].inputs.present
        return cls(
            bin=torch.cat([batch.bin for batch in batches]).to(device),
            event=torch.cat([batch.event for batch in batches]).to(device),
            time=torch.cat([batch.time for batch in batches]).to(device),
            present={name: torch.cat([batch.inputs.present[name] for batch in batches]).to(device) for name in names},
        )


def loss_name(model: Model, config: TrainConfig) -> str:
    """The loss that fits the model's output: the one asked for, by default the likelihood of its kind.

    Raises:
        InputError: the loss asked for needs the other kind of output.
    """
    discrete = model.config.output == "discrete-hazard"
    if config.loss is None:
        return "nll" if discrete else "cox"
    if (config.loss in OVER_RISK_SETS) == discrete and config.loss != "ranking":
        raise InputError(
            f"Loss {config.loss!r} was asked for, but {model.name} gives {model.config.output} output. "
            f"Set model_settings output to {'log-hazard' if discrete else 'discrete-hazard'!r}, or choose another loss."
        )
    return config.loss


def survival_loss(name: str, output: Output, labels: Labels, config: TrainConfig) -> Tensor:
    """Mean over cases, events or pairs, as the loss defines it."""
    if name == "nll":
        return discrete_nll(output.logits, labels.bin, labels.event, alpha=config.alpha)
    if name == "cross-entropy":
        return discrete_cross_entropy(output.logits, labels.bin, labels.event, alpha=config.alpha)
    if name == "cox":
        return cox_partial_likelihood(output.risk, labels.time, labels.event, ties=config.ties)
    return pairwise_ranking(output.risk, labels.time, labels.event)


def objective(model: Model, outputs: Sequence[Output], labels: Labels, config: TrainConfig) -> Tensor:
    """The loss of several forward passes taken together, so that a risk set may be larger than a batch.

    SurvPGC's cosine term is mixed in as (1 - beta) loss + beta cosine; other terms are added with their weights.
    """
    output = together(outputs)
    loss = survival_loss(loss_name(model, config), output, labels, config)
    for term in model.auxiliary:
        if term.kind == "cosine" and config.beta:
            loss = (1 - config.beta) * loss + config.beta * auxiliary_loss(term, output, labels)
        weight = config.auxiliary.get(term.kind, term.weight)
        if weight:
            loss = loss + weight * auxiliary_loss(term, output, labels)
    strength = model.l1 if config.l1 is None else config.l1
    return loss + strength * l1_weights(model.penalised()) if strength else loss


def auxiliary_loss(term: Auxiliary, output: Output, labels: Labels) -> Tensor:
    """One term between embeddings; a case counts where every modality in their names is present."""
    if term.kind == "similarity":
        stacked = torch.stack([output.embeddings[name] for name in term.first], dim=1)  # (n, M, E)
        return similarity_hinge(stacked, torch.stack([_present((name,), labels) for name in term.first], dim=1))
    first, second = (torch.cat([output.embeddings[name] for name in names], -1) for names in (term.first, term.second))
    present = _present((*term.first, *term.second), labels)
    if term.kind == "cosine":
        return cosine_hinge(first, second, present)
    return l1_alignment(first, second, present, detach_source=term.kind == "l1-to-fixed")


def together(outputs: Sequence[Output]) -> Output:
    """Several batches as one."""
    if len(outputs) == 1:
        return outputs[0]
    names = outputs[0].embeddings
    embeddings = {name: torch.cat([output.embeddings[name] for output in outputs]) for name in names}
    return Output(torch.cat([output.logits for output in outputs]), outputs[0].kind, embeddings)


def _present(embeddings: Sequence[str], labels: Labels) -> Bool[Tensor, " n"]:
    here = torch.ones_like(labels.event)
    for modality in {part for name in embeddings for part in name.split("|")}:
        here = here & labels.present.get(modality, torch.ones_like(here))  # type: ignore[call-overload]
    return here
