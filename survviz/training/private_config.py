"""Settings of a training run with differential privacy: all of them are public, and none is chosen while it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from survviz.types import Modality

REFUSED = {
    "patience": "stopping early looks at patients at every epoch",
    "choose_by": "choosing the best epoch looks at patients at every epoch",
    "scheduler": "a plateau is found by looking at patients",
    "plateau": "a plateau is found by looking at patients",
    "inner_val": "an inner validation part is made of patients too; choose settings elsewhere",
    "search": "every trial of a search costs its own epsilon",
    "loss": "the loss is the discrete-time likelihood: a Cox or ranking loss couples patients, so that clipping one "
    "patient's gradient does not bound what they change",
    "auxiliary": "terms between patients (contrastive, similarity) have no gradient of one patient",
    "batch_size": "the batch is drawn by chance; say `batch`, its public expected size",
    "epochs": "say `steps`, the public number of batches",
}


class PrivateConfig(BaseModel):
    """Public constants of a run.

    Attributes:
        model: name in the registry; its output must be discrete hazards.
        model_settings: fields of its configuration that differ from the defaults.
        modalities: what it reads.
        constants: TOML file of public constants (`data.public_preprocess`); None = those for pan-cancer cohorts.
        split: file in the cohort's folder; its train part is protected, its test part is not: it gives the reference.
        patients: public number of training patients; batch / patients is the sampling rate.
        trained: beginnings of the names of parameters that learn; () = all. The others stay as the seed drew them.
        batch: public expected size of a batch, by which every sum is divided.
        clip: largest L2 norm of a patient's gradient.
        warmup: steps over which the rate rises; after them it falls to 0 along a cosine.
        modality_dropout: chance that a modality of a patient is hidden in a step.
        microbatch: patients whose gradients are in memory at once; changes no result but rounding.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    model: str = "bilayer"
    model_settings: dict[str, Any] = {}
    modalities: tuple[Modality, ...] = ("clinical",)
    constants: Path | None = None
    split: str = "splits/published.csv"
    patients: int = Field(ge=2)
    trained: tuple[str, ...] = ()
    batch: int = Field(1024, ge=1)
    steps: int = Field(250, ge=1)
    clip: float = Field(1.0, gt=0)
    optimizer: Literal["sgd", "adam"] = "adam"
    lr: float = Field(0.05, gt=0)
    momentum: float = Field(0.9, ge=0, lt=1)
    warmup: int = Field(10, ge=0)
    modality_dropout: float = Field(0.0, ge=0, lt=1)
    microbatch: int = Field(512, ge=1)
    threads: int | None = Field(None, ge=1)

    @model_validator(mode="before")
    @classmethod
    def _nothing_that_looks(cls, values: Any) -> Any:
        found = [name for name in REFUSED if isinstance(values, dict) and name in values]
        if found:
            raise ValueError("; ".join(f"{name} is not possible with a guarantee: {REFUSED[name]}" for name in found))
        return values

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.batch > self.patients:
            raise ValueError(f"a batch of {self.batch} is expected of {self.patients} patients; it is at most as many")
        if not self.modalities:
            raise ValueError("modalities is empty")
        return self

    @property
    def sampling_rate(self) -> float:
        """Probability with which every patient enters a batch."""
        return self.batch / self.patients
