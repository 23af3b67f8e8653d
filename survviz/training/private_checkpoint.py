"""`survviz privacy train`: a cohort becomes a checkpoint whose training patients have a stated guarantee.

Nothing in the checkpoint comes from the training patients but the weights: no reference risks, no cut-off, no hashes of
names. What a risk is compared with comes from the patients of the split's other part, who are not protected.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from survviz.checkpoint import FoldScore, Reference, save_checkpoint
from survviz.checkpoint.curves import HORIZONS_MONTHS, survival_curves
from survviz.checkpoint.points import fit_points
from survviz.checkpoint.writing import check_target, new_folder
from survviz.data.cohort import Cohort
from survviz.data.fingerprint import fingerprint
from survviz.data.split_file import read_split_file
from survviz.data.splits import Split
from survviz.errors import InputError
from survviz.models import Model
from survviz.privacy.guarantee import TrainingGuarantee
from survviz.privacy.ledger import Ledger
from survviz.privacy.stream import commitment
from survviz.training.out_of_fold import reference_of
from survviz.training.private_config import PrivateConfig
from survviz.training.private_folder import PrivateFolder, open_private_run
from survviz.training.private_run import PrivateTrainer, threads
from survviz.types import Output, Progress

KEEP_EVERY = 25
CURVE_POINTS = 60
PLAUSIBLE = 2.0  # between the public number of patients and the real one: beyond it, a typing error
PURPOSE = "Survival by a model whose training patients have a guarantee of differential privacy"


@dataclass(frozen=True, slots=True)
class PrivateReport:
    """What was made.

    Attributes:
        reference: the patients of the split's other part, scored by the model.
        resumed: an earlier process had begun.
        charged: whether this call added a row to the training ledger.
    """

    folder: Path
    guarantee: TrainingGuarantee
    reference: Reference
    resumed: bool
    charged: bool


def private_split(cohort: Cohort, config: PrivateConfig) -> Split:
    """Whom the guarantee protects (train) and who gives the reference (test).

    Raises:
        InputError: the file cannot be read, has another division, or numbers that the settings deny.
    """
    splits = read_split_file(Path(cohort.folder) / config.split, case_ids=cohort.case_ids)
    split = splits[0].split
    if len(splits) != 1 or split.val or not split.test:
        raise InputError(
            f"{config.split} has {len(splits)} splits and {len(split.val)} patients that choose; a private run needs "
            "one split of train (protected) and test (not protected, for the reference)."
        )
    if not 1 / PLAUSIBLE < len(split.train) / config.patients < PLAUSIBLE:
        raise InputError(
            f"The settings say {config.patients} patients, a public number that the noise follows from; the split's "
            "train part is of another order. Correct `patients`."
        )
    return split


def train_private(
    cohort: Cohort,
    config: PrivateConfig,
    out: str | Path,
    *,
    epsilon: float,
    delta: float = 1e-5,
    seed: int = 0,
    ledger: Ledger | None = None,
    trainer: PrivateTrainer | None = None,
    purpose: str = PURPOSE,
    sections: Mapping[str, str] | None = None,
    restart: bool = False,
    progress: Progress | None = None,
) -> PrivateReport:
    """Train one model with a guarantee and write its checkpoint; a killed run goes on where it was, at no cost.

    Args:
        epsilon: infinite for the same run without noise, which promises nothing.
        seed: of the first weights and of dropout; batches and noise come from the operating system.
        ledger: where the run is paid for, under the cohort's name, before its first step.
        trainer: of the same cohort and settings, to prepare the patients once for several runs.

    Raises:
        PrivacyError: the ledger's cap would be passed, or an unfinished run cannot be finished privately.
        InputError: cohort, split or settings do not fit each other.
    """
    target, split = check_target(out), private_split(cohort, config)
    trainer = trainer or PrivateTrainer(cohort, config, (*split.train, *split.test))
    sigma = trainer.noise_multiplier(epsilon, delta)
    guarantee = trainer.guarantee(sigma, delta)
    settings = config.model_dump(mode="json")
    identity = {"settings": settings, "noise": sigma, "delta": delta, "seed": seed, "content": fingerprint(cohort)}
    with open_private_run(target, identity, restart=restart) as folder:
        charged = _pay(ledger or Ledger("training"), cohort.name, guarantee, folder, target.name)
        run = trainer.start(split.train, seed=seed, noise_multiplier=sigma, key=folder.key)
        folder.restore(run)

        def step(number: int, _: np.ndarray) -> None:
            if number % KEEP_EVERY == 0:
                folder.keep(run)
            if progress:
                progress(number, config.steps)

        with threads(config.threads):
            run.run(step)
        reference = _reference(cohort, trainer, run.model, split)
        shown = {**settings, "epsilon": guarantee.spec.epsilon, "delta": delta, "seed": seed}
        with new_folder(target) as staging:
            _save(
                staging, target.name, cohort, trainer, run.model, split, reference, guarantee, shown, purpose, sections
            )
    return PrivateReport(target, guarantee, reference, folder.resumed, charged)


def _pay(ledger: Ledger, subject: str, guarantee: TrainingGuarantee, folder: PrivateFolder, name: str) -> bool:
    """Charge the run once, whatever happens to it afterwards; without noise there is nothing to charge."""
    promise = commitment(folder.key)
    if guarantee.spec.epsilon is None or any(entry.commitment == promise for entry in ledger.entries(subject)):
        return False
    ledger.spend(subject, guarantee.spec, session=name, act="training", commitment=promise)
    return True


def _reference(cohort: Cohort, trainer: PrivateTrainer, model: Model, split: Split) -> Reference:
    """The patients of the split's test part, as the model sees them."""
    ids, bins = list(split.test), trainer.preprocess.bins
    output = Output(trainer.logits(model, ids), "discrete-hazard", {})
    time, event = cohort.time.loc[ids].to_numpy(dtype=float), cohort.event.loc[ids].to_numpy(dtype=bool)
    risks = pd.DataFrame({"risk": output.risk.double().numpy(), "time": time, "event": event}, index=pd.Index(ids))
    end = min(float(time.max()), bins.edges[-1])
    times = np.union1d(HORIZONS_MONTHS, np.linspace(0, end, CURVE_POINTS + 1)[1:])
    curves = survival_curves(output, times, bins, None)
    found = reference_of(cohort, risks, (times, curves))
    score = FoldScore(
        n_train=trainer.config.patients,
        n_validation=0,
        n_test=len(ids),
        n_events_test=int(event.sum()),
        epoch=trainer.config.steps,
        c_index=found.metrics.c_index,
        reason=found.metrics.reason,
    )
    return replace(found, metrics=found.metrics.model_copy(update={"folds": (score,)}))


def _save(
    staging: Path,
    name: str,
    cohort: Cohort,
    trainer: PrivateTrainer,
    model: Model,
    split: Split,
    reference: Reference,
    guarantee: TrainingGuarantee,
    settings: Mapping[str, Any],
    purpose: str,
    sections: Mapping[str, str] | None,
) -> None:
    cases = [cohort.case(case_id, bags="pathology" in trainer.preprocess.modalities) for case_id in split.test]
    risk = Output(trainer.logits(model, split.test), "discrete-hazard", {}).risk.double().numpy()
    low = {case_id for case_id, one in zip(split.test, risk, strict=True) if one <= reference.cutoff}
    save_checkpoint(
        staging,
        name=name,
        model=trainer.config.model,
        settings=[model.config.model_dump(mode="json")],
        states=[model.state_dict()],
        preprocesses=[trainer.preprocess],
        baselines=[None],
        reference=reference,
        test_fold={},
        points=[fit_points(trainer.preprocess, cases, low)],
        purpose=purpose,
        cohort=cohort.name,
        sections=sections,
        training=settings,
        guarantee=guarantee,
    )
