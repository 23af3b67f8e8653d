"""Layer-wise relevance propagation while a model runs: torch's functions follow the rules of `relevance_rules`.

Models know nothing of it. Their weights are constants. A function that has no rule runs as it is, and refuses when
relevance reaches it, so that no model is explained by a gradient that means something else.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from survviz.errors import InputError
from survviz.explain.relevance_rules import ACTIVATIONS, RULES, activation
from survviz.explain.relevance_trace import Settings, Trace, fixed, is_live

LINEAR = frozenset((
    "get", "view", "reshape", "view_as", "flatten", "unflatten", "transpose", "permute",
    "unsqueeze", "squeeze", "expand", "expand_as", "chunk", "split", "unbind", "getitem",
    "gather", "index_select", "contiguous", "to", "float", "double", "type_as", "clone",
    "neg", "pad", "sum", "mean", "scatter_add", "amax", "amin", "max",
))  # fmt: skip
"""Functions that are linear, or choose, and keep their gradient."""
CONSTANT = frozenset(
    ("softmax", "log_softmax", "sigmoid", "exp", "log", "logsumexp", "rsqrt", "sqrt", "reciprocal", "norm", "detach")
)
"""Functions whose answer is a gate, a weight or a scale: nothing goes through them."""
DROPOUTS = frozenset({"dropout", "alpha_dropout"})
"""Nothing, in evaluation mode."""


class Propagation(TorchFunctionMode):
    """While it is on, gradient times input is relevance."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.trace = Trace(settings)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run a function by its rule."""
        args = [_without_weights(arg) for arg in args]
        kwargs = {name: _without_weights(arg) for name, arg in (kwargs or {}).items()}
        if not any(map(is_live, (*args, *kwargs.values()))):
            return func(*args, **kwargs)
        name = func.__name__
        name = name[2:-2] if name.startswith("__") else name
        if name in RULES:
            return RULES[name](self.trace, *args, **kwargs)
        if name in ACTIVATIONS:
            return activation(self.trace, func, *args, **kwargs)
        if name in CONSTANT:
            return func(*map(fixed, args), **kwargs)
        if name in DROPOUTS:
            return args[0]
        found = func(*args, **kwargs)
        if name == "unsqueeze" and args[0] in self.trace.activity:
            self.trace.activity[found] = func(self.trace.activity[args[0]], *args[1:], **kwargs)
        return found if name in LINEAR else _refused(found, name, args[0])


def _without_weights(value: Any) -> Any:
    if isinstance(value, nn.Parameter):
        return value.detach()
    if isinstance(value, list | tuple) and any(isinstance(item, nn.Parameter) for item in value):
        return type(value)(map(_without_weights, value))
    return value


class _Refuse(torch.autograd.Function):
    """Passes a value on, and raises when relevance reaches it."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, name: str) -> Tensor:
        ctx.name = name
        return value.view_as(value)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        raise _no_rule(ctx.name)


def _refused(found: Any, name: str, first: Any) -> Any:
    if found is None or found is first:  # in place: what was live goes on under its old name
        raise _no_rule(name)
    if isinstance(found, list | tuple):
        return tuple(_refused(item, name, first) for item in found)
    return _Refuse.apply(found, name) if is_live(found) else found


def _no_rule(name: str) -> InputError:
    return InputError(
        f"Relevance propagation has no rule for torch's {name!r}, which this model computes with. Use integrated "
        "gradients, or add a rule to survviz/explain/relevance_rules.py."
    )
