"""`baselines`, and `explain --attribution`: what each piece of a case's evidence adds to its risk."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer
from rich.console import Console

from survviz.cli.console import progress_bar, show_json, show_notices, to_json

if TYPE_CHECKING:
    from survviz.cli.cases import CaseFiles
    from survviz.pipeline.explanation.attribution import CaseAttribution
    from survviz.pipeline.explanation.learnt import LearntShares
    from survviz.pipeline.predictor import Predictor
    from survviz.types import Case

stdout = Console(highlight=False, soft_wrap=True)

FILES = ("attribution.json", "attribution.csv", "attribution.html")
SHOWN = 5
"""Pieces of each level on the terminal."""

Attribution = Annotated[
    bool, typer.Option("--attribution", help="Instead of maps: what each piece of evidence adds, as JSON and CSV.")
]
TargetOption = Annotated[
    str, typer.Option(help="With --attribution: risk, survival:MONTHS (survival:36) or logit:BIN (logit:2, from 1).")
]
BaselineOption = Annotated[
    str, typer.Option(help="With --attribution: 'training mean', 'zero' or 'median of the low-risk group'.")
]
MethodOption = Annotated[
    str, typer.Option(help="With --attribution: integrated-gradients, relevance, shapley or removal.")
]
ShuffledOption = Annotated[
    int,
    typer.Option(
        "--shuffled", min=0, help="With --attribution: compare the shares with those of so many shuffled models (19)."
    ),
]


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a case or a cohort; `shuffled` models to compare with."""

    target: str
    baseline: str
    method: str
    shuffled: int = 0

    def learnt(self, predictor: Predictor, cases: Sequence[Case]) -> LearntShares | None:
        """Whether the shares show what was learnt, if that was asked."""
        from survviz.pipeline.explanation.attribution import Method
        from survviz.pipeline.explanation.learnt import learnt_shares

        if not self.shuffled:
            return None
        with progress_bar("shuffling weights") as progress:
            return learnt_shares(
                predictor, cases, method=cast(Method, self.method), target=self.target, baseline=self.baseline,
                n_shuffled=self.shuffled, progress=progress,
            )  # fmt: skip


def run_attribution(
    checkpoint: Path, files: CaseFiles, question: Question, out: Path, *, device: str, as_json: bool
) -> None:
    """Write the numbers and the figures of one case."""
    from survviz.cli.cases import read_case, write_export
    from survviz.pipeline.explanation.attribution import Method, attribute
    from survviz.pipeline.predictor import Predictor

    predictor = Predictor.load(checkpoint, device)
    case, notices = read_case(files, predictor)
    show_notices((*notices, *predictor.check(case)))
    with progress_bar(f"attributing by {question.method}") as progress:
        found = attribute(
            predictor, case, method=cast(Method, question.method), target=question.target, baseline=question.baseline,
            progress=progress,
        )  # fmt: skip
    learnt = question.learnt(predictor, [case])
    out.mkdir(parents=True, exist_ok=True)
    document = as_document(found) | learnt_part(learnt)
    write_export(out / "attribution.json", json.dumps(document, indent=2, ensure_ascii=False) + "\n", case)
    write_export(out / "attribution.csv", as_csv(found), case)
    write_export(out / "attribution.html", as_page(found), case)
    if as_json:
        show_json(document | {"written": [out / name for name in FILES]})
    else:
        show(found)
        show_learnt(learnt)
        stdout.print(f"wrote {', '.join(FILES)} to {out}")


def learnt_part(found: LearntShares | None) -> dict[str, Any]:
    """For JSON; nothing where it was not asked."""
    if found is None:
        return {}
    more = {"p": found.p, "fold": found.fold, "shares": found.shares, "words": found.words}
    return {"learnt": to_json(found) | to_json(more)}


def show_learnt(found: LearntShares | None) -> None:
    """The verdict, if it was asked."""
    if found is not None:
        stdout.print(found.words, markup=False)


def as_document(found: CaseAttribution) -> dict[str, Any]:
    """For JSON."""
    from survviz.figures.overlay import RESEARCH_USE

    return {"use": RESEARCH_USE, **to_json(found), "change": found.change}


def as_csv(found: CaseAttribution) -> str:
    """A row per piece, largest first within each level."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["level", "modality", "name", "value", "sd", "own"])
    for level in found.levels:
        for one in found.of(level):
            sd = "" if one.sd is None else f"{one.sd:.9g}"
            table.writerow([level, one.modality, one.name, f"{one.value:.9g}", sd, one.own])
    return text.getvalue()


def as_page(found: CaseAttribution) -> str:
    """The figures, as one offline page."""
    from survviz.figures.attribution import Explained
    from survviz.figures.attribution_page import attribution_page
    from survviz.pipeline.explanation.pieces import LEVELS

    better_when_higher = found.target.startswith("survival")
    return attribution_page(
        f"Why this estimate: {found.case_id}",
        f"Checkpoint {found.checkpoint}, by {found.method}, {len(found.folds)} models that did not train on the case.",
        explained=Explained(found.target_words, found.baseline, better_when_higher=better_when_higher),
        modalities=found.of("modality"),
        levels={name: pieces for level, name in LEVELS.items() if (pieces := found.of(level))},
        reference=found.reference,
        output=found.output,
        gap=found.gap,
        footer=f"Baseline: {found.baseline_words}",
    )


def show(found: CaseAttribution) -> None:
    """The largest pieces of each level in a few lines."""
    stdout.print(f"{found.case_id}: {found.target_words} {found.output:.3f}; {found.baseline}: {found.reference:.3f}")
    for level in found.levels:
        for one in found.of(level)[:SHOWN]:
            spread = "" if one.sd is None else f" ± {one.sd:.3f}"
            pushes = "up" if one.value > 0 else "down"
            stdout.print(f"{level:10} {one.name:28} {one.value:+.4f}{spread}  pushes it {pushes}  ({one.own})")
    stdout.print(f"baseline: {found.baseline_words}; values miss the change by {found.gap:.2%} at most")


def run_baselines(checkpoint: Path, cohort: Path, *, device: str, as_json: bool) -> None:
    """Put what cases are compared with into a checkpoint that was written without it."""
    from survviz.checkpoint.layout import POINTS
    from survviz.checkpoint.writing import add_points
    from survviz.data.cohort import load_cohort
    from survviz.pipeline.explanation.baseline_points import fit_baselines
    from survviz.pipeline.predictor import Predictor

    predictor = Predictor.load(checkpoint, device)
    with progress_bar("baselines") as progress:
        found = fit_baselines(predictor, load_cohort(cohort), progress)
    add_points(checkpoint, found)
    if as_json:
        show_json({"checkpoint": checkpoint, "written": POINTS, "folds": len(found), "tensors": sorted(found[0])})
    else:
        stdout.print(f"{checkpoint}: wrote {POINTS} of {len(found)} folds ({', '.join(sorted(found[0]))})")
