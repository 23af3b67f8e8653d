"""What a case is compared with: one point of what a model reads, from which contributions are counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Reference:
    """A point on the standardised scale on which a model reads; what is not named is 0 everywhere.

    Zeros are the training mean of standardised numbers, and no category or sentence at all.

    Attributes:
        patches: (D,) in the place of every patch; or (N, D), one for each.
        tokens: token group -> (T, E).
        vectors: vector -> (G,).
    """

    patches: Float[Tensor, "... D"] | None = None
    tokens: Mapping[str, Float[Tensor, "T E"]] = field(default_factory=dict)
    vectors: Mapping[str, Float[Tensor, " G"]] = field(default_factory=dict)


ZERO = Reference()
