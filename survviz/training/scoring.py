"""A model's answers for a part of a fold, and how well they fit."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from survviz.evaluation import UndefinedMetricError, concordance_index
from survviz.models import Model
from survviz.training.batches import Collate, Part, evaluation_batches
from survviz.training.config import TrainConfig
from survviz.training.objective import Labels, loss_name, survival_loss
from survviz.training.precision import Precision, call
from survviz.training.processes import World, share_of
from survviz.types import Output


def score(model: Model, part: Part, collate: Collate, precision: Precision = "fp32") -> Output:
    """Logits of every case of a part in evaluation mode, on the CPU; embeddings are not kept.

    With several processes each scores its share, and all get the logits of all.
    """
    world, device = World.current(), next(model.parameters()).device
    model.eval()
    with torch.inference_mode():
        mine = evaluation_batches(share_of(part, world), collate)
        outputs = [call(model, batch.inputs.to(device), precision) for batch in mine]
    logits = world.gather(torch.cat([output.logits for output in outputs]), len(part))
    return Output(logits.cpu(), outputs[0].kind, {})


def risks(output: Output) -> NDArray[np.float64]:
    """(n,) risks."""
    return output.risk.double().cpu().numpy()


def validate(
    model: Model, part: Part, collate: Collate, config: TrainConfig, precision: Precision = "fp32"
) -> tuple[float | None, float | None]:
    """Mean loss (without auxiliary terms) and C-index of a part; None where there is no case or no comparable pair."""
    if not len(part):
        return None, None
    output = score(model, part, collate, precision)
    labels = Labels(part.bin, part.event, torch.from_numpy(part.time), {})
    loss = float(survival_loss(loss_name(model, config), output, labels, config.model_copy(update={"alpha": 0.0})))
    try:
        c_index = concordance_index(risks(output), part.time, part.event.numpy())
    except UndefinedMetricError:
        c_index = None
    return World.current().agreed(loss, c_index, device=next(model.parameters()).device)
