"""What an explanation is of: one number per case out of what a model returns."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from jaxtyping import Float
from torch import Tensor

from survviz.types import Output

Target: TypeAlias = Callable[[Output], Float[Tensor, " B"]]


def risk(output: Output) -> Float[Tensor, " B"]:
    """The number that is shown: higher = worse."""
    return output.risk
