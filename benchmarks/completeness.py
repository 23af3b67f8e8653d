"""By how much integrated gradients miss the change that they explain: `python -m benchmarks.completeness`.

Every registered model at the sizes of `benchmarks.models` with fresh weights, and every shipped checkpoint of the
bundled cohort with its own, on cases of that cohort that have every modality. The gap is a share of the change of the
risk from the baseline to the case; where what pushes up and down nearly cancels, it is a share of little.
"""

from __future__ import annotations

import argparse
import json
import platform
from collections.abc import Iterator
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.models import COHORT, ROOT, SMALLER, modalities_of
from survviz.data.cohort import Cohort, load_cohort
from survviz.data.preprocess import Preprocess, PreprocessConfig
from survviz.explain.baselines import ZERO
from survviz.explain.gradients import InputContributions, contributions
from survviz.models import create_model, list_models
from survviz.pipeline.explanation.baseline_points import TRAINING_MEAN, reference
from survviz.pipeline.predictor import Predictor
from survviz.training import TrainConfig
from survviz.training.fold import model_settings
from survviz.types import Case

RESULTS = Path(__file__).parent / "results" / "completeness.json"
PROMISED = 0.01


def full_cases(cohort: Cohort, n: int) -> list[Case]:
    """The first cases that lack nothing."""
    cases = (cohort.case(case_id) for case_id in cohort.case_ids)
    full = (case for case in cases if case.bags and case.clinical and case.rna and case.mirna)
    return [case for case, _ in zip(full, range(n), strict=False)]


def fresh(name: str, cohort: Cohort, cases: list[Case]) -> Iterator[InputContributions]:
    """A model that was never trained."""
    modalities = modalities_of(name)
    config = TrainConfig(model=name, modalities=modalities, model_settings=SMALLER.get(name, {}))
    training = [case for case in cohort.case_ids if case not in cohort.holdout]
    preprocess = Preprocess.fit(cohort, training, PreprocessConfig(modalities=modalities))
    torch.manual_seed(0)
    model = create_model(name, **model_settings(config, preprocess)).eval().requires_grad_(False)
    for case in cases:
        yield contributions(model, preprocess.collate([preprocess.transform(case)]), baseline=ZERO)


def trained(folder: Path, cases: list[Case]) -> Iterator[InputContributions]:
    """The models of a checkpoint that may score each case."""
    predictor = Predictor.load(folder, "cpu")
    for case in cases:
        for fold in predictor.folds_for(case)[0]:
            start = reference(predictor.checkpoint, fold, TRAINING_MEAN)
            yield contributions(predictor.model(fold), predictor.inputs(fold, case), baseline=start)


def row(found: Iterator[InputContributions]) -> dict[str, Any]:
    """Numbers of one model over all cases; a model that does not move has nothing to miss."""
    parts = [one for one in found if one.change]
    if not parts:
        return {"explained": 0}
    gaps = np.array([one.gap for one in parts])
    worst = parts[int(gaps.argmax())]
    return {
        "explained": len(parts),
        "median_gap": float(np.median(gaps)),
        "largest_gap": float(gaps.max()),
        "change_there": worst.change,
        "over_promised": int((gaps >= PROMISED).sum()),
        "gradients": float(np.mean([one.n_gradients for one in parts])),
    }


def main() -> None:
    """Measure, write the JSON after every model, print the rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=24)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--again", action="store_true", help="measure every row anew, not only those that are missing")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    cohort = load_cohort(COHORT)
    cases = full_cases(cohort, asked.cases)
    document: dict[str, Any] = {"cases": len(cases), "machine": platform.machine(), "torch": version("torch")}
    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() and not asked.again else {}
    if any(kept.get(key) != value for key, value in document.items()):
        kept = {}
    work = {"trained": {f.name: partial(trained, f, cases) for f in sorted((ROOT / "checkpoints").glob("demo-*"))}}
    work["fresh"] = {name: partial(fresh, name, cohort, cases) for name in list_models()}
    for part, rows in work.items():
        document[part] = {}
        for name, explain in rows.items():
            document[part][name] = kept.get(part, {}).get(name) or row(explain())
            print(part, name, document[part][name], flush=True)
            RESULTS.write_text(json.dumps(kept | document, indent=2) + "\n")
    RESULTS.write_text(json.dumps(document, indent=2) + "\n")


if __name__ == "__main__":
    main()
