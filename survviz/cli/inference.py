"""The verb `infer`: a checkpoint on every case of a cohort folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from survviz.cli.console import progress_bar, show_json, stderr
from survviz.types import RESEARCH_USE

if TYPE_CHECKING:
    from survviz.cluster import Place
    from survviz.pipeline.cohort.results import CohortResults

KINDS = {
    "training": "seen by every model of the checkpoint in training",
    "unlike": "unlike the training cohort (--anyway scores them)",
    "error": "cannot be read",
    "outcome": "without a usable row in the outcome table",
}
SHOWN = 5

stdout = Console(highlight=False, soft_wrap=True)


def run_infer(
    checkpoint: Path,
    cohort: Path,
    out: Path,
    *,
    batch_size: int,
    device: str,
    anyway: bool,
    place: Place,
    as_json: bool,
) -> None:
    """Score, write, and say what came out."""
    from survviz.pipeline.cohort.inference import infer

    with progress_bar("Scoring") as progress:
        found = infer(
            checkpoint, cohort, out, device=device, anyway=anyway, batch_size=batch_size, place=place,
            progress=progress,
        )  # fmt: skip
    if as_json:
        show_json(summary_of(found))
    else:
        _show(found)


def summary_of(found: CohortResults) -> dict[str, Any]:
    """How many cases were scored, with what, and who was not."""
    return {
        **{name: value for name, value in found.document.items() if name != "identity"},
        "folder": str(found.folder),
        "n_out_of_fold": found.n_out_of_fold,
        "n_with": {name: int(found.table[name].sum()) for name in found.table.columns if name.startswith("has_")},
        "not_scored": found.not_scored.to_dict("records"),
    }


def _show(found: CohortResults) -> None:
    high = int((found.table["group"] == "high").sum())
    stdout.print(f"checkpoint  {found.checkpoint} (model {found.document['model']})")
    stdout.print(f"cohort      {found.cohort_name}: {len(found)} cases scored on {found.document['device']}")
    stdout.print(f"groups      {high} high, {len(found) - high} low, by the cut-off of training ({found.cutoff:.4g})")
    if found.n_out_of_fold:
        stdout.print(
            f"standing    {found.n_out_of_fold} are of the training cohort, each scored only by models that never saw "
            "them: no external validation"
        )
    for table, unit, to in found.document["converted"]:
        stdout.print(f"converted   {table}: {unit} to {to}, the unit of the model")
    lacking = [
        f"{len(found) - int(found.table[name].sum())} without {name.removeprefix('has_')}"
        for name in found.table.columns
        if name.startswith("has_") and not bool(found.table[name].all())
    ]
    if lacking:
        stdout.print(f"missing     {', '.join(lacking)}: scored with what they have")
    for kind, rows in found.not_scored.groupby("kind"):
        stderr.print(f"WARNING: {len(rows)} cases not scored: {KINDS[str(kind)]}", markup=False)
        for case_id, reason in list(zip(rows["case_id"], rows["reason"], strict=True))[:SHOWN]:
            stderr.print(f"  {case_id}: {reason}", markup=False)
    stdout.print(f"wrote       {found.folder} ({RESEARCH_USE})")
