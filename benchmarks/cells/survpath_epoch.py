"""SurvPath trained as the official loop does it: batch 1, a step per case, 331 pathways, 4,096 patches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks.training_speed import N_BINS, Setting, part_of, write_files
from survviz.data.batch import pad
from survviz.models import create_model
from survviz.models.survpath import N_GENES
from survviz.training import TrainConfig
from survviz.training.batches import Batch, training_batches
from survviz.training.memory import PatchMemory, keep_freed_memory
from survviz.training.objective import Labels, objective
from survviz.training.optimisation import create_optimizer
from survviz.training.precision import call, choose_precision
from survviz.types import MODALITIES


class SurvpathLoop:
    """The pieces of `survviz.training.fitting` with `batch_size` 1."""

    def __init__(self, folder: Path, n_cases: int, n_patches: int) -> None:
        keep_freed_memory()
        setting = Setting(folder, n_cases, n_patches, "cpu")
        write_files(setting)
        torch.manual_seed(0)
        self.config = TrainConfig(model="survpath", optimizer="adamw", batch_size=1, modality_dropout=0.0,
                                  max_patches=n_patches, precision="auto")  # fmt: skip
        self.precision = choose_precision(self.config.precision, torch.device("cpu"))
        self.model = create_model("survpath", n_bins=N_BINS).train()
        self.optimizer = create_optimizer(self.model.parameters(), self.config)
        self.random = torch.Generator().manual_seed(0)
        part = part_of(setting)
        genes = torch.randn(n_cases, N_GENES, generator=self.random).numpy()
        samples = [
            replace(sample, tokens={}, vectors={"rna": genes[row]}, present=frozenset(("pathology", "genomic")))
            for row, sample in enumerate(part.samples)
        ]
        self.part = replace(part, samples=samples)
        self.memory = PatchMemory(1, torch.bfloat16 if self.precision == "bf16" else torch.float32)

    def epoch(self, after_case: Callable[[], Any]) -> None:
        """Every case once, a step after each."""
        for batch in self.batches():
            self.case(batch)
            after_case()

    def batches(self) -> Iterator[Batch]:
        """One case each."""
        collate = partial(pad, tokens={}, vectors={"rna": N_GENES}, modalities=MODALITIES[:3], new_patches=self.memory)
        return training_batches(self.part, collate, batch_size=1, max_patches=self.config.max_patches,
                                modality_dropout=0.0, modalities=MODALITIES[:3], random=self.random)  # fmt: skip

    def case(self, batch: Batch) -> None:
        """Gradient and step."""
        self.optimizer.zero_grad()
        output = call(self.model, batch.inputs, self.precision)
        objective(self.model, [output], Labels.of([batch], torch.device("cpu")), self.config).backward()
        self.step()

    def step(self) -> None:
        """The optimiser alone."""
        self.optimizer.step()
