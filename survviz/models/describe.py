"""What the registry says of its models, for `survviz models` and docs/models.md."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from survviz.models.card import TAKES_VECTOR
from survviz.models.registry import create_model, list_models
from survviz.types import MODALITIES

if TYPE_CHECKING:
    from survviz.models.base import Model
    from survviz.models.inputs import Reads


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
        "inputs": _inputs(model),
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


def _inputs(model: Model) -> list[dict[str, Any]]:
    """What it reads, in the order of `MODALITIES`."""
    reads = sorted(model.config.reads, key=lambda read: MODALITIES.index(read.modality))
    return [{"modality": read.modality, "form": _form(model, read), "shape": list(read.shape)} for read in reads]


def _form(model: Model, read: Reads) -> str:
    if read.form == "patches":
        return "feature vector" if model.card.pathology.startswith(TAKES_VECTOR) else "bag of patches"
    if read.name == "rna" and getattr(model.config, "programmes", None):
        return "expression of gene programmes"
    return read.form
