"""Scores a whole cohort in parts: a killed run goes on where it was, and a case that fails stops nobody else."""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from survviz import __version__
from survviz.checkpoint.layout import CONFIG
from survviz.cluster import Place
from survviz.data.cohort import Cohort
from survviz.data.cohort_file import cohort_stamp, read_cohort_toml
from survviz.data.fingerprint import fingerprint, of_file
from survviz.data.omics_units import in_units_of
from survviz.errors import InputError
from survviz.pipeline.cohort.evaluation import load_for_evaluation
from survviz.pipeline.cohort.outcomes import outcomes_of, without_outcome
from survviz.pipeline.cohort.part_runs import HERE, Workers, every_part
from survviz.pipeline.cohort.part_scoring import PartScorer, curve_times
from survviz.pipeline.cohort.parts import Part
from survviz.pipeline.cohort.results import DOCUMENT, FORMAT, SURVIVAL_AT, CohortResults
from survviz.pipeline.cohort.scoring import CASES_AT_ONCE
from survviz.pipeline.predictor import Predictor
from survviz.types import Progress
from survviz.workspace import workspace

REFUSAL = ["case_id", "kind", "reason"]
PARTS, RUN, LOCK = "parts", "run.json", ".lock"


def infer(
    checkpoint: str | Path,
    cohort: str | Path,
    out: str | Path | None = None,
    *,
    device: str = "auto",
    anyway: bool = False,
    batch_size: int = CASES_AT_ONCE,
    place: Place = HERE,
    progress: Progress | None = None,
) -> CohortResults:
    """Score a cohort folder with a checkpoint, or find what was scored before; see `run_cohort`.

    Args:
        out: folder of the results; None keeps them in the workspace, named by content of checkpoint and cohort.
        device: of the models, wherever they run.
        place: this process, or other ones, which must see checkpoint and cohort under the same paths.

    Raises:
        CheckpointError: the checkpoint is incomplete or altered.
        InputError: the folder is no cohort, or `run_cohort` refuses.
    """
    workers = None if place == HERE else Workers(place, device)
    predictor = Predictor.load(checkpoint, "cpu" if workers else device)
    return run_cohort(
        predictor, load_for_evaluation(cohort), out, anyway=anyway, batch_size=batch_size, workers=workers,
        progress=progress,
    )  # fmt: skip


def run_cohort(
    predictor: Predictor,
    cohort: Cohort,
    out: str | Path | None = None,
    *,
    anyway: bool = False,
    batch_size: int = CASES_AT_ONCE,
    workers: Workers | None = None,
    progress: Progress | None = None,
) -> CohortResults:
    """Risk and survival of every case of a cohort: unseen cases by all models, training cases by those that never saw
    them; whoever cannot be scored is a row of `not_scored` with its reason.

    Finished parts lie in `OUT/parts` until all are there: a run that was killed or cancelled goes on after them.

    Args:
        out: folder of the results; None = in the workspace. Finished results of the same content are read, not made.
        anyway: also score cases unlike the training cohort.
        batch_size: cases in one forward pass, at most; of large slides fewer.
        workers: who scores the parts, reading checkpoint and cohort from their folders; None = this predictor, here.
        progress: called with (cases done, cases of the cohort).

    Raises:
        InputError: `out` holds results of something else, another process is writing there, or no case can be scored.
        CancelledError: `progress` raised it.
    """
    identity = _identity(predictor, cohort, anyway)
    name = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:32]
    out = workspace("cohort-results", name) if out is None else Path(out)
    with _prepared(out, identity) as is_finished:
        if is_finished:
            return CohortResults.load(out)
        converted_cohort, converted = in_units_of(cohort, predictor.checkpoint.preprocess(0).ood.omics)
        scorer = PartScorer(predictor, converted_cohort, anyway, batch_size, curve_times(predictor))
        parts = every_part(scorer, out / PARTS, workers, progress)
        about = {"device": workers.device if workers else str(predictor.device), "anyway": anyway, "identity": identity}
        results = _assembled(scorer, cohort, out, parts, {**about, "converted": converted})
        results.save(out)
        shutil.rmtree(out / PARTS)
        return CohortResults.load(out)


def _assembled(
    run: PartScorer, cohort: Cohort, out: Path, parts: Sequence[Part], more: dict[str, Any]
) -> CohortResults:
    """All parts together, with the outcomes of their cases."""
    rows = [row for part in parts for row in part.rows]
    refused = [row for part in parts for row in part.not_scored]
    if not rows:
        hint = " Choose another checkpoint, or score unlike cases too." if refused[0]["kind"] == "unlike" else ""
        raise InputError(
            f"None of the {len(cohort)} cases of {cohort.name!r} could be scored; {refused[0]['case_id']}: "
            f"{refused[0]['reason']}{hint}"
        )
    table = pd.DataFrame(rows).set_index("case_id").astype({name: float for name in ("risk_sd", *SURVIVAL_AT.values())})
    checkpoint, refused = run.predictor.checkpoint, refused + without_outcome(cohort)
    return CohortResults(
        folder=out,
        checkpoint=checkpoint.name,
        checkpoint_sha256=of_file(checkpoint.folder / CONFIG),
        cohort=cohort.folder.resolve(),
        cohort_name=cohort.name,
        table=table,
        survival=np.concatenate([part.survival for part in parts]).astype(np.float64),
        times=run.times,
        not_scored=pd.DataFrame(refused, columns=pd.Index(REFUSAL)).sort_values("case_id"),
        clinical=cohort.clinical.loc[table.index],
        fields=cohort.fields,
        outcomes=outcomes_of(cohort, list(table.index)),
        document={
            "model": checkpoint.config.model,
            "trained_on": checkpoint.config.cohort,
            "n_folds": checkpoint.n_folds,
            "modalities": list(run.predictor.modalities),
            "cohort_stamp": cohort_stamp(cohort.folder),
            "n_cohort": len(cohort),
            "n_scored": len(table),
            "cutoff": checkpoint.reference.cutoff,
            "tertiles": checkpoint.reference.tertiles,
            "notices": [notice.text for notice in cohort.notices],
            **more,
        },
    )


def _identity(predictor: Predictor, cohort: Cohort, anyway: bool) -> dict[str, Any]:
    """What the results depend on."""
    return {
        "format": FORMAT,
        "survviz": __version__,
        "checkpoint": of_file(predictor.checkpoint.folder / CONFIG),
        "cohort": fingerprint(cohort),
        "outcome": read_cohort_toml(cohort.folder).clinical.model_dump(mode="json"),
        "anyway": anyway,
    }


@contextmanager
def _prepared(out: Path, identity: dict[str, Any]) -> Iterator[bool]:
    """Hold the folder; says whether it is finished already.

    Raises:
        InputError: it holds something else, or another process is writing there.
    """
    out.mkdir(parents=True, exist_ok=True)
    with (out / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError(f"Another process is scoring the same cohort into {out}. Wait for it.") from error
        begun = (LOCK, f".{RUN}")  # a run that was killed before it could say what it is
        if any(path.name not in begun for path in out.iterdir()):
            _check_same(out, identity)
        else:
            (out / f".{RUN}").write_text(json.dumps(identity, indent=1), encoding="utf-8")
            (out / f".{RUN}").replace(out / RUN)
        yield (out / DOCUMENT).is_file()


def _check_same(out: Path, identity: dict[str, Any]) -> None:
    try:
        before = json.loads((out / RUN).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"{out} is not empty and holds no run of `survviz infer`. Give an empty or new folder."
        ) from error
    changed = [name for name in identity if before.get(name) != identity[name]]
    if changed:
        raise InputError(
            f"{out} holds results of something else ({', '.join(changed)} changed since). Give a new folder to --out."
        )
