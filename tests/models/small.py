"""Every registered model at a size that a test can afford."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from survviz.models import create_model, list_models, model_config
from survviz.models.base import Model
from survviz.models.inputs import random_inputs
from survviz.types import MODALITIES, Inputs, Modality

PROGRAMMES = {"Hypoxia": (0, 3, 4), "Angiogenesis": (1,), "Cell cycle": (2, 3, 5, 6)}
SMALL: dict[str, Any] = {
    "d_patch": 7,
    "d_clinical": 5,
    "d_genomic": 6,
    "clinical_tokens": ("age", "sex", "stage"),
    "clinical_fields": {"age": (0,), "sex": (1, 2), "stage": (3, 4, 5)},
    "genomic_tokens": ("source", "target"),
    "programmes": PROGRAMMES,
    "n_genes": 12,
    "n_mirna": 9,
    "n_cnv": 8,
    "d_embed": 16,
    "d_attention": 8,
    "d_hidden": 12,
    "heads": 2,
    "landmarks": 4,
    "genomic_layers": (14, 12, 10),
    "mirna_hidden": (10,),
    "cnv_hidden": (12, 10),
}
"""By the name of the setting; a model takes those that it has."""

VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "survpgc, precomputed genomic tokens": ("survpgc", {"programmes": None}),
    "survpgc, log-hazard": ("survpgc", {"output": "log-hazard"}),
    "mcat, bilinear fusion": ("mcat", {"fusion": "bilinear"}),
    "motcat, precomputed genomic tokens": ("motcat", {"programmes": None}),
    "survpath, genes alone": ("survpath", {"modalities": ("genomic",)}),
    "cox, every modality": ("cox", {"modalities": ("clinical", "genomic", "mirna", "cnv")}),
    "mlp-omics, precomputed genomic tokens": ("mlp-omics", {"n_genes": None}),
    "snn-omics, precomputed genomic tokens": ("snn-omics", {"n_genes": None}),
    "multisurv, attention": ("multisurv", {"fusion": "attention"}),
    "bilayer, learnt groups": ("bilayer", {"programmes": None}),
    "bilayer, with a linear path": ("bilayer", {"shortcut": True, "proportional": True}),
    "bilayer, precomputed genomic tokens": ("bilayer", {"programmes": None, "n_genes": None}),
    "ca-mlif, region vectors": ("ca-mlif", {"pathology": "regions", "residual_from": "other"}),
    "ca-mlif, released": ("ca-mlif", {"variant": "released", "programmes": None}),
    "pathomic-fusion, one gate and a skip": ("pathomic-fusion", {"gated": ("pathology",), "skip": True}),
    "bilinear, residual, no pathology": ("bilinear", {"residual": True, "modalities": ("genomic", "clinical")}),
}
"""Settings worth the whole contract, beside each model's own defaults: title -> (model, settings)."""


def small_model(title: str, seed: int = 0, **extra: Any) -> Model:
    """A model of the registry or one of `VARIANTS`, in evaluation mode."""
    name, settings = VARIANTS.get(title, (title, {}))
    known = model_config(name).model_fields
    torch.manual_seed(seed)
    config = {key: value for key, value in SMALL.items() if key in known}
    return create_model(name, **{**config, **settings, **extra}).eval()


def every_model() -> list[str]:
    """Names of all models, then the variants."""
    return [*list_models(), *VARIANTS]


def batch(model: Model, patches: tuple[int, ...] = (4, 1, 9), seed: int = 0) -> Inputs:
    """Noise of the shapes that the model reads."""
    return random_inputs(model.config.reads, patches, seed=seed)


def one(inputs: Inputs, row: int) -> Inputs:
    """One case of a batch, without its padding."""
    n = int(inputs.patch_mask[row].sum())
    pick = slice(row, row + 1)
    return Inputs(
        patches=inputs.patches[pick, :n],
        patch_mask=inputs.patch_mask[pick, :n],
        tokens={k: v[pick] for k, v in inputs.tokens.items()},
        vectors={k: v[pick] for k, v in inputs.vectors.items()},
        present={k: v[pick] for k, v in inputs.present.items()},
    )


def without(inputs: Inputs, *modalities: Modality, row: int | None = None) -> Inputs:
    """The same batch with modalities absent, in one case or in all."""
    present = {k: v.clone() for k, v in inputs.present.items()}
    for modality in modalities:
        present[modality][slice(None) if row is None else row] = False
    return replace(inputs, present=present)


def subsets(model: Model) -> list[tuple[Modality, ...]]:
    """Every way to lack modalities: all subsets of what the model reads but the empty one, the whole included."""
    names = [name for name in MODALITIES if name in model.modalities]
    return [
        tuple(name for bit, name in enumerate(names) if pattern >> bit & 1) for pattern in range(1, 1 << len(names))
    ]
