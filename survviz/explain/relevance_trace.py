"""What the rules of relevance propagation share: their settings, and what they keep of one run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

LinearRule = Literal["epsilon-0", "epsilon", "alpha-beta"]


@dataclass(frozen=True, slots=True)
class Settings:
    """How `nn.Linear` propagates; every other rule is fixed.

    Attributes:
        linear: "epsilon-0": in proportion to x w; "epsilon": the same with a stabiliser, which absorbs what is small;
            "alpha-beta": positive parts get alpha, negative ones -beta (Bach et al. 2015, equations 58 and 60).
        epsilon: of the epsilon rule, relative to the mean size of a layer's outputs.
        alpha: of the alpha-beta rule; beta is alpha - 1.
    """

    linear: LinearRule = "epsilon-0"
    epsilon: float = 0.01
    alpha: float = 2.0


class Trace:
    """What the rules of one run keep.

    Attributes:
        settings: of the rules.
        constants: everything that was added to live values without being one: biases, learnt tokens, appended ones,
            and what the epsilon rule absorbs. Their gradient times their value is the relevance that they keep.
        activity: of a concatenation, 1 where an entry is live, 0 where it is constant, as a tensor that broadcasts.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.constants: list[Tensor] = []
        self.activity = WeakTensorKeyDictionary()

    def constant(self, value: Tensor | float, like: Tensor) -> Tensor:
        """A constant that is added to live values, as an input of its own."""
        tensor = value.detach().to(like.dtype) if isinstance(value, Tensor) else like.new_tensor(value)
        self.constants.append(tensor.detach().requires_grad_())
        return self.constants[-1]

    def term(self, value: Any, like: Tensor) -> Any:
        """A term of a sum: live as it is, a constant as an input of its own, zero as zero."""
        if is_live(value) or (not isinstance(value, Tensor) and value == 0):
            return value
        return self.constant(value, like)


def is_live(value: Any) -> bool:
    """Whether a tensor, or one of several, takes a gradient."""
    if isinstance(value, Tensor):
        return value.requires_grad
    return isinstance(value, list | tuple) and any(map(is_live, value))


def fixed(value: Any) -> Any:
    """As a constant."""
    return value.detach() if isinstance(value, Tensor) else value
