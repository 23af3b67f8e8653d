"""Log-hazards of different folds on one scale: 0 is the mean of the training part.

A partial likelihood does not change when a constant is added to every log-hazard, so the constant of a network is
whatever it happened to start from. Pooled over folds, such constants would be compared as if they were risks.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from survviz.checkpoint.weights import build
from survviz.training.fold import FoldResult


def centred(result: FoldResult, model_name: str) -> FoldResult:
    """The same fold with the mean log-hazard of its training part at 0; survival curves stay as they are.

    A discrete-time model has no free constant, and a linear model without an intercept none to move: both stay.
    """
    if result.baseline is None:
        return result
    model = build(model_name, result.settings, result.fitted.state)
    bias = model.output_layer.bias
    if bias is None:
        return result
    shift = float(np.mean([result.seen_risk[case_id] for case_id in result.split.train]))
    with torch.no_grad():
        bias.sub_(shift)
    state = {name: value.detach().clone() for name, value in model.state_dict().items()}
    logged = result.baseline.log_cumulative_hazard + shift
    return replace(
        result,
        fitted=replace(result.fitted, state=state),
        baseline=replace(result.baseline, log_cumulative_hazard=logged),
        test=replace(result.test, risk=result.test.risk - shift),
        seen_risk={case_id: risk - shift for case_id, risk in result.seen_risk.items()},
    )
