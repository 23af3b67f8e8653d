"""Fits a linear model to convergence, under ridge penalties that an inner cross-validation chooses or weighs."""

from __future__ import annotations

import copy
import time as clock
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from survviz.data.splits import stratified_kfold
from survviz.evaluation import UndefinedMetricError, concordance_index
from survviz.models.blocks.linear import LinearModel
from survviz.training.batches import Collate, Part, evaluation_batches
from survviz.training.choosing import EpochScore, Fitted, merit
from survviz.training.config import TrainConfig
from survviz.training.objective import OVER_RISK_SETS, Labels, loss_name, survival_loss
from survviz.training.scoring import risks
from survviz.types import Output

MAX_STEPS = 500
EXACT, ROUGH = 1e-8, 1e-5
"""Largest gradient of the mean loss where a fit stops; the rough one, for fits that are only compared, moves risks by
less than a thousandth of their spread, in a quarter of the time."""
INNER_FOLDS = 5
NEGLIGIBLE = 0.01


@dataclass(frozen=True, slots=True)
class Problem:
    """The columns and outcomes of some cases, and the loss of a linear layer on them.

    Attributes:
        columns: (n, W) float64.
        loss: name of the survival loss.
        kind: of the model's output.
    """

    columns: Float[Tensor, "n W"]
    labels: Labels
    loss: str
    kind: str
    config: TrainConfig

    @classmethod
    def of(cls, model: LinearModel, parts: list[Part], collate: Collate, config: TrainConfig) -> Problem:
        """All cases of several parts, one after another."""
        device = next(model.parameters()).device
        batches = [batch for part in parts for batch in evaluation_batches(part, collate)]
        with torch.no_grad():
            columns = torch.cat([model.columns(batch.inputs.to(device)) for batch in batches]).double()
        return cls(columns, Labels.of(batches, device), loss_name(model, config), model.config.output, config)

    @property
    def n_terms(self) -> int:
        """What the loss is a mean over: events of a partial likelihood, cases of a likelihood."""
        return max(1, int(self.labels.event.sum())) if self.loss in OVER_RISK_SETS else len(self.columns)

    def rows(self, keep: Bool[Tensor, " n"]) -> Problem:
        """The same problem for some of the cases."""
        labels = self.labels
        some = Labels(labels.bin[keep], labels.event[keep], labels.time[keep], {})
        return Problem(self.columns[keep], some, self.loss, self.kind, self.config)

    def total(self, output: Output) -> Tensor:
        """Minus the log likelihood."""
        return self.n_terms * survival_loss(self.loss, output, self.labels, self.config)

    def output(self, layer: nn.Linear, columns: Tensor | None = None) -> Output:
        """What a layer makes of the columns."""
        return Output(layer(self.columns if columns is None else columns), self.kind, {})  # type: ignore[arg-type]

    def fit(self, start: nn.Linear, prior_sd: Float[Tensor, " W"], tolerance: float = EXACT) -> nn.Linear:
        """The maximum of likelihood x prior, weights ~ N(0, prior_sd^2), intercepts free.

        Columns are scaled by the prior, so that one penalty fits all and a weight whose prior is 0 stays 0.
        """
        scaled = self.columns * prior_sd
        layer = copy.deepcopy(start)
        with torch.no_grad():
            layer.weight.copy_(torch.where(prior_sd > 0, layer.weight / prior_sd, 0))
        optimizer = torch.optim.LBFGS(
            layer.parameters(), max_iter=MAX_STEPS, history_size=20, tolerance_grad=tolerance,
            tolerance_change=1e-4 * tolerance, line_search_fn="strong_wolfe",
        )  # fmt: skip

        def closure() -> Tensor:
            optimizer.zero_grad()
            objective = (self.total(self.output(layer, scaled)) + 0.5 * layer.weight.square().sum()) / self.n_terms
            objective.backward()
            return objective

        optimizer.step(closure)  # type: ignore[arg-type]
        with torch.no_grad():
            layer.weight.mul_(prior_sd)
        return layer


def fit_linear(
    model: LinearModel,
    train: Part,
    validation: Part,
    collate: Collate,
    config: TrainConfig,
    *,
    seed: int,
    on_epoch: Callable[[EpochScore], None],
) -> Fitted:
    """Fit for every prior that the model names, and keep the best or, where the model says so, their average.

    Priors are compared by cross-validation inside training and validation part, and the weights are then fitted on
    both: nothing has to be set aside where nothing is stopped early. The criterion is the cross-validated (partial)
    likelihood: what a held-out fold adds to the likelihood (Verweij and van Houwelingen 1993). Priors are averaged with
    weights proportional to it (pseudo-Bayesian model averaging, Geisser and Eddy 1979); the average of linear models is
    one linear model.
    """
    problem = Problem.of(model, [train, validation] if len(validation) else [train], collate, config)
    folds = _inner_folds(problem, seed)
    layer = copy.deepcopy(model.output_layer).double()
    merits, layers = [], []
    for step, prior_sd in enumerate(model.prior_sds(problem.columns, problem.n_terms, config.ridges), start=1):
        started = clock.perf_counter()
        layer = problem.fit(layer, prior_sd)
        likelihood, c_index = _cross_validated(problem, layer, prior_sd, folds)
        train_loss = float(problem.total(problem.output(layer)).detach()) / problem.n_terms
        held_out = None if likelihood is None else -likelihood / problem.n_terms
        seconds = clock.perf_counter() - started
        on_epoch(EpochScore(step, float(prior_sd.max()), train_loss, held_out, c_index, seconds))
        merits.append(merit(config, step, held_out, c_index))
        layers.append(layer)
    best = max(range(len(merits)), key=lambda i: (merits[i], i))
    shares = {best: 1.0}
    if model.averages_priors and folds and config.choose_by == "loss":
        relative = np.exp(problem.n_terms * (np.array(merits) - merits[best]))
        shares = {i: share for i, share in enumerate(relative / relative.sum()) if share >= NEGLIGIBLE}
    _set_to_average(model.output_layer, [(layers[i], share) for i, share in shares.items()])
    state = {name: value.detach().cpu().clone() for name, value in model.state_dict().items()}
    return Fitted(state, best + 1)


def _inner_folds(problem: Problem, seed: int) -> list[Bool[Tensor, " n"]]:
    """The held-out rows of each inner fold; none where there are too few events to hold one out."""
    event = problem.labels.event.cpu().numpy()
    n_folds = min(INNER_FOLDS, int(event.sum()))
    if n_folds < 2:
        return []
    names = [f"{row:08d}" for row in range(len(event))]
    splits = stratified_kfold(names, pd.Series(event, index=names), n_folds=n_folds, inner_val=0, seed=seed)
    tests = [set(split.test) for split in splits]
    return [torch.tensor([name in test for name in names]) for test in tests]


def _cross_validated(
    problem: Problem, start: nn.Linear, prior_sd: Float[Tensor, " W"], folds: list[Bool[Tensor, " n"]]
) -> tuple[float | None, float | None]:
    """What the held-out folds add to the log likelihood, and the C-index of their cases; None without folds."""
    if not folds:
        return None, None
    added = 0.0
    held_out = np.zeros(len(problem.columns))
    for fold in folds:
        rest = problem.rows(~fold)
        layer = rest.fit(start, prior_sd, ROUGH)
        with torch.no_grad():
            whole = problem.output(layer)
            added -= float(problem.total(whole)) - float(rest.total(rest.output(layer)))
            held_out[fold.numpy()] = risks(whole)[fold.numpy()]
    try:
        return added, concordance_index(held_out, problem.labels.time.cpu(), problem.labels.event.cpu())
    except UndefinedMetricError:
        return added, None


def _set_to_average(layer: nn.Linear, fitted: list[tuple[nn.Linear, float]]) -> None:
    total = sum(share for _, share in fitted)
    with torch.no_grad():
        for name, value in layer.named_parameters():
            parts = [dict(one.named_parameters())[name] * (share / total) for one, share in fitted]
            value.copy_(torch.stack(parts).sum(dim=0))
