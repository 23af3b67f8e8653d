"""What the registry says of its models, for `survviz models` and docs/models.md."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from survviz.models.registry import create_model, list_models

if TYPE_CHECKING:
    from survviz.models.base import Model
    from survviz.models.inputs import Reads

FORMS = {"patches": "bag of patches", "tokens": "tokens", "vector": "vector"}


def describe(name: str) -> dict[str, Any]:
    """One model at its published sizes, as JSON values; no weight is allocated.

    Raises:
        UnknownNameError: no model has this name.
    """
    import torch

    with torch.device("meta"):
        model = create_model(name)
    card = model.card
    return {
        "name": name,
        "title": card.title,
        "paper": card.paper,
        "year": card.year,
        "family": card.family,
        "inputs": [_input(read) for read in model.config.reads],
        "pathology": card.pathology,
        "output": model.config.output,
        "parameters": n_parameters(model),
        "attention": [asdict(attends) for attends in model.attends],
        "when_missing": card.when_missing,
        "licence": card.licence,
        "differences": list(card.differences),
    }


def describe_all() -> list[dict[str, Any]]:
    """Every model, by family, then year, then name."""
    families = ("clinic or omics", "pathology", "pathology + omics", "with clinic", "pan-cancer")
    found = [describe(name) for name in list_models()]
    return sorted(found, key=lambda one: (families.index(one["family"]), one["year"], one["name"]))


def n_parameters(model: Model) -> int:
    """Number of trainable numbers."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


def _input(read: Reads) -> dict[str, Any]:
    return {"modality": read.modality, "form": FORMS[read.form], "shape": list(read.shape)}
