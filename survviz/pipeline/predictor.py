"""Checkpoint + case -> prediction -> patch scores."""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from survviz.checkpoint import Checkpoint, load_checkpoint
from survviz.checkpoint.curves import HORIZONS_MONTHS, curve_knots, survival_curves
from survviz.data.preprocess import Preprocess, Sample
from survviz.errors import InputError, OutOfDistributionError
from survviz.explain.attention import ALL_TOKENS
from survviz.explain.sanity import randomised
from survviz.explain.tokens import TokenContribution
from survviz.models import Model
from survviz.pipeline.case_reader import CaseReader
from survviz.pipeline.device import choose_device, inference_precision
from survviz.pipeline.explanation import maps
from survviz.pipeline.explanation.maps import MapRequest
from survviz.pipeline.explanation.token_contributions import token_contributions
from survviz.types import (
    MODALITIES,
    Attention,
    Case,
    Horizon,
    Inputs,
    MapKind,
    Modality,
    Notice,
    Output,
    PatchScores,
    Prediction,
    Progress,
)


class Predictor(CaseReader):
    """The models of one checkpoint, ready to score cases.

    Safe to share between threads: nothing is changed after loading.
    """

    def __init__(self, checkpoint: Checkpoint, device: str = "auto") -> None:
        self.checkpoint = checkpoint
        self.device = choose_device(device)
        self._models: tuple[Model, ...] = tuple(
            checkpoint.model(fold).to(self.device).eval() for fold in range(checkpoint.n_folds)
        )
        super().__init__(checkpoint.name, checkpoint.config.model, self._models[0], checkpoint.preprocess(0))

    @classmethod
    def load(cls, folder: str | Path, device: str = "auto") -> Predictor:
        """Read a checkpoint folder.

        Raises:
            CheckpointError: it is incomplete or altered.
            InputError: the device is unknown or absent.
        """
        return cls(load_checkpoint(folder), device)

    def model(self, fold: int) -> Model:
        """One fold's model, in evaluation mode; not to be changed."""
        return self._models[fold]

    def shuffled(self, seed: int) -> Predictor:
        """The same checkpoint with the weights of every model shuffled: what it says then, it never learnt."""
        other = copy.copy(self)
        other._models = tuple(randomised(model, seed) for model in self._models)
        return other

    def inputs(self, fold: int, case: Case) -> Inputs:
        """A batch of one case as a fold's model reads it."""
        return self._preprocess(fold).collate(self._samples(fold, [case])).to(self.device)

    def attention(self, fold: int, case: Case) -> Mapping[tuple[str, str], Attention]:
        """Raw attention of one fold's model on a case, by direction."""
        return self._forward(fold, self._samples(fold, [case]), attention=True).attention or {}

    def folds_for(self, case: Case) -> tuple[tuple[int, ...], tuple[Notice, ...]]:
        """The folds that may score a case: those that did not train on it, where there is one."""
        everyone = tuple(range(self.checkpoint.n_folds))
        known = self.checkpoint.trained_on(case.case_id)
        unseen = tuple(fold for fold in everyone if fold not in known)
        if self.checkpoint.config.guarantee is not None:
            return everyone, (Notice("info", "training.unknown", self._nobody_known(case)),)
        if not known:
            return everyone, ()
        if unseen:
            text = (
                f"Case {case.case_id} belongs to the training cohort of this checkpoint. Only the model that never saw "
                f"it is used (fold {', '.join(str(fold + 1) for fold in unseen)} of {len(everyone)})."
            )
            return unseen, (Notice("info", "training.member", text),)
        text = (
            f"Every model of this checkpoint trained on case {case.case_id}: its numbers are fitted values, not a "
            "prediction, and must not be reported as validation."
        )
        return everyone, (Notice("warning", "training.member", text),)

    def _nobody_known(self, case: Case) -> str:
        return (
            "A checkpoint with a privacy guarantee knows nobody of its training patients (cohort "
            f"{self.checkpoint.config.cohort}). If {case.case_id} is one of them, its numbers are fitted values."
        )

    def check(self, case: Case) -> tuple[Notice, ...]:
        """What a person must know before trusting a score of this case.

        Raises:
            InputError: the features come from another encoder than the model's.
        """
        folds, notices = self.folds_for(case)
        return (*notices, *self._preprocess(folds[0]).notices(case))

    def predict(self, case: Case, *, allow_unlike: bool = False) -> Prediction:
        """Risk and survival of one case, mean over the folds that may score it.

        Raises:
            OutOfDistributionError: the case is unlike the training cohort and `allow_unlike` is false.
            InputError: no modality of the model is there, or the features come from another encoder.
        """
        notices = self.check(case)
        stops = [notice.text for notice in notices if notice.level == "stop"]
        if stops and not allow_unlike:
            raise OutOfDistributionError(" ".join(stops))
        return self.predict_batch([case], [notices])[0]

    def predict_batch(self, cases: Sequence[Case], notices: Sequence[tuple[Notice, ...]]) -> tuple[Prediction, ...]:
        """The same for several cases that the same folds may score, in one batch per fold.

        Args:
            notices: what `check` said of each case; nothing is refused here.

        Raises:
            InputError: no case, cases of different folds, or a case that the model cannot read.
        """
        chosen = {self.folds_for(case)[0] for case in cases}
        if len(chosen) != 1:
            raise InputError(f"{len(cases)} cases of {len(chosen)} groups of folds were given; expected one group.")
        folds = chosen.pop()
        samples = [self._samples(fold, cases) for fold in folds]
        outputs = [self._forward(fold, sample) for fold, sample in zip(folds, samples, strict=True)]
        risks = np.stack([output.risk.double().cpu().numpy() for output in outputs])  # (F, B)
        times, curves = self._survival(folds, outputs)
        return tuple(
            self._prediction(case, folds, risks[:, row], times, curves[:, row], samples[0][row].present, notices[row])
            for row, case in enumerate(cases)
        )

    def _prediction(
        self,
        case: Case,
        folds: tuple[int, ...],
        risk_per_fold: NDArray[np.float64],
        times: NDArray[np.float64],
        per_fold: NDArray[np.float64],
        present: Collection[Modality],
        notices: tuple[Notice, ...],
    ) -> Prediction:
        risk, reference = float(risk_per_fold.mean()), self.checkpoint.reference
        return Prediction(
            case_id=case.case_id,
            checkpoint=self.checkpoint.name,
            risk=risk,
            risk_per_fold=risk_per_fold,
            folds=folds,
            times=times,
            survival=per_fold.mean(axis=0),
            survival_per_fold=per_fold,
            horizons=tuple(horizon(months, times, per_fold) for months in HORIZONS_MONTHS),
            percentile=reference.percentile(risk),
            group="high" if risk > reference.cutoff else "low",
            present=tuple(name for name in MODALITIES if name in present),
            notices=notices,
        )

    def explain(
        self, case: Case, *, query: str = "clinical", key: str = "pathology", token: str = ALL_TOKENS
    ) -> tuple[PatchScores, ...]:
        """Attention of a token group (or one token of it) over the patches, one map per slide.

        Raises:
            UnknownNameError: no such token.
            InputError: no such direction, a modality that it needs is missing, or pathology has no place on a slide.
        """
        return self.explain_tokens(case, query=query, key=key, tokens=(token,))[token]

    def explain_tokens(
        self, case: Case, *, query: str = "clinical", key: str = "pathology", tokens: Sequence[str] | None = None
    ) -> dict[str, tuple[PatchScores, ...]]:
        """Attention maps of several tokens (default: "all", then every token) from one forward pass per fold.

        Raises:
            UnknownNameError: no such token.
            InputError: no such direction, a modality that it needs is missing, or pathology has no place on a slide.
        """
        return self.explain_kind(case, query=query, key=key, tokens=tokens)

    def explain_kind(
        self,
        case: Case,
        *,
        kind: MapKind = "attention",
        query: str = "clinical",
        key: str = "pathology",
        tokens: Sequence[str] | None = None,
        progress: Progress | None = None,
    ) -> dict[str, tuple[PatchScores, ...]]:
        """Maps of any kind: token -> one map per slide.

        Contribution and perturbation ignore `query`, `key` and `tokens`: they have one map, of query "risk" and token
        "all".

        Raises:
            UnknownNameError: no such kind or token.
            InputError: the model or the case has no such map (see `why_no_kind`).
            CancelledError: `progress` raised it.
        """
        return maps.explain(self, case, MapRequest.of(kind, query, key, tokens), progress)

    def token_contributions(self, case: Case) -> dict[str, tuple[TokenContribution, ...]]:
        """Group ("clinical", "genomic") -> by how much each of its tokens pushes this case's risk, largest first."""
        return token_contributions(self, case)

    def _preprocess(self, fold: int) -> Preprocess:
        return self.checkpoint.preprocess(fold)

    def _samples(self, fold: int, cases: Sequence[Case]) -> list[Sample]:
        return [self._preprocess(fold).transform(case) for case in cases]

    def _forward(self, fold: int, samples: Sequence[Sample], *, attention: bool = False) -> Output:
        inputs = self._preprocess(fold).collate(samples).to(self.device)
        with torch.inference_mode(), inference_precision(self.device):
            return self._models[fold](inputs, attention=attention)

    def _survival(
        self, folds: tuple[int, ...], outputs: list[Output]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Common times (T,) within every fold's follow-up, and S(t) per fold (F, B, T)."""
        parts = [(self._preprocess(fold).bins, self.checkpoint.baselines[fold]) for fold in folds]
        knots = [curve_knots(bins, baseline) for bins, baseline in parts]
        end = min(one[-1] for one in knots)
        times = np.unique(
            np.concatenate([[0.0, end], *(one[(one > 0) & (one < end)] for one in knots), HORIZONS_MONTHS])
        )
        times = times[times <= end]
        curves = [survival_curves(output, times, *part) for output, part in zip(outputs, parts, strict=True)]
        return times, np.stack(curves)


def horizon(months: float, times: NDArray[np.float64], per_fold: NDArray[np.float64]) -> Horizon:
    """S at one time with its spread over folds, or the reason why it is undefined."""
    if months > times[-1]:
        reason = f"beyond the follow-up that the model was trained on ({times[-1]:.0f} months)"
        return Horizon(months, None, None, reason)
    at = per_fold[:, int(np.flatnonzero(times == months)[0])]
    return Horizon(months, float(at.mean()), float(at.std(ddof=1)) if len(at) > 1 else None)
