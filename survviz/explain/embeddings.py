"""Shares of a model's fused embeddings by integrated gradients, as in SurvPGC Table 3, but by name, never by position.

Hou et al. 2025 attribute what their head reads; their script fed the embeddings in another order than the model did.
"""

from __future__ import annotations

import torch
from captum.attr import IntegratedGradients
from torch import Tensor

from survviz.explain.baselines import Reference
from survviz.explain.targets import Target, risk
from survviz.explain.ways import InputWay
from survviz.models import Model
from survviz.types import Inputs, Modality

STEPS = 64


def embedding_contributions(
    model: Model, inputs: Inputs, *, target: Target = risk, baseline: Reference, steps: int = STEPS
) -> dict[str, float]:
    """Embedding -> what it adds to the target; {} where the model has no head that reads named embeddings.

    The way starts at the embeddings of the baseline, so the values add up to the same change as those of the inputs.

    Args:
        inputs: a batch of one case.
        steps: of the quadrature (Gauss-Legendre).
    """
    if not model.fused:
        return {}
    way = InputWay(model, inputs, target, baseline)
    with torch.no_grad():
        ends = [model(way.batch(share)).embeddings for share in (0.0, 1.0)]
    start, end = (tuple(one[name] for name in model.fused) for one in ends)

    def answer(*embeddings: Tensor) -> Tensor:
        n = len(embeddings[0])
        present: dict[Modality, Tensor] = {name: here.expand(n) for name, here in way.inputs.present.items()}
        return target(model.from_embeddings(dict(zip(model.fused, embeddings, strict=True)), present))

    found = IntegratedGradients(answer).attribute(end, baselines=start, n_steps=steps, method="gausslegendre")
    return {name: float(values.double().sum()) for name, values in zip(model.fused, found, strict=True)}
