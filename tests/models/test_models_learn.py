"""Each model can learn: it overfits sixteen cases, so that nothing in it stops the gradient or the signal."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from survviz.evaluation import concordance_index
from survviz.models import list_models
from survviz.models.inputs import random_inputs
from survviz.training import TrainConfig
from survviz.training.objective import Labels, objective
from tests.models.small import small_model

LINEAR = ("cox", "logistic-hazard")
N_CASES = 16
STEPS = 400
GOAL = 0.99


def labels_of(seed: int) -> Labels:
    random = torch.Generator().manual_seed(seed)
    time = torch.randperm(N_CASES, generator=random).double() + 1
    event = torch.rand(N_CASES, generator=random) < 0.8
    return Labels(bin=((time - 1) // 4).long(), event=event, time=time, present={})


@pytest.mark.parametrize("name", list_models())
def test_sixteen_cases_are_learnt_by_heart(name: str) -> None:
    """Until the cases are in the right order, by time bin where that is all the loss tells; linear models too."""
    model = small_model(name, **({"clinical_fields": {"a": tuple(range(24))}} if name in LINEAR else {}))
    inputs = random_inputs(model.config.reads, (6,) * N_CASES, seed=1)
    labels = replace(labels_of(2), present=dict(inputs.present))
    config = TrainConfig(model=name, auxiliary={"l1": 0, "l1-to-fixed": 0, "similarity": 0}, l1=0.0)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    order = labels.bin if model.config.output == "discrete-hazard" else labels.time
    c_index = 0.0
    for _ in range(STEPS):
        output = model(inputs)
        c_index = concordance_index(output.risk.detach().numpy(), order.numpy(), labels.event.numpy())
        if c_index >= GOAL:
            break
        optimizer.zero_grad()
        objective(model, [output], labels, config).backward()
        optimizer.step()
    assert c_index >= GOAL
