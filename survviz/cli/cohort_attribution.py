"""`explain --attribution` of a whole cohort: shares of the modalities and the features that matter, over patients."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from rich.console import Console
from rich.table import Table

from survviz.cli.attribution import Question, learnt_part, show_learnt
from survviz.cli.console import progress_bar, show_json, stderr
from survviz.types import RESEARCH_USE

if TYPE_CHECKING:
    from survviz.pipeline.cohort.attribution import CohortAttribution

SHOWN = 5

stdout = Console(highlight=False, soft_wrap=True)


def run_cohort_attribution(
    checkpoint: Path, cohort: Path, question: Question, out: Path, *, device: str, as_json: bool
) -> None:
    """Explain every case, each by models that did not train on it; write the files and print the shares."""
    from survviz.data.cohort import load_cohort
    from survviz.pipeline.cohort.attribution import attribute_cohort
    from survviz.pipeline.cohort.attribution_files import document_of, write_attribution_files
    from survviz.pipeline.explanation.attribution import Method
    from survviz.pipeline.predictor import Predictor

    predictor, data = Predictor.load(checkpoint, device), load_cohort(cohort)
    with progress_bar(f"attributing by {question.method}") as progress:
        found = attribute_cohort(
            predictor, data, method=cast(Method, question.method), target=question.target, baseline=question.baseline,
            progress=progress,
        )  # fmt: skip
    learnt = question.learnt(predictor, [data.case(case.case_id) for case in found.cases])
    written, document = write_attribution_files(found, out), document_of(found) | learnt_part(learnt)
    if as_json:
        show_json(document | {"written": [out / name for name in written]})
        return
    show(found, document)
    show_learnt(learnt)
    stdout.print(f"wrote {', '.join(written)} to {out}")


def show(found: CohortAttribution, document: dict[str, Any]) -> None:
    """Shares of each group, then the largest features."""
    from survviz.pipeline.cohort.attribution_files import feature_rows

    stdout.print(
        f"{document['checkpoint']} on {found.cohort}: {document['n_cases']} cases, {document['target']}, against the "
        f"{document['baseline']}, by {document['method']}"
    )
    table = Table("cases", "modality", "share", "95 % CI", "adds on average", "adds most in", box=None)
    for row in document["shares"]:
        interval = "" if row["low"] is None else f"{row['low']:.3f} to {row['high']:.3f}"
        group = f"{row['group']} ({row['n_cases']})"
        driven = f"{row['n_driven']} cases"
        table.add_row(group, row["modality"], f"{row['share']:.3f}", interval, f"{row['mean_signed']:+.3f}", driven)
    stdout.print(table)
    rows = feature_rows(found)
    for level in dict.fromkeys(row["level"] for row in rows):
        largest = [row for row in rows if row["level"] == level][:SHOWN]
        named = ", ".join(f"{row['name']} {row['mean_size']:.3f}" for row in largest)
        stdout.print(f"{level}: {named} (mean size)")
    if found.left_out:
        first = found.left_out[0]
        stderr.print(f"{len(found.left_out)} cases left out, for example {first.case_id}: {first.reason}", markup=False)
    stdout.print(f"The values of a case miss its change by {document['largest_gap']:.2%} at most. {RESEARCH_USE}")
