"""Training speed beside the field's usual loop: `python -m benchmarks.training_speed`, JSON in benchmarks/results/.

Both train SurvPGC at its published size on the same cases, with the same patches of each and the same loss:

- field: batch 1, one fp32 `.pt` per case read by `torch.load` through a DataLoader, standard layers, fp32, a step of
  Adam per case;
- survviz: `survviz pack`'s store, batches of 16, SurvPGC of the registry, bf16 for products, a step of Adam per batch.

Every case's gradient counts in both; what differs is the number of steps per epoch. Each has a process of its own, so
that neither finds memory as the other left it; their epochs take turns, after two each that warm up, and the files lie
in the page cache. Compare ratios of one run, not seconds of two. CPU seconds are of the whole process.
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from benchmarks.textbook_survpgc import D_CLINICAL, D_GENOMIC, D_PATCH, TextbookSurvPGC
from benchmarks.training_record import Spent, row, write
from survviz.data.batch import Sample, pad
from survviz.data.packed_store import PackedStore, pack, source_of
from survviz.data.patch_statistics import PatchStatistics
from survviz.data.stored_patches import StoredPatches
from survviz.losses import discrete_nll
from survviz.models import create_model
from survviz.training import TrainConfig
from survviz.training.batches import Part, in_bf16, training_batches
from survviz.training.memory import PatchMemory, keep_freed_memory
from survviz.training.objective import Labels, objective
from survviz.training.optimisation import create_optimizer
from survviz.training.precision import call, choose_precision
from survviz.types import MODALITIES, Bag
from survviz.units import to_mpp

RESULTS = Path(__file__).parent / "results"
N_BINS, BATCH, LR, WARM_UP = 4, 16, 1e-4, 2


@dataclass(frozen=True)
class Setting:
    """The cases of a run; drawn from a seed, so that every process has the same."""

    folder: Path
    n_cases: int
    n_patches: int
    device: str

    def tokens(self) -> dict[str, Tensor]:
        """(n, 4, 768) genes and (n, 6, 512) sentences."""
        random = torch.Generator().manual_seed(1)
        genes = torch.randn(self.n_cases, 4, D_GENOMIC, generator=random)
        return {"genomic": genes, "clinical": torch.randn(self.n_cases, 6, D_CLINICAL, generator=random)}

    def outcomes(self) -> tuple[Tensor, Tensor]:
        """Bins and events."""
        random = torch.Generator().manual_seed(2)
        bins = torch.randint(N_BINS, (self.n_cases,), generator=random)
        return bins, torch.rand(self.n_cases, generator=random) < 0.6

    def file(self, case: int) -> Path:
        """The `.pt` of a case."""
        return self.folder / f"{case:04d}.pt"


def write_files(setting: Setting) -> None:
    """One fp32 `.pt` per case, and the same patches packed."""

    def bags() -> Iterator[tuple[str, Bag, Any]]:
        random = torch.Generator().manual_seed(0)
        coords = np.stack([np.arange(setting.n_patches) * 256, np.zeros(setting.n_patches)], axis=1).astype(np.int64)
        for case in range(setting.n_cases):
            patches = torch.randn(setting.n_patches, D_PATCH, generator=random)
            torch.save(patches, setting.file(case))
            name = setting.file(case).stem
            bag = Bag(name, patches.numpy(), coords, 256, to_mpp(0.5), "noise")
            yield name, bag, source_of(setting.file(case), slide_mpp=None, encoder=None)

    pack(setting.folder / "features.pack", bags())


class OneFilePerCase(Dataset):
    """As the field reads it."""

    def __init__(self, setting: Setting) -> None:
        self.setting, self.tokens, self.outcomes = setting, setting.tokens(), setting.outcomes()

    def __len__(self) -> int:
        return self.setting.n_cases

    def __getitem__(self, case: int) -> tuple[Tensor, dict[str, Tensor], Tensor, Tensor]:
        patches = torch.load(self.setting.file(case), weights_only=True)  # noqa: TID251 (what is measured; our own file)
        tokens = {name: values[case] for name, values in self.tokens.items()}
        return patches, tokens, self.outcomes[0][case], self.outcomes[1][case]


class FieldLoop:
    """Batch 1, one file per case, one step per case."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.model = TextbookSurvPGC(N_BINS).to(setting.device).train()
        self.loader = DataLoader(OneFilePerCase(setting), batch_size=1, shuffle=True)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=LR)

    def epoch(self) -> Spent:
        """Every case once."""
        spent, batches = Spent(), iter(self.loader)
        for _ in range(self.setting.n_cases):
            case = spent.time("load", lambda: [_to(one, self.setting.device) for one in next(batches)])
            spent.loss += spent.time("forward and backward", partial(self._gradient, *case)) / self.setting.n_cases
            spent.time("step", self.optimizer.step)
            spent.anonymous_mib = max(spent.anonymous_mib, anonymous_mib())
        return spent

    def _gradient(self, patches: Tensor, tokens: dict[str, Tensor], bins: Tensor, event: Tensor) -> float:
        self.optimizer.zero_grad()
        loss = discrete_nll(self.model(patches, tokens), bins, event)
        loss.backward()
        return loss.item()


class PackedLoop:
    """survviz: the pieces of `survviz.training.fitting`, timed one by one."""

    def __init__(self, setting: Setting) -> None:
        keep_freed_memory()
        self.setting = setting
        self.config = TrainConfig(optimizer="adam", lr=LR, weight_decay=0.0, batch_size=BATCH, modality_dropout=0.0,
                                  max_patches=setting.n_patches, precision="auto")  # fmt: skip
        self.device = torch.device(setting.device)
        self.precision = choose_precision(self.config.precision, self.device)
        self.model = create_model("survpgc", n_bins=N_BINS).to(self.device).train()
        self.optimizer = create_optimizer(self.model.parameters(), self.config)
        self.part, self.random = part_of(setting), torch.Generator().manual_seed(0)
        self.memory = PatchMemory(1, torch.bfloat16 if self.precision == "bf16" else torch.float32)

    def epoch(self) -> Spent:
        """Every case once."""
        spent, batches = Spent(), self._batches()
        for _ in range(-(-self.setting.n_cases // BATCH)):
            batch, inputs = spent.time("load", lambda: next(batches))
            loss = spent.time("forward and backward", partial(self._gradient, batch, inputs))
            spent.loss += loss * len(batch.event) / self.setting.n_cases
            spent.time("step", self.optimizer.step)
            spent.anonymous_mib = max(spent.anonymous_mib, anonymous_mib())
            del batch, inputs
        return spent

    def collate(self, samples: list[Sample], **options: Any) -> Any:
        """As `Preprocess.collate`."""
        tokens = {"genomic": (4, D_GENOMIC), "clinical": (6, D_CLINICAL)}
        return pad(samples, tokens=tokens, vectors={}, modalities=MODALITIES[:3], **options)

    def _batches(self) -> Iterator[tuple[Any, Any]]:
        collate = partial(self.collate, new_patches=self.memory)
        for batch in training_batches(self.part, collate, batch_size=BATCH, max_patches=self.config.max_patches,
                                      modality_dropout=0.0, modalities=MODALITIES[:3], random=self.random):  # fmt: skip
            yield batch, batch.inputs.to(self.device)

    def _gradient(self, batch: Any, inputs: Any) -> float:
        self.optimizer.zero_grad()
        output = call(self.model, inputs, self.precision)
        loss = objective(self.model, [output], Labels.of([batch], self.device), self.config)
        loss.backward()
        return loss.item()


def part_of(setting: Setting) -> Part:
    """The packed cases; standardised by mean 0 and sd 1, so that both models see the same numbers."""
    store, tokens, (bins, event) = (
        PackedStore.open(setting.folder / "features.pack"),
        setting.tokens(),
        setting.outcomes(),
    )
    statistics_ = PatchStatistics("noise", "", 0.5, np.zeros(D_PATCH), np.ones(D_PATCH), np.zeros((0, D_PATCH)),
                                  np.zeros(0), 1.0, 1.0, 1, 1)  # fmt: skip
    samples = [
        Sample(
            case_id=name,
            patches=StoredPatches.of([store.bag(name, None, slide_mpp=None, encoder=None)], statistics_),
            tokens={group: values[case].numpy() for group, values in tokens.items()},
            present=frozenset(MODALITIES[:3]),
        )
        for case, name in enumerate(store.slides)
    ]
    return Part(tuple(store.slides), samples, bins, event, bins.double().numpy() + 1)


LOOPS: dict[str, Callable[[Setting], FieldLoop | PackedLoop]] = {"field": FieldLoop, "survviz": PackedLoop}


def parity(setting: Setting) -> dict[str, float]:
    """Both with the same weights, dropout off, on the same cases: largest and mean difference."""
    field_loop, packed = FieldLoop(setting), PackedLoop(setting)
    field_loop.model.load_state_dict(packed.model.state_dict())
    field_loop.model.eval()
    packed.model.eval()
    found: dict[str, float] = {}
    rows = list(range(min(BATCH, setting.n_cases)))
    bins, event = (one[rows].to(setting.device) for one in setting.outcomes())
    with torch.inference_mode():
        cases = [field_loop.loader.dataset[row] for row in rows]
        one_by_one = [_to([case[0][None], {k: v[None] for k, v in case[1].items()}], setting.device) for case in cases]
        plain = torch.cat([field_loop.model(*case) for case in one_by_one])
        for precision in dict.fromkeys(("fp32", packed.precision)):
            collate = in_bf16(packed.collate) if precision == "bf16" else packed.collate
            inputs = collate([packed.part.samples[row] for row in rows]).to(packed.device)
            ours = call(packed.model, inputs, precision).logits
            losses = [discrete_nll(one, bins, event) for one in (ours, plain)]
            found[f"{precision}: largest difference of logits"] = float((ours - plain).abs().max())
            found[f"{precision}: difference of the loss"] = float((losses[0] - losses[1]).abs())
    return found | {"largest logit": float(plain.abs().max())}


class Runner:
    """A loop in a process of its own, which waits between its epochs."""

    _loop: FieldLoop | PackedLoop
    _before: float
    _most: float

    def __init__(self, setting: Setting, name: str, threads: int) -> None:
        self.pool = multiprocessing.get_context("spawn").Pool(
            1, initializer=self._start, initargs=(setting, name, threads)
        )

    def epoch(self) -> Spent:
        """Every case once."""
        return self.pool.apply(self._epoch)

    def memory(self) -> dict[str, float]:
        """Beyond what the process held before its first epoch; pages of mapped files can be given back."""
        return self.pool.apply(self._memory)

    @classmethod
    def _start(cls, setting: Setting, name: str, threads: int) -> None:
        torch.set_num_threads(threads)
        cls._loop, cls._before, cls._most = LOOPS[name](setting), anonymous_mib(), 0.0

    @classmethod
    def _epoch(cls) -> Spent:
        spent = cls._loop.epoch()
        cls._most = max(cls._most, spent.anonymous_mib)
        return spent

    @classmethod
    def _memory(cls) -> dict[str, float]:
        lines = Path("/proc/self/status").read_text().splitlines()
        peak = int(next(line for line in lines if "VmHWM" in line).split()[1]) / 1024
        return {"anonymous, growth at the end of a step (MiB)": cls._most - cls._before, "peak RSS (MiB)": peak}


def anonymous_mib() -> float:
    """Memory of this process that no file backs."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("RssAnon")).split()[1]) / 1024


def _to(value: Any, device: str) -> Any:
    return {name: one.to(device) for name, one in value.items()} if isinstance(value, dict) else (
        [_to(one, device) for one in value] if isinstance(value, list) else value.to(device)
    )  # fmt: skip


def main() -> None:
    """Measure, write the JSON, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=32)
    parser.add_argument("--patches", type=int, default=4096)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--peak-gb", type=float, help="peak memory bandwidth of the device, GB/s")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as folder:
        setting = Setting(Path(folder), options.cases, options.patches, options.device)
        write_files(setting)
        runners = {name: Runner(setting, name, options.threads) for name in LOOPS}
        spent: dict[str, list[Spent]] = {name: [] for name in runners}
        for done in range(options.rounds + WARM_UP):
            for name, runner in runners.items():
                one = runner.epoch()
                if done >= WARM_UP:
                    spent[name].append(one)
        held = {name: runner.memory() for name, runner in runners.items()}
        for runner in runners.values():
            runner.pool.terminate()
        same = parity(setting)
    rows = {name: row(values, options.cases) | {"memory": held[name]} for name, values in spent.items()}
    settings = vars(options) | {"batch": BATCH, "precision": choose_precision("auto", torch.device(options.device))}
    name = "training_speed" if options.threads == 1 else f"training_speed_{options.threads}_threads"
    write(RESULTS / f"{name}.json", __doc__, rows, spent, same, settings)


if __name__ == "__main__":
    main()
