"""Goal 5: the interval of the C-index from 1,000 resamples of 1,000 patients; and a summary with its intervals."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from benchmarks.cells import evaluation_peers as peers
from benchmarks.cells.evaluation import Patients, patients
from benchmarks.harness import Block, Cell, Setting
from survviz import evaluation as ours


def loop(p: Patients, one: Callable[[Patients], float], n_resamples: int) -> list[float]:
    """The usual way: copies of drawn patients, one after the other."""
    random, found = np.random.default_rng(0), []
    for _ in range(n_resamples):
        rows = random.integers(len(p.time), size=len(p.time))
        found.append(one(Patients(p.time[rows], p.event[rows], p.risk[rows], p.times, p.survival[:0])))
    return np.quantile(found, [0.025, 0.975]).tolist()


def blocks(setting: Setting) -> Iterator[Block]:
    """Peers resample in a loop around their own C-index."""
    p, resamples = patients(100 if setting.quick else 1000), 20 if setting.quick else 1000
    work = lambda: ours.bootstrap_ci(p.risk, p.time, p.event, n_resamples=resamples)  # noqa: E731
    limits = lambda: loop(p, peers.lifelines_c, resamples)  # noqa: E731

    def check() -> dict[str, float]:
        interval, (low, high) = work(), limits()
        return {"low": interval.low, "high": interval.high, "lifelines low": low, "lifelines high": high}

    yield [
        Cell("interval of C", f"{resamples} resamples of {len(p.time)}", work, check=check,
             against=("interval of C, lifelines in a loop", "interval of C, scikit-survival in a loop")),
        Cell("interval of C, lifelines in a loop", "concordance_index of each resample", limits, rounds=3),
        Cell("interval of C, scikit-survival in a loop", "concordance_index_censored of each resample",
             lambda: loop(p, peers.sksurv_c, resamples), rounds=2),
        Cell("summary, every interval", "`summarise`: 16 statistics, the same resamples", rounds=3,
             work=lambda: ours.summarise(p.risk, p.time, p.event, survival=p.survival, times=p.times, cutoff=0.0,
                                         n_resamples=resamples, **p.outcomes)),
    ]  # fmt: skip
