"""`explain --attribution` of a whole cohort: shares of the modalities and the features that matter, over patients."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from rich.console import Console
from rich.table import Table

from survviz.cli.attribution import Question
from survviz.cli.cases import write_text
from survviz.cli.cohorts import as_csv
from survviz.cli.console import progress_bar, show_json, stderr, to_json
from survviz.figures.overlay import RESEARCH_USE

if TYPE_CHECKING:
    from survviz.pipeline.attribution import CaseAttribution
    from survviz.pipeline.cohort_attribution import CohortAttribution, ModalityShare
    from survviz.pipeline.pieces import Level

EVERYBODY = "all"
SHOWN = 5
FILES = ("attribution.json", "shares.csv", "features.csv", "attribution_by_case.csv")

stdout = Console(highlight=False, soft_wrap=True)


def run_cohort_attribution(
    checkpoint: Path, cohort: Path, question: Question, out: Path, *, device: str, as_json: bool
) -> None:
    """Explain every case, each by models that did not train on it; write four files and print the shares."""
    from survviz.data.cohort import load_cohort
    from survviz.pipeline.attribution import Method
    from survviz.pipeline.cohort_attribution import attribute_cohort
    from survviz.pipeline.predictor import Predictor

    predictor, data = Predictor.load(checkpoint, device), load_cohort(cohort)
    with progress_bar(f"attributing by {question.method}") as progress:
        found = attribute_cohort(
            predictor, data, method=cast(Method, question.method), target=question.target, baseline=question.baseline,
            progress=progress,
        )  # fmt: skip
    document = as_document(found)
    write_files(found, document, out)
    if as_json:
        show_json(document | {"written": [out / name for name in FILES]})
        return
    show(found, document)
    stdout.print(f"wrote {', '.join(FILES)} to {out}")


def as_document(found: CohortAttribution) -> dict[str, Any]:
    """Everything but the cases' own values, for JSON."""
    one = found.cases[0]
    return {
        "use": RESEARCH_USE,
        "checkpoint": one.checkpoint,
        "cohort": found.cohort,
        "method": one.method,
        "target": one.target_words,
        "baseline": one.baseline,
        "baseline_words": one.baseline_words,
        "n_cases": len(found.cases),
        "largest_gap": max(case.gap for case in found.cases),
        "shares": [row for name, cases in groups(found).items() for row in share_rows(name, cases)],
        "left_out": to_json(list(found.left_out)),
    }


def groups(found: CohortAttribution) -> dict[str, tuple[CaseAttribution, ...]]:
    """All cases, then each cancer type where there are several."""
    return {EVERYBODY: found.cases, **found.by_stratum()}


def share_rows(name: str, cases: tuple[CaseAttribution, ...]) -> list[dict[str, Any]]:
    """A row per modality of a group of cases."""
    from survviz.pipeline.cohort_attribution import modality_shares

    def row(one: ModalityShare) -> dict[str, Any]:
        low, high = (None, None) if one.interval is None else (one.interval.low, one.interval.high)
        return {
            "group": name, "modality": one.modality, "n_cases": len(cases), "n_with_it": one.n_cases,
            "share": one.share, "low": low, "high": high, "mean_signed": one.mean, "n_driven": one.n_driven,
        }  # fmt: skip

    return [row(one) for one in modality_shares(cases)]


def feature_rows(found: CohortAttribution) -> list[dict[str, Any]]:
    """A row per feature of every level, all cases together."""
    from survviz.pipeline.cohort_attribution import features_over

    levels = dict.fromkeys(piece.level for piece in found.cases[0].pieces if piece.level != "modality")
    rows = []
    for level in levels:
        for one in features_over(found.cases, cast("Level", level)):
            low, high = (None, None) if one.interval is None else (one.interval.low, one.interval.high)
            rows.append({
                "level": level, "modality": one.modality, "name": one.name, "n_cases": len(one.values),
                "mean_size": one.size, "low": low, "high": high, "mean_signed": float(one.values.mean()),
            })  # fmt: skip
    return rows


def case_rows(found: CohortAttribution) -> list[dict[str, Any]]:
    """A row per case and piece, genes and miRNAs included."""
    strata = found.strata or ("",) * len(found.cases)
    return [
        {
            "case_id": case.case_id, "group": stratum, "output": case.output, "reference": case.reference,
            "level": piece.level, "modality": piece.modality, "name": piece.name, "value": piece.value,
            "sd": piece.sd, "own": piece.own,
        }
        for case, stratum in zip(found.cases, strata, strict=True)
        for piece in case.pieces
    ]  # fmt: skip


def write_files(found: CohortAttribution, document: dict[str, Any], out: Path) -> None:
    """The files named by `FILES`."""
    out.mkdir(parents=True, exist_ok=True)
    write_text(out / "attribution.json", json.dumps(to_json(document), indent=2, ensure_ascii=False) + "\n")
    write_text(out / "shares.csv", as_csv(document["shares"]))
    write_text(out / "features.csv", as_csv(feature_rows(found)))
    write_text(out / "attribution_by_case.csv", as_csv(case_rows(found)))


def show(found: CohortAttribution, document: dict[str, Any]) -> None:
    """Shares of each group, then the largest features."""
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
