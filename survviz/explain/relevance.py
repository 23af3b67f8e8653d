"""Layer-wise relevance propagation: what every input of a case is worth, by one backward pass under rules per layer.

Bach et al. 2015, On pixel-wise explanations by layer-wise relevance propagation; Montavon et al. 2019, LRP: an
overview; Ali et al. 2022, XAI for transformers; Achtibat et al. 2024, AttnLRP. The rules are in `relevance_rules`.

What the sum means. The rules turn the network at a case x into a form that is linear in x, z(x) = c . x + b, where b is
what biases and other constants keep. Relevance here is counted from a reference x', as every other method here does
it: input i gets c_i (x_i - x'_i). z is a weighted sum of the logits. For a log-hazard the weight is 1; for a target
that bends (risk and survival of discrete hazards) it is the target's mean slope along the straight line from the
reference's logits to the case's, so that the weighted logits change by exactly what the target changes by (Aumann and
Shapley, for the last step alone). Then

    target(x) - target(x') = sum_i c_i (x_i - x'_i) + rest,        rest = c . x' + b - z(x').

The rest is by how much the network at the reference is not the form that it takes at the case: 0 for a linear model,
and not small where gates, norms and attention differ between the two. It belongs to no input, is shown, and is computed
from the constants, not as what is missing: `InputContributions.gap` is then the error of conservation.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn

from survviz.errors import UnknownNameError
from survviz.explain.baselines import ZERO, Reference
from survviz.explain.gradients import InputContributions
from survviz.explain.propagation import Propagation
from survviz.explain.relevance_trace import Settings
from survviz.explain.targets import Target, risk
from survviz.explain.watch import Watch
from survviz.explain.ways import InputWay
from survviz.models import Model
from survviz.types import Inputs, Output

NODES = 64
"""Gauss-Legendre points between two sets of logits: exact to rounding for products of sigmoids."""


@dataclass(frozen=True, slots=True)
class Layerwise:
    """Relevance at every level of one network. Levels are views of one quantity, and are not to be added up.

    Attributes:
        inputs: of what the model reads.
        embeddings: name -> (E,), of each embedding that the model returns.
        layers: name -> of each number that a layer gave out, without the batch.
    """

    inputs: InputContributions
    embeddings: Mapping[str, NDArray[np.float64]]
    layers: Mapping[str, NDArray[np.float64]]


def relevance(
    model: Model,
    inputs: Inputs,
    *,
    target: Target = risk,
    baseline: Reference = ZERO,
    settings: Settings | None = None,
) -> InputContributions:
    """Relevance of everything that a model reads of one case; what the case lacks gets none.

    One forward pass of the case, one of the reference, one backward pass.

    Args:
        model: in evaluation mode.
        inputs: a batch of one case, all of whose patch rows are real (or none, where it has no pathology).
        target: what is explained, a function of the logits.
        baseline: what the case is compared with.
        settings: rule of `nn.Linear`.

    Raises:
        InputError: it is not one case, it has padded rows, the baseline is of another width, or the model computes with
            a function that has no rule.
    """
    return layerwise(model, inputs, target=target, baseline=baseline, settings=settings).inputs


def layerwise(
    model: Model,
    inputs: Inputs,
    layers: Collection[str] = (),
    *,
    target: Target = risk,
    baseline: Reference = ZERO,
    settings: Settings | None = None,
) -> Layerwise:
    """As `relevance`, also at the embeddings and at the outputs of layers.

    Args:
        layers: names of submodules, as in `model.named_modules()`. Of a layer that gives out several tensors, the
            first; of one that runs more than once, the last run.

    Raises:
        UnknownNameError: the model has no such layer.
        InputError: as `relevance`.
    """
    model, seen = _watched(model, layers)
    way = InputWay(model, inputs, target, baseline)
    run = _run(way, seen, settings or Settings())
    slopes = mean_slopes(target, run.reference, run.case)
    form = slopes @ run.case.logits[0]
    gradient = _Gradients(form, [*run.points, *(own for _, own in run.genes), *run.constants, *run.after.values()])
    values = [one.slopes(gradient.of(point))[0] for one, point in zip(way.moving, run.points, strict=True)]
    kept = sum(gradient.times(own) for own in run.constants) if form.requires_grad else float(form)
    at_baseline = sum(gradient.times(own) for own in run.points) - sum(float(own.double().sum()) for own in values)
    found = InputContributions(
        **way.split(_numbers(torch.cat([*values, _of_programmes(way, run, gradient)]))),
        change=float((target(run.case) - target(run.reference)).detach()),
        n_gradients=1,
        rest=at_baseline + kept - float(slopes @ run.reference.logits[0]),
    )
    hidden = {name: _numbers((own - run.before[name]) * gradient.of(own))[0] for name, own in run.after.items()}
    embeddings = {name: hidden[name] for name in run.case.embeddings}
    return Layerwise(found, embeddings, {name: hidden[name] for name in seen})


def mean_slopes(target: Target, start: Output, end: Output) -> Float[Tensor, " K"]:
    """Mean derivative of a target by each logit, along the straight line between two cases' logits."""
    points, weights = np.polynomial.legendre.leggauss(NODES)
    first, last = start.logits.detach().double(), end.logits.detach().double()  # (1, K)
    shares, of_shares = (torch.from_numpy(each).to(first) / 2 for each in (points + 1, weights))
    logits = (first + shares.unsqueeze(1) * (last - first)).requires_grad_()  # (NODES, K)
    with torch.enable_grad():
        (slopes,) = torch.autograd.grad(target(replace(end, logits=logits)).sum(), logits)
    return (of_shares @ slopes).to(end.logits.dtype)


@dataclass(frozen=True, slots=True)
class _Run:
    """A forward pass of the baseline, and one of the case under the rules.

    Attributes:
        points: the case's inputs, in the order of `InputWay.moving`.
        genes: columns and values that each network of programmes gathered.
        constants: see `Trace`.
        before, after: name -> embedding or layer's output, of the baseline and of the case.
    """

    reference: Output
    case: Output
    points: list[Tensor]
    genes: list[tuple[Tensor, Tensor]]
    constants: list[Tensor]
    before: Mapping[str, Tensor]
    after: Mapping[str, Tensor]


def _run(way: InputWay, seen: dict[str, Tensor], settings: Settings) -> _Run:
    attention = bool(way.model.attends)  # with their maps, models compute step by step, by functions that have rules
    with torch.no_grad():
        reference = way.model(_batch(way, _points(way, 0.0)), attention=attention)
    before = {**reference.embeddings, **seen}
    points = [point.requires_grad_() for point in _points(way, 1.0)]
    watch, rules = Watch(None, None, way.programmes), Propagation(settings)
    with torch.enable_grad(), watch, rules:
        case = way.model(_batch(way, points), attention=attention)
    return _Run(reference, case, points, watch.gathered, rules.trace.constants, before, {**case.embeddings, **seen})


class _Gradients:
    """Of a sum by each of several tensors; zero where the sum does not depend on one."""

    def __init__(self, total: Tensor, tensors: list[Tensor]) -> None:
        live = [tensor for tensor in tensors if tensor.requires_grad]
        found = torch.autograd.grad(total, live, allow_unused=True) if total.requires_grad else [None] * len(live)
        self.found = {id(tensor): gradient for tensor, gradient in zip(live, found, strict=True)}

    def of(self, tensor: Tensor) -> Tensor:
        """The gradient by a tensor."""
        found = self.found.get(id(tensor))
        return torch.zeros_like(tensor) if found is None else found

    def times(self, tensor: Tensor) -> float:
        """What a tensor adds to the sum, if that is linear."""
        return float((self.of(tensor) * tensor.detach()).double().sum())


def _points(way: InputWay, share: float) -> list[Tensor]:
    """What moves, as a batch of one point of the way."""
    return [one.at(one.case.new_tensor([share])).detach() for one in way.moving]


def _batch(way: InputWay, points: list[Tensor]) -> Inputs:
    found = {(one.form, one.name): point for one, point in zip(way.moving, points, strict=True)}
    return replace(
        way.inputs,
        patches=found.get(("patches", ""), way.inputs.patches),
        tokens={name: found.get(("tokens", name), own) for name, own in way.inputs.tokens.items()},
        vectors={name: found.get(("vector", name), own) for name, own in way.inputs.vectors.items()},
    )


def _of_programmes(way: InputWay, run: _Run, gradient: _Gradients) -> Tensor:
    """(K,) of the genes of each programme, as they act through it."""
    found = way.inputs.patches.new_zeros(way.n_programmes)
    spans = [one.span for one in way.moving if one.name == "rna"]
    for span in spans:
        for columns, own in run.genes:
            found = found + (gradient.of(own)[0] * span[columns]).sum(dim=-1)
    return found


def _numbers(values: Tensor) -> NDArray[np.float64]:
    return values.detach().double().cpu().numpy()


def _watched(model: Model, layers: Collection[str]) -> tuple[Model, dict[str, Tensor]]:
    """A copy of a model that leaves the outputs of some layers in a dictionary; without layers, the model itself."""
    seen: dict[str, Tensor] = {}
    if not layers:
        return model, seen

    def keep(name: str, module: nn.Module, given: object, found: Tensor | tuple[Tensor, ...]) -> None:
        seen[name] = found if isinstance(found, Tensor) else found[0]

    model = copy.deepcopy(model)
    modules = dict(model.named_modules())
    for name in layers:
        if name not in modules:
            raise UnknownNameError("layer", name, sorted(modules))
        modules[name].register_forward_hook(partial(keep, name))
    return model, seen
