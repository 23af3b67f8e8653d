"""Settings of a training run."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from survviz.data.split_plans import Protocol, SplitPlan, protocol_of
from survviz.training.search import Search
from survviz.types import Modality


class TrainConfig(BaseModel):
    """Defaults follow SurvPGC's run (RAdam, decoupled weight decay, one warm-up epoch and a cosine, likelihood), scaled
    to batches of 16 and to cohorts of hundreds; as published: epochs 20, lr 5e-4, weight_decay 1e-3, batch_size 1.

    Linear models read none of the optimiser's settings: they are fitted to convergence for each of `ridges`.

    Attributes:
        model: name in the registry.
        model_settings: fields of its configuration that differ from the defaults; sizes and names come from the data.
        modalities: what the model may read; None = all that it takes.
        preprocess: fields of the preprocessing that differ from the defaults.
        optimizer: "radam", "adamw" (both with decoupled weight decay) or "adam" (weight decay as an L2 penalty).
        scheduler: after the warm-up: "cosine" to zero at the last of `epochs`; "constant"; "plateau": half the rate
            after every `plateau` epochs that the validation part liked no better.
        patience: stop after so many epochs that the validation part liked no better; None = never.
        clip_norm: largest norm of the gradient of a step.
        accumulate: batches per step of a loss that is a mean over cases, one graph in memory at a time; auxiliary terms
            between cases stay within a batch. Losses over risk sets have `risk_set`.
        precision: of the model call in training and in choosing the epoch; "auto" is bf16 where the hardware has it.
            Weights, losses, statistics and every reported risk are fp32 or better.
        threads: of this process on the CPU; None leaves torch's choice. Another number gives other rounding.
        loss: "nll", "cross-entropy" (discrete-hazard models), "cox" (log-hazard models), "ranking" (any); None = the
            likelihood of the model's kind of output.
        ties: how the Cox loss treats them.
        risk_set: cases over which a Cox or ranking loss is taken; batches are collected until there are so many.
        auxiliary: kind of term ("cosine", "l1", "l1-to-fixed", "similarity") -> weight, instead of the published one.
        l1: weight of the L1 penalty, instead of the published one.
        ridges: penalties tried for a linear model, strongest first; the "epoch" that is chosen is one of them.
        alpha: share of the censored term of the likelihood that is dropped.
        beta: weight of the cosine term between the two paths, mixed as (1 - beta) NLL + beta cosine.
        max_patches: drawn anew for every case in every epoch; evaluation uses all.
        modality_dropout: chance that a modality of a training case is hidden in a step.
        n_folds, inner_val: folds, and the share of what is not tested that chooses the epoch, where `splits` is None.
        splits: another plan of folds (Monte-Carlo, whole sites, a published file), with its own inner_val and seed.
        choose_by: what the epoch is chosen by on that part: lowest likelihood loss, highest C-index, or the last epoch.
        search: settings to choose in each fold, without its test part; None = none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    model: str = "survpgc"
    model_settings: dict[str, Any] = {}
    modalities: tuple[Modality, ...] | None = None
    preprocess: dict[str, Any] = {}
    n_bins: int = Field(4, ge=1, le=50)
    epochs: int = Field(40, ge=1)
    lr: float = Field(1e-3, gt=0)
    weight_decay: float = Field(0.1, ge=0)
    warmup_epochs: int = Field(1, ge=0)
    optimizer: Literal["radam", "adamw", "adam"] = "radam"
    scheduler: Literal["cosine", "constant", "plateau"] = "cosine"
    plateau: int = Field(5, ge=1)
    patience: int | None = Field(None, ge=1)
    clip_norm: float | None = Field(None, gt=0)
    batch_size: int = Field(16, ge=1)
    accumulate: int = Field(1, ge=1)
    precision: Literal["fp32", "bf16", "auto"] = "fp32"
    threads: int | None = Field(None, ge=1)
    loss: Literal["nll", "cross-entropy", "cox", "ranking"] | None = None
    ties: Literal["efron", "breslow"] = "efron"
    risk_set: int = Field(32, ge=2)
    auxiliary: dict[str, float] = {}
    l1: float | None = Field(None, ge=0)
    ridges: tuple[Annotated[float, Field(gt=0)], ...] = (10.0, 3.0, 1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001)
    alpha: float = Field(0.0, ge=0, le=1)
    beta: float = Field(0.0, ge=0, lt=1)
    max_patches: int = Field(4096, ge=1)
    modality_dropout: float = Field(0.1, ge=0, lt=1)
    n_folds: int = Field(5, ge=2)
    inner_val: float = Field(0.15, ge=0, lt=0.9)
    choose_by: Literal["loss", "c-index", "last"] = "loss"
    splits: SplitPlan | None = None
    seed: int = 0
    search: Search | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.splits is not None and {"n_folds", "inner_val"} & self.model_fields_set:
            raise ValueError("n_folds and inner_val belong to splits where it is given (splits.n_folds=...)")
        if self.validation_share == 0 and self.choose_by != "last":
            raise ValueError("without an inner validation part (inner_val 0) the epoch can only be chosen by 'last'")
        if self.choose_by == "last" and (self.patience is not None or self.scheduler == "plateau"):
            raise ValueError("patience and the scheduler 'plateau' ask the validation part; choose_by 'last' has none")
        if self.search is not None:
            self.search.check(type(self).model_fields)
        if not self.ridges or list(self.ridges) != sorted(self.ridges, reverse=True):
            raise ValueError("ridges must be given from the strongest penalty to the weakest")
        if self.modalities is not None and not self.modalities:
            raise ValueError("modalities is empty; leave it out to use all that the model takes")
        return self

    @property
    def validation_share(self) -> float:
        """Share of what is not tested that chooses the epoch."""
        return self.inner_val if self.splits is None else self.splits.inner_val

    @property
    def protocol(self) -> Protocol:
        """What chose the epoch: an inner validation part, or nothing. No setting lets the test part choose."""
        return protocol_of(self.choose_by, self.validation_share)
