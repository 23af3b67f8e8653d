"""A finished fold as tensors and JSON, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from survviz.checkpoint import FoldScore
from survviz.data.preprocess import Preprocess
from survviz.data.splits import Split
from survviz.evaluation import BreslowBaseline
from survviz.training.choosing import Fitted
from survviz.training.fold import FoldResult, Predictions


def fold_to_files(result: FoldResult) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors, and the rest as JSON values."""
    numbers = {
        "test.risk": result.test.risk,
        "test.times": result.test.times,
        "test.survival": result.test.survival,
        "seen.risk": np.array(list(result.seen_risk.values()), dtype=np.float64),
    }
    tensors = {name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in numbers.items()}
    tensors |= {f"state.{name}": value.contiguous() for name, value in result.fitted.state.items()}
    document = {
        "train": result.split.train,
        "val": result.split.val,
        "test": result.split.test,
        "scored": result.test.case_ids,
        "seen": list(result.seen_risk),
        "settings": result.settings,
        "epoch": result.fitted.epoch,
        "preprocess": result.preprocess.to_dict(),
        "text_weights": str(result.preprocess.text_weights) if result.preprocess.text_weights else None,
        "baseline": result.baseline and result.baseline.to_dict(),
        "score": result.score.model_dump(mode="json"),
        "tuned": result.tuned,
    }
    return tensors, document


def fold_from_files(tensors: Mapping[str, Tensor], document: Mapping[str, Any]) -> FoldResult:
    """What `fold_to_files` was given."""
    prefix = "state."
    return FoldResult(
        split=Split(*(tuple(document[part]) for part in ("train", "val", "test"))),
        settings=document["settings"],
        preprocess=Preprocess.from_dict(document["preprocess"], text_weights=document["text_weights"]),
        fitted=Fitted(
            {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)},
            document["epoch"],
        ),
        baseline=BreslowBaseline.from_dict(document["baseline"]) if document["baseline"] else None,
        score=FoldScore(**document["score"]),
        test=Predictions(
            tuple(document["scored"]), *(tensors[f"test.{name}"].numpy() for name in ("risk", "times", "survival"))
        ),
        seen_risk=dict(zip(document["seen"], tensors["seen.risk"].tolist(), strict=True)),
        tuned=document["tuned"],
    )
