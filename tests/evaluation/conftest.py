"""Random outcomes, and the oracles that must be imported with care."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import settings

settings.register_profile("shared machine", deadline=None)  # a slow moment is no failure
settings.load_profile("shared machine")


@dataclass(frozen=True)
class Study:
    """Simulated patients: exponential deaths with hazard exp(risk) / 40, uniform censoring, and true curves."""

    risk: np.ndarray
    time: np.ndarray
    event: np.ndarray
    times: np.ndarray
    survival: np.ndarray

    @property
    def outcomes(self) -> tuple[np.ndarray, np.ndarray]:
        return self.time, self.event

    @property
    def train(self) -> dict[str, np.ndarray]:
        return {"train_time": self.time, "train_event": self.event}


def _simulate(n: int, seed: int, *, decimals: int | None = None, longest: float = 120.0) -> Study:
    """`decimals` rounds times and risks, which ties them."""
    random = np.random.default_rng(seed)
    risk = random.normal(size=n)
    death, censoring = random.exponential(size=n) * 40 * np.exp(-risk), random.uniform(1, longest, size=n)
    time, event = np.minimum(death, censoring) + 0.5, death <= censoring
    times = np.linspace(0.5, longest, 80)
    survival = np.exp(-times / 40 * np.exp(risk)[:, None])
    if decimals is not None:
        risk, time = risk.round(decimals), np.maximum(time.round(decimals - 1), 1.0)
    return Study(risk, time, event, times, survival)


@pytest.fixture(scope="session")
def simulate() -> Callable[..., Study]:
    """`simulate(n, seed, decimals=, longest=)`."""
    return _simulate


@pytest.fixture(scope="session")
def torchsurv() -> Iterator[Any]:
    """torchsurv's metrics beside a CPU torch: torchvision's PyPI wheel wants two operator schemas declared first."""
    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        if not hasattr(torch.ops.torchvision, "nms"):
            del sys.modules[name]  # left behind by an import that failed
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        if not hasattr(torch.ops.torchvision, name):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import torchsurv.metrics.auc
        import torchsurv.metrics.brier_score
        import torchsurv.metrics.cindex
        import torchsurv.stats.ipcw
    yield torchsurv
    del library
