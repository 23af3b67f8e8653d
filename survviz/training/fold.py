"""One fold: prepare on the training part, fit, choose on the validation part, score the test part once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import ValidationError

from survviz.checkpoint import FoldScore
from survviz.checkpoint.curves import HORIZONS_MONTHS, survival_curves
from survviz.data.cohort import Cohort
from survviz.data.preprocess import Preprocess, PreprocessConfig
from survviz.data.splits import Split
from survviz.errors import InputError
from survviz.evaluation import BreslowBaseline, UndefinedMetricError, concordance_index
from survviz.models import Model, create_model, model_config
from survviz.models.blocks.linear import LinearModel
from survviz.training.batches import Part
from survviz.training.choosing import EpochScore, Fitted
from survviz.training.config import TrainConfig
from survviz.training.convex import fit_linear
from survviz.training.fit_state import Keeper
from survviz.training.fitting import fit, start_at_base_rate
from survviz.training.processes import World
from survviz.training.scoring import risks, score
from survviz.types import Case, Modality

CURVE_POINTS = 100
DROPOUT_STRIDE = 1_000_003


@dataclass(frozen=True, slots=True)
class Predictions:
    """What a fold's model says about some cases.

    Attributes:
        case_ids: (n,)
        risk: (n,) higher = worse.
        times: (T,) months; 1, 3 and 5 years among them.
        survival: (n, T) S(t); NaN beyond the follow-up of the training part.
    """

    case_ids: tuple[str, ...]
    risk: NDArray[np.float64]
    times: NDArray[np.float64]
    survival: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class FoldResult:
    """A fitted fold and how it did.

    Attributes:
        settings: configuration of the model, as built.
        baseline: of a log-hazard model.
        test: predictions for the test part, made once.
        seen_risk: case -> risk of training and validation cases by the fitted model: what a cut-off or a scale is
            fitted on; they are fitted values, no predictions.
        tuned: how the settings were chosen, where they were: trials, seconds, chosen values.
    """

    split: Split
    settings: dict[str, Any]
    preprocess: Preprocess
    fitted: Fitted
    baseline: BreslowBaseline | None
    score: FoldScore
    test: Predictions
    seen_risk: Mapping[str, float]
    tuned: Mapping[str, Any] | None = None


def run_fold(
    cohort: Cohort,
    config: TrainConfig,
    split: Split,
    *,
    modalities: tuple[Modality, ...],
    cases: Mapping[str, Case] | None = None,
    seed: int = 0,
    device: torch.device | None = None,
    on_epoch: Callable[[EpochScore], None] | None = None,
    keeper: Keeper | None = None,
) -> FoldResult:
    """Fit on the training part, choose on the validation part, score the test part once.

    Args:
        modalities: what the model may read of the cohort.
        cases: the cases of the split, where they are in memory already.
        seed: of weights, order, patches and dropout.
        keeper: keeps the fit after every epoch; an interrupted one goes on there.

    Raises:
        InputError: the cohort cannot be prepared this way, or the settings do not fit the model.
    """
    if config.search is not None:
        raise InputError("The settings name a search. Call `tune_fold` first, and run the fold with what it chose.")
    ids = (*split.train, *split.val, *split.test)
    cases = cases or {case_id: cohort.case(case_id, bags="pathology" in modalities) for case_id in ids}
    preprocess = _fit_preprocess(cohort, config, split, modalities)
    train, validation, test = (_part(cohort, cases, preprocess, one) for one in (split.train, split.val, split.test))
    world = World.current()
    with torch.random.fork_rng(), _threads(config.threads):
        torch.manual_seed(seed)
        model = create_model(config.model, **model_settings(config, preprocess))
        start_at_base_rate(model, train)
        model.to(device or torch.device("cpu"))
        world.same_weights(model)
        if world.rank:  # the others' dropout must not repeat the first one's
            torch.manual_seed(seed + world.rank * DROPOUT_STRIDE)
        fitted = _fit(model, train, validation, preprocess, config, seed, on_epoch or _ignore, keeper)
    model.load_state_dict(fitted.state)
    world.same_weights(model)
    seen = {name: risks(score(model, part, preprocess.collate)) for name, part in _seen(train, validation).items()}
    baseline = None  # a discrete-time model needs none
    if model.config.output == "log-hazard":
        baseline = BreslowBaseline.fit(seen["train"], train.time, train.event.numpy())
    predictions = _predict(model, test, preprocess, baseline, float(train.time.max()))
    return FoldResult(
        split=split,
        settings=model.config.model_dump(mode="json"),
        preprocess=preprocess,
        fitted=fitted,
        baseline=baseline,
        score=_score(split, test, predictions, fitted.epoch),
        test=predictions,
        seen_risk={
            case_id: float(risk)
            for name, part in _seen(train, validation).items()
            for case_id, risk in zip(part.case_ids, seen[name], strict=True)
        },
    )


def model_settings(config: TrainConfig, preprocess: Preprocess) -> dict[str, Any]:
    """The model's configuration: sizes and names from the data, the rest from the training settings; JSON values."""
    known = model_config(config.model).model_fields
    offered = {**preprocess.sizes, "n_bins": config.n_bins, "modalities": preprocess.modalities}
    if "genomic" in preprocess.modalities:  # one form of it, whatever the published default reads
        offered = {"programmes": None, "n_genes": None, **offered}
    fields = {name: value for name, value in offered.items() if name in known}
    return {**fields, **config.model_settings}


def _ignore(_: EpochScore) -> None:
    pass


def _fit_preprocess(cohort: Cohort, config: TrainConfig, split: Split, modalities: tuple[Modality, ...]) -> Preprocess:
    fields = {"modalities": modalities, "n_bins": config.n_bins, **config.preprocess}
    try:
        settings = PreprocessConfig(**fields)
    except ValidationError as error:
        raise InputError(f"The preprocessing settings cannot be used: {error.errors()[0]['msg']}.") from error
    return Preprocess.fit(cohort, split.train, settings)


def _part(cohort: Cohort, cases: Mapping[str, Case], preprocess: Preprocess, case_ids: tuple[str, ...]) -> Part:
    ids = list(case_ids)
    time = cohort.time.loc[ids].to_numpy(dtype=np.float64)
    return Part(
        case_ids=case_ids,
        samples=[preprocess.transform(cases[case_id]) for case_id in ids],
        bin=torch.as_tensor(preprocess.bins.labels(time), dtype=torch.int64),
        event=torch.as_tensor(cohort.event.loc[ids].to_numpy(dtype=bool)),
        time=time,
    )


def _fit(
    model: Model,
    train: Part,
    validation: Part,
    preprocess: Preprocess,
    config: TrainConfig,
    seed: int,
    on_epoch: Callable[[EpochScore], None],
    keeper: Keeper | None,
) -> Fitted:
    """How a model is fitted is told by what it says of itself; every way returns the chosen weights."""
    if isinstance(model, LinearModel):
        return fit_linear(model, train, validation, preprocess.collate, config, seed=seed, on_epoch=on_epoch)
    random = torch.Generator().manual_seed(seed)
    return fit(model, train, validation, preprocess.collate, config, random=random, on_epoch=on_epoch, keeper=keeper)


@contextmanager
def _threads(n_threads: int | None) -> Iterator[None]:
    """So many threads of this process inside the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _seen(train: Part, validation: Part) -> dict[str, Part]:
    return {"train": train, "validation": validation} if len(validation) else {"train": train}


def _predict(
    model: Model, part: Part, preprocess: Preprocess, baseline: BreslowBaseline | None, end: float
) -> Predictions:
    times = np.union1d(HORIZONS_MONTHS, np.linspace(0, end, CURVE_POINTS + 1)[1:])
    if not len(part):
        return Predictions((), np.zeros(0), times, np.zeros((0, len(times))))
    output = score(model, part, preprocess.collate)
    return Predictions(part.case_ids, risks(output), times, survival_curves(output, times, preprocess.bins, baseline))


def _score(split: Split, test: Part, predictions: Predictions, epoch: int) -> FoldScore:
    c_index, reason = None, ""
    try:
        c_index = concordance_index(predictions.risk, test.time, test.event.numpy())
    except UndefinedMetricError as error:
        reason = str(error)
    return FoldScore(
        n_train=len(split.train),
        n_validation=len(split.val),
        n_test=len(test),
        n_events_test=int(test.event.sum()),
        epoch=epoch,
        c_index=c_index,
        reason=reason,
    )
