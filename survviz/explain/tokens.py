"""What each clinical sentence and gene programme does to the risk: the case against itself with the token average."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from survviz.explain.targets import Target, risk
from survviz.models import Model
from survviz.types import Inputs

DEFINITION = (
    "Contribution of a token: risk of the case minus its risk when the token says what is average in training, "
    "everything else as it is. A programme: its genes at their training mean. A clinical number: the sentence of its "
    "training mean. Another clinical field: the sentence for an unknown value. Above 0 the token pushes the estimate "
    "up, below 0 down. Mean over cross-validation models, with their standard deviation. The values need not add up."
)


@dataclass(frozen=True, slots=True)
class Average:
    """A token that says nothing of this case, in every form in which a model may read it.

    Attributes:
        words: what stands in for it.
        rows: token group -> row of the token and the vector that takes its place.
        columns: vector -> columns of the token and the values that take their place.
    """

    words: str
    rows: Mapping[str, tuple[int, NDArray[np.float32]]] = field(default_factory=dict)
    columns: Mapping[str, tuple[Sequence[int], NDArray[np.float32]]] = field(default_factory=dict)

    def put_into(self, inputs: Inputs) -> Inputs:
        """The batch with this token average."""
        tokens, vectors = dict(inputs.tokens), dict(inputs.vectors)
        for name, (row, values) in self.rows.items():
            tokens[name] = _with(tokens[name], [row], values[None])
        for name, (columns, values) in self.columns.items():
            vectors[name] = _with(vectors[name], list(columns), values)
        return replace(inputs, tokens=tokens, vectors=vectors)


@dataclass(frozen=True, slots=True)
class TokenContribution:
    """What one token does to the risk of a case, see `DEFINITION`.

    Attributes:
        value: mean over folds; above 0 it pushes the estimate up.
        sd: over folds (ddof 1); None with one fold.
        per_fold: (F,)
        instead: what stood in for the token, in words.
    """

    group: str
    token: str
    value: float
    sd: float | None
    per_fold: NDArray[np.float64]
    instead: str

    @classmethod
    def of(cls, group: str, token: str, per_fold: NDArray[np.float64], instead: str) -> TokenContribution:
        """Mean and spread of the folds' values."""
        sd = float(per_fold.std(ddof=1)) if len(per_fold) > 1 else None
        return cls(group, token, float(per_fold.mean()), sd, per_fold, instead)


def risk_without_tokens(
    model: Model, inputs: Inputs, averages: Sequence[Average], *, target: Target = risk
) -> NDArray[np.float64]:
    """(T,) target of a batch of one case minus its target with each of the tokens average."""
    with torch.inference_mode():
        whole = float(target(model(inputs)))
        return np.array([whole - float(target(model(average.put_into(inputs)))) for average in averages])


def _with(values: Tensor, at: Sequence[int], new: NDArray[np.float32]) -> Tensor:
    changed = values.clone()
    changed[:, at] = torch.from_numpy(new).to(values)
    return changed
