"""Rules of layer-wise relevance propagation, as functions whose gradient times their input is the relevance.

Every rule gives the number that the network gives, as a sum of terms in which one live input stands once: everything
else in a term is held constant. Such a function is homogeneous of degree one in its live inputs, so by Euler's theorem
gradient x input, added up over inputs and constants, is its value: relevance is conserved, layer by layer. (Montavon et
al. 2019, section 10.4, for the trick; Ali et al. 2022 for transformers.) The rules:

- linear layers, convolutions, means, concatenation: as they are (Bach et al. 2015; epsilon 0), biases being inputs of
  their own; for `nn.Linear` also the epsilon and the alpha-beta rule;
- ReLU, GELU, SELU, ELU, SiLU, tanh, clamping: x times the constant f(x) / x (with f(0) taken off, a constant too);
- softmax, sigmoid, exponentials: constants, so that attention and gates weigh values and get nothing themselves (Ali et
  al. 2022, equation 6; Arras et al. 2017 for gates);
- LayerNorm, lengths, any denominator: constant (Ali et al. 2022, equation 9);
- a product of two activations, also as a matrix product, einsum or bilinear form: half to each (Achtibat et al. 2024,
  AttnLRP, proposition 3.3); of n: one n-th to each; an appended 1 gets nothing;
- max pooling: all to the winner, shared among equals.

A tensor is live where it takes a gradient. `propagation` puts the rules in the place of torch's functions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional

from survviz.explain.relevance_trace import Trace, fixed, is_live

ACTIVATIONS = frozenset(
    ("relu", "gelu", "selu", "elu", "silu", "tanh", "softplus", "leaky_relu", "abs", "clamp", "clamp_min", "clamp_max")
)
"""Functions of one number."""


def activation(trace: Trace, func: Callable[..., Tensor], x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """x times (f(x) - f(0)) / x, and f(0) as a constant where it is not 0."""
    with torch.no_grad():
        at_zero = func(x.new_zeros(()), *args, **kwargs)
        slope = torch.where(x == 0, 0, (func(x.clone(), *args, **kwargs) - at_zero) / x)
    return x * slope + trace.constant(at_zero, x) if at_zero else x * slope


def _add(trace: Trace, x: Any, y: Any, *, alpha: float = 1) -> Tensor:
    like = x if isinstance(x, Tensor) and is_live(x) else y
    return trace.term(x, like) + alpha * trace.term(y, like)


def _sub(trace: Trace, x: Any, y: Any, *, alpha: float = 1) -> Tensor:
    return _add(trace, x, y, alpha=-alpha)


def _rsub(trace: Trace, x: Any, y: Any, *, alpha: float = 1) -> Tensor:
    return _add(trace, y, x, alpha=-alpha)


def _mul(trace: Trace, x: Any, y: Any) -> Tensor:
    if not (is_live(x) and is_live(y)):
        return x * y
    first, second = trace.activity.get(x), trace.activity.get(y)
    if first is None and second is None:
        return (x * y.detach() + x.detach() * y) / 2
    first, second = (x.new_ones(()) if one is None else one for one in (first, second))
    share = torch.where(first == second, 0.5, first)
    return x * (y.detach() * share) + (x.detach() * (1 - share)) * y


def _square(trace: Trace, x: Tensor) -> Tensor:
    return x * x.detach()


def _div(trace: Trace, x: Any, y: Any) -> Tensor:
    return x / fixed(y)


def _rdiv(trace: Trace, x: Tensor, y: Any) -> Tensor:
    return y / x.detach()


def _matmul(trace: Trace, x: Tensor, y: Tensor) -> Tensor:
    if not (is_live(x) and is_live(y)):
        return x @ y
    return (x @ y.detach() + x.detach() @ y) / 2


def _einsum(trace: Trace, equation: str, *operands: Any) -> Tensor:
    given = operands[0] if len(operands) == 1 and isinstance(operands[0], list | tuple) else operands
    return _each_in_turn(lambda *values: torch.einsum(equation, *values), given)


def _each_in_turn(func: Callable[..., Tensor], values: Iterable[Tensor]) -> Tensor:
    """A function linear in each of several values, as the mean over the live ones of itself with the others fixed."""
    given = list(values)
    held = [value.detach() for value in given]
    live = [i for i, value in enumerate(given) if value.requires_grad]
    terms = [func(*(given[j] if j == i else held[j] for j in range(len(given)))) for i in live]
    return torch.stack(terms).mean(dim=0) if len(terms) > 1 else terms[0]


def _bilinear(trace: Trace, x: Tensor, y: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    found = _each_in_turn(lambda a, b: functional.bilinear(a, b, weight), (x, y))
    return found if bias is None else found + trace.constant(bias, x)


def _prod(trace: Trace, x: Tensor, dim: int, keepdim: bool = False) -> Tensor:
    factors = x.unbind(dim)
    found = _each_in_turn(lambda *values: torch.stack(values).prod(dim=0), factors)
    return found.unsqueeze(dim) if keepdim else found


def _linear(trace: Trace, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    bias = None if bias is None else trace.constant(bias, x)
    if trace.settings.linear == "alpha-beta":
        return _alpha_beta(x, weight.detach(), bias, trace.settings.alpha)
    found = functional.linear(x, weight, bias)
    if trace.settings.linear == "epsilon-0":
        return found
    value = found.detach()
    size = trace.settings.epsilon * value.abs().mean().clamp(min=torch.finfo(value.dtype).tiny)
    kept = found * (value / (value + torch.where(value < 0, -size, size)))
    return kept + trace.constant(value - kept.detach(), x)


def _alpha_beta(x: Tensor, weight: Tensor, bias: Tensor | None, alpha: float) -> Tensor:
    """Positive and negative products apart, each scaled to its share of alpha, or -beta, times the output."""
    up, down = x * (x > 0), x * (x < 0)
    positive = functional.linear(up, weight.clamp(min=0)) + functional.linear(down, weight.clamp(max=0))
    negative = functional.linear(up, weight.clamp(max=0)) + functional.linear(down, weight.clamp(min=0))
    if bias is not None:
        positive, negative = positive + bias * (bias > 0), negative + bias * (bias < 0)
    value = (positive + negative).detach()
    # where one sign is absent, the other gets everything
    share = torch.where(negative == 0, 1.0, torch.where(positive == 0, 0.0, alpha))
    return positive * _ratio(share * value, positive) + negative * _ratio((1 - share) * value, negative)


def _ratio(x: Tensor, y: Tensor) -> Tensor:
    x, y = x.detach(), y.detach()
    return torch.where(y == 0, 0, x / torch.where(y == 0, 1, y))


def _convolution(func: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def rule(trace: Trace, x: Tensor, weight: Tensor, bias: Tensor | None = None, *args: Any, **kw: Any) -> Tensor:
        found = func(x, weight, None, *args, **kw)
        if bias is None:
            return found
        return found + trace.constant(bias, x).view(-1, *[1] * (weight.ndim - 2))

    return rule


def _layer_norm(
    trace: Trace,
    x: Tensor,
    normalized_shape: tuple[int, ...],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    over = tuple(range(-len(normalized_shape), 0))
    centred = x - x.mean(dim=over, keepdim=True)
    found = centred * (centred.detach().square().mean(dim=over, keepdim=True) + eps).rsqrt()
    found = found if weight is None else found * weight
    return found if bias is None else found + trace.constant(bias, x)


def _batch_norm(
    trace: Trace,
    x: Tensor,
    running_mean: Tensor,
    running_var: Tensor,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """In evaluation, a scale and a shift per channel (B, C, ...)."""
    scale = (running_var + eps).rsqrt() * (1 if weight is None else weight)
    shift = (0 if bias is None else bias) - running_mean * scale
    shape = (-1, *[1] * (x.ndim - 2))
    return x * scale.view(shape) + trace.constant(shift, x).view(shape)


def _normalize(trace: Trace, x: Tensor, p: float, dim: int, eps: float, out: None) -> Tensor:
    return x / x.detach().norm(p, dim, keepdim=True).clamp(min=eps)


def _masked_fill(trace: Trace, x: Tensor, mask: Tensor, value: float) -> Tensor:
    if value == 0 or value in (float("inf"), float("-inf")):
        return x.masked_fill(mask, value)
    return x.masked_fill(mask, 0) + mask * trace.constant(value, x)


def _where(trace: Trace, first: Tensor, second: Any, third: Any) -> Tensor:
    mask, x, y = (first, second, third) if first.dtype == torch.bool else (second, first, third)
    like = x if is_live(x) else y
    return torch.where(mask, trace.term(x, like), trace.term(y, like))


def _cat(trace: Trace, tensors: Any, dim: int = 0) -> Tensor:
    like = next(tensor for tensor in tensors if is_live(tensor))
    found = torch.cat([trace.term(tensor, like) for tensor in tensors], dim=dim)
    if not all(map(is_live, tensors)):
        sizes = [[1] * like.ndim for _ in tensors]
        for size, tensor in zip(sizes, tensors, strict=True):
            size[dim] = tensor.shape[dim]
        pieces = [like.new_full(size, float(is_live(tensor))) for size, tensor in zip(sizes, tensors, strict=True)]
        trace.activity[found] = torch.cat(pieces, dim=dim)
    return found


def _stack(trace: Trace, tensors: Any, dim: int = 0) -> Tensor:
    like = next(tensor for tensor in tensors if is_live(tensor))
    return torch.stack([trace.term(tensor, like) for tensor in tensors], dim=dim)


def _attention(trace: Trace, query: Tensor, key: Tensor, value: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    return functional.scaled_dot_product_attention(query.detach(), key.detach(), value, *args, **kwargs)


def _multi_head(
    trace: Trace,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    width: int,
    heads: int,
    in_weight: Tensor,
    in_bias: Tensor,
    *args: Any,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """torch's own multi-head attention, (L, B, E), of one `in_proj` for queries, keys and values."""
    kwargs |= {"need_weights": True, "average_attn_weights": False}
    _, weights = functional.multi_head_attention_forward(
        query.detach(), key.detach(), value.detach(), width, heads, in_weight, in_bias, *args, **kwargs
    )
    values = _linear(trace, value, in_weight[2 * width :], in_bias[2 * width :])  # (S, B, E)
    seen = cast(Tensor, weights) @ values.unflatten(-1, (heads, -1)).permute(1, 2, 0, 3)  # (B, H, L, E / H)
    out_weight, out_bias = args[4:6]  # after bias_k, bias_v, add_zero_attn and dropout_p
    return _linear(trace, seen.permute(2, 0, 1, 3).flatten(2), out_weight, out_bias), None


RULES: Mapping[str, Callable[..., Any]] = {
    "add": _add,
    "radd": _add,
    "sub": _sub,
    "rsub": _rsub,
    "mul": _mul,
    "rmul": _mul,
    "square": _square,
    "div": _div,
    "truediv": _div,
    "rtruediv": _rdiv,
    "rdiv": _rdiv,
    "matmul": _matmul,
    "rmatmul": lambda trace, x, y: _matmul(trace, y, x),
    "bmm": _matmul,
    "einsum": _einsum,
    "bilinear": _bilinear,
    "prod": _prod,
    "linear": _linear,
    "conv1d": _convolution(functional.conv1d),
    "conv2d": _convolution(functional.conv2d),
    "layer_norm": _layer_norm,
    "batch_norm": _batch_norm,
    "normalize": _normalize,
    "masked_fill": _masked_fill,
    "where": _where,
    "cat": _cat,
    "stack": _stack,
    "scaled_dot_product_attention": _attention,
    "multi_head_attention_forward": _multi_head,
}
"""By the name of torch's function."""
