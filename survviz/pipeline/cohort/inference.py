"""Scores a whole cohort in parts: a killed run goes on where it was, and a case that fails stops nobody else."""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from survviz import __version__
from survviz.checkpoint.curves import HORIZONS_MONTHS, curve_knots
from survviz.checkpoint.layout import CONFIG
from survviz.data.cohort import Cohort
from survviz.data.cohort_file import cohort_stamp, read_cohort_toml
from survviz.data.fingerprint import fingerprint, of_file
from survviz.data.omics_units import in_units_of
from survviz.errors import InputError
from survviz.pipeline.cohort.evaluation import load_for_evaluation, thinned
from survviz.pipeline.cohort.outcomes import outcomes_of, without_outcome
from survviz.pipeline.cohort.parts import Part, read_part, write_part
from survviz.pipeline.cohort.results import DOCUMENT, FORMAT, HAS, SURVIVAL_AT, CohortResults
from survviz.pipeline.cohort.scoring import CASES_AT_ONCE, NotScored, score_cohort
from survviz.pipeline.predictor import Predictor
from survviz.types import MODALITIES, Prediction, Progress
from survviz.workspace import workspace

CASES_PER_PART = 128
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
    progress: Progress | None = None,
) -> CohortResults:
    """Score a cohort folder with a checkpoint, or find what was scored before; see `run_cohort`.

    Args:
        out: folder of the results; None keeps them in the workspace, named by content of checkpoint and cohort.

    Raises:
        CheckpointError: the checkpoint is incomplete or altered.
        InputError: the folder is no cohort, or `run_cohort` refuses.
    """
    return run_cohort(
        Predictor.load(checkpoint, device), load_for_evaluation(cohort), out, anyway=anyway, batch_size=batch_size,
        progress=progress,
    )  # fmt: skip


def run_cohort(
    predictor: Predictor,
    cohort: Cohort,
    out: str | Path | None = None,
    *,
    anyway: bool = False,
    batch_size: int = CASES_AT_ONCE,
    progress: Progress | None = None,
) -> CohortResults:
    """Risk and survival of every case of a cohort: unseen cases by all models, training cases by those that never saw
    them; whoever cannot be scored is a row of `not_scored` with its reason.

    Finished parts lie in `OUT/parts` until all are there: a run that was killed or cancelled goes on after them.

    Args:
        out: folder of the results; None = in the workspace. Finished results of the same content are read, not made.
        anyway: also score cases unlike the training cohort.
        batch_size: cases in one forward pass, at most; of large slides fewer.
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
        run = _Run(predictor, converted_cohort, out / PARTS, anyway, batch_size, curve_times(predictor))
        parts = [part for part in run.parts(progress)]
        results = _assembled(run, cohort, out, parts, {"converted": converted, "anyway": anyway, "identity": identity})
        results.save(out)
        shutil.rmtree(out / PARTS)
        return CohortResults.load(out)


def curve_times(predictor: Predictor) -> NDArray[np.float64]:
    """Months (T,) at which the curves of all cases are kept: every bend of every fold's curves; very many are thinned.

    A case that only some folds may score has NaN beyond the follow-up of those folds.
    """
    checkpoint = predictor.checkpoint
    knots = [
        curve_knots(checkpoint.preprocess(fold).bins, checkpoint.baselines[fold]) for fold in range(checkpoint.n_folds)
    ]
    end = max(one[-1] for one in knots)
    times = np.unique(np.concatenate([[0.0], *knots, HORIZONS_MONTHS]))
    return thinned(times[(times >= 0) & (times <= end)])


@dataclass(frozen=True, slots=True)
class _Run:
    """What all parts share."""

    predictor: Predictor
    cohort: Cohort
    folder: Path
    anyway: bool
    batch_size: int
    times: NDArray[np.float64]

    def parts(self, progress: Progress | None) -> Iterator[Part]:
        """Every part in order; those on disk are read."""
        self.folder.mkdir(parents=True, exist_ok=True)
        ids = sorted(self.cohort.case_ids)
        for start in range(0, len(ids), CASES_PER_PART):
            path = self.folder / f"{start:07d}.safetensors"
            part = read_part(path)
            if part is None:
                part = self._score(ids[start : start + CASES_PER_PART], start, len(ids), progress)
                write_part(path, part)
            if progress:
                progress(min(start + CASES_PER_PART, len(ids)), len(ids))
            yield part

    def _score(self, ids: Sequence[str], before: int, total: int, progress: Progress | None) -> Part:
        some = self.cohort.subset(ids)
        options: dict[str, Any] = {"anyway": self.anyway, "batch_size": self.batch_size}

        def one_more(done: int, _: int) -> None:
            if progress:
                progress(before + done, total)

        unseen = score_cohort(self.predictor, some, progress=one_more, **options)
        members = [one.case_id for one in unseen.not_scored if one.kind == "training"]
        own = score_cohort(self.predictor, some.subset(members), training_cases=True, **options) if members else None
        predictions = [*unseen.predictions, *(own.predictions if own else ())]
        refused = [one for one in unseen.not_scored if one.kind != "training"] + list(own.not_scored if own else ())
        predictions.sort(key=lambda one: one.case_id)
        known = set(members)
        return Part(
            [self._row(one, "out of fold" if one.case_id in known else "unseen") for one in predictions],
            np.array([self._curve(one) for one in predictions], dtype=np.float32).reshape(-1, len(self.times)),
            [_refusal(one) for one in refused],
        )

    def _row(self, one: Prediction, standing: str) -> dict[str, Any]:
        taken = self.predictor.modalities
        several = len(one.risk_per_fold) > 1
        warned = [notice.text for notice in one.notices if notice.level != "info"]
        return {
            "case_id": one.case_id,
            "risk": one.risk,
            "risk_sd": float(one.risk_per_fold.std(ddof=1)) if several else None,
            "percentile": one.percentile,
            "group": one.group,
            **{SURVIVAL_AT[at.months]: at.survival for at in one.horizons},
            **{HAS[name]: name in one.present for name in MODALITIES if name in taken},
            "n_slides": len(self.cohort.slide_ids(one.case_id)),
            "standing": standing,
            "folds": " ".join(str(fold + 1) for fold in one.folds),
            "notices": " ".join([*warned, *self._unencoded(one)]),
        }

    def _unencoded(self, one: Prediction) -> list[str]:
        """Slides that a model of slides could not read, for they have no features yet."""
        if "pathology" not in self.predictor.modalities:
            return []
        slides = self.cohort.slide_ids(one.case_id)
        n = sum(slide not in self.cohort.features for slide in slides)
        return [f"{n} of {len(slides)} slides are not encoded (`survviz extract --cohort`)."] if n else []

    def _curve(self, one: Prediction) -> NDArray[np.float64]:
        return np.interp(self.times, one.times, one.survival, right=np.nan)


def _refusal(one: NotScored) -> dict[str, str]:
    return {"case_id": one.case_id, "kind": one.kind, "reason": one.reason}


def _assembled(run: _Run, cohort: Cohort, out: Path, parts: Sequence[Part], more: dict[str, Any]) -> CohortResults:
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
            "device": str(run.predictor.device),
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
        if any(path.name != LOCK for path in out.iterdir()):
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
