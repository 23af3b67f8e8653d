"""Settings of a training run."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from survviz.types import Modality


class TrainConfig(BaseModel):
    """Defaults follow SurvPGC's run (RAdam, decoupled weight decay, one warm-up epoch and a cosine, likelihood), scaled
    to batches of 16 and to cohorts of hundreds; as published: epochs 20, lr 5e-4, weight_decay 1e-3, batch_size 1.

    Attributes:
        model: name in the registry.
        model_settings: fields of its configuration that differ from the defaults; sizes and names come from the data.
        modalities: what the model may read; None = all that it takes.
        preprocess: fields of the preprocessing that differ from the defaults.
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
        inner_val: share of what is not tested that chooses the epoch.
        choose_by: what the epoch is chosen by on that part: lowest likelihood loss, highest C-index, or the last epoch.
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
    batch_size: int = Field(16, ge=1)
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
    seed: int = 0

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.inner_val == 0 and self.choose_by != "last":
            raise ValueError("without an inner validation part (inner_val 0) the epoch can only be chosen by 'last'")
        if not self.ridges or list(self.ridges) != sorted(self.ridges, reverse=True):
            raise ValueError("ridges must be given from the strongest penalty to the weakest")
        if self.modalities is not None and not self.modalities:
            raise ValueError("modalities is empty; leave it out to use all that the model takes")
        return self
