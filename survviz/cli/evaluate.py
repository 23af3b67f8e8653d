"""`evaluate`: a checkpoint on a cohort folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from survviz.cli.cases import write_text
from survviz.cli.cohorts import as_csv
from survviz.cli.console import progress_bar, show_json, show_notices, stderr, to_json
from survviz.figures.overlay import RESEARCH_USE

if TYPE_CHECKING:
    from survviz.evaluation import Estimate
    from survviz.pipeline.cohort.evaluation import Evaluation

NAMES = {
    "harrell_c": "Harrell's C",
    "uno_c": "Uno's C (60 months)",
    "auc_12": "AUC at 12 months",
    "auc_36": "AUC at 36 months",
    "auc_60": "AUC at 60 months",
    "iauc": "integrated AUC (1 to 60 months)",
    "brier_12": "Brier score at 12 months",
    "brier_36": "Brier score at 36 months",
    "brier_60": "Brier score at 60 months",
    "ibs": "integrated Brier score (1 to 60 months)",
    "calibration": "calibration slope at 36 months",
    "observed_expected": "observed / expected deaths by 36 months",
    "d_calibration_p": "D-calibration, p",
    "logrank_p": "high against low group, log-rank p",
    "within_c": "C within cancer types",
}
CENSORING = {
    "training": "weights from the follow-up of the training patients",
    "cohort": "weights from the follow-up of these patients, who are not followed as the training cohort was",
}
SHOWN_CASES = 10
SMALLEST_P = 1e-300

stdout = Console(highlight=False, soft_wrap=True)


def run_evaluate(
    checkpoint: Path,
    cohort: Path,
    *,
    out: Path | None,
    endpoint: str | None,
    training_cases: bool,
    anyway: bool,
    censoring: str,
    resamples: int,
    seed: int,
    device: str,
    as_json: bool,
) -> None:
    """Score the cases that the checkpoint never saw, and print how well that fits their outcomes."""
    from survviz.pipeline import Predictor
    from survviz.pipeline.cohort.evaluation import evaluate, load_for_evaluation

    predictor, data = Predictor.load(checkpoint, device), load_for_evaluation(cohort, endpoint)
    show_notices(data.notices)
    with progress_bar("scoring cases") as progress:
        found = evaluate(
            predictor, data, training_cases=training_cases, anyway=anyway, censoring=censoring,
            n_resamples=resamples, seed=seed, progress=progress,
        )  # fmt: skip
    document = report(found, endpoint)
    if out is not None:
        document["written"] = write_results(found, document, out)
    if as_json:
        show_json(document)
    else:
        show_evaluation(found, document.get("written", []))


def report(found: Evaluation, endpoint: str | None) -> dict[str, Any]:
    """Everything but the cases' own predictions, for JSON."""
    return {
        "use": RESEARCH_USE,
        "checkpoint": found.checkpoint,
        "model": found.model,
        "cohort": found.cohort,
        "endpoint": endpoint or "as cohort.toml names it",
        "protocol": found.protocol,
        "censoring": found.censoring,
        "n_cohort": found.n_cohort,
        "n_scored": len(found.predictions),
        "n_events": int(found.event.sum()),
        "metrics": to_json(dict(found.estimates)),
        "calibration_36": to_json(found.calibration),
        "c_by_cancer_type": to_json(dict(found.by_stratum)),
        "n_missing": dict(found.missing),
        "converted": [{"table": table, "from": unit, "to": to} for table, unit, to in found.converted],
        "warnings": [{"code": code, "n": n, "first": first} for code, (n, first) in found.warnings.items()],
        "n_not_scored": {kind: len(cases) for kind, cases in by_kind(found).items()},
        "not_scored": to_json([one for one in found.not_scored if one.kind in ("unlike", "error")]),
    }


def by_kind(found: Evaluation) -> dict[str, list[str]]:
    """Kind of refusal -> case ids."""
    kinds: dict[str, list[str]] = {}
    for one in found.not_scored:
        kinds.setdefault(one.kind, []).append(one.case_id)
    return kinds


def write_results(found: Evaluation, document: dict[str, Any], out: Path) -> list[Path]:
    """evaluation.json, risks.csv (a row per scored case) and survival.csv (S(t), a column per time in months)."""
    from survviz.pipeline.cohort.evaluation import common_curves

    out.mkdir(parents=True, exist_ok=True)
    rows = []
    for one, time, event in zip(found.predictions, found.time, found.event, strict=True):
        horizons = {f"survival_{at.months:.0f}": at.survival for at in one.horizons}
        rows.append({
            "case_id": one.case_id, "risk": one.risk, "percentile": one.percentile, "group": one.group, **horizons,
            "time_months": time, "event": int(event), "folds": " ".join(str(fold + 1) for fold in one.folds),
            "modalities": " ".join(one.present),
            "warnings": " ".join(notice.code for notice in one.notices if notice.level != "info"),
        })  # fmt: skip
    times, curves = common_curves(found.predictions)
    names = [f"{months:.6g}" for months in times]
    survival = [
        {"case_id": one.case_id} | dict(zip(names, to_json(curve), strict=True))
        for one, curve in zip(found.predictions, curves, strict=True)
    ]
    write_text(out / "risks.csv", as_csv(rows))
    write_text(out / "survival.csv", as_csv(survival))
    write_text(out / "evaluation.json", json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    return [out / name for name in ("evaluation.json", "risks.csv", "survival.csv")]


def show_evaluation(found: Evaluation, written: list[Path]) -> None:
    """The report in words and one table."""
    stdout.print(f"checkpoint  {found.checkpoint} (model {found.model})")
    stdout.print(
        f"cohort      {found.cohort}: {len(found.predictions)} of {found.n_cohort} cases scored, "
        f"{int(found.event.sum())} events"
    )
    stdout.print(f"protocol    {found.protocol}")
    stdout.print(f"censoring   {CENSORING[found.censoring]}")
    _show_gaps(found)
    table = Table("", "value", "95 % CI", "", box=None)
    for name, one in found.estimates.items():
        table.add_row(NAMES[name], *_cells(name, one))
    stdout.print(table)
    _show_groups(found)
    if found.by_stratum:
        types = Table("cancer type", "C", "95 % CI", "cases", "events", box=None)
        for name, one in found.by_stratum.items():
            value, interval, _ = _cells("c", one)
            types.add_row(name, value, interval, str(one.n), str(one.n_events))
        stdout.print(types)
    if written:
        stdout.print(f"wrote       {', '.join(str(path) for path in written)}")
    stdout.print(f"95 % CI: bootstrap over patients. The cut-off is the training cohort's. {RESEARCH_USE}")


def _cells(name: str, one: Estimate) -> tuple[str, str, str]:
    if one.value is None:
        return "undefined", "", one.reason
    value = f"{one.value:.3f}"
    if name.endswith("_p"):
        value = f"{one.value:.2g}" if one.value > SMALLEST_P else f"below {SMALLEST_P:g}"
    interval = "" if one.low is None else f"{one.low:.3f} to {one.high:.3f}"
    return value, interval, one.reason


def _show_gaps(found: Evaluation) -> None:
    for table, unit, to in found.converted:
        stdout.print(f"converted   {table}: {unit} to {to}, the unit of the model")
    missing = [f"{n} without {name}" for name, n in found.missing.items() if n]
    if missing:
        stdout.print(f"missing     {', '.join(missing)}: scored with what they have")
    for n, first in found.warnings.values():
        stderr.print(f"WARNING: {n} of {len(found.predictions)} cases, for example {first}", markup=False)
    reasons = {one.case_id: one.reason for one in found.not_scored}
    titles = {
        "unlike": "unlike the training cohort, not scored (--anyway scores them)",
        "error": "cannot be read",
        "outside": "not in the training cohort, left out",
    }
    for kind, cases in by_kind(found).items():
        if kind in titles:
            stdout.print(f"left out    {len(cases)} cases: {titles[kind]}")
        for case_id in cases[:SHOWN_CASES] if kind in ("unlike", "error") else ():
            stdout.print(f"            {case_id}: {reasons[case_id]}", markup=False)
        if kind in ("unlike", "error") and len(cases) > SHOWN_CASES:
            stdout.print(f"            and {len(cases) - SHOWN_CASES} more; --json and --out list all")


def _show_groups(found: Evaluation) -> None:
    if found.calibration is None:
        return
    table = Table("stated survival at 36 months", "observed", "95 % CI", "cases", box=None)
    for group in found.calibration.groups:
        observed = "undefined" if group.observed is None else f"{group.observed:.2f}"
        interval = "" if group.low is None else f"{group.low:.2f} to {group.high:.2f}"
        table.add_row(f"{group.predicted:.2f}", observed, interval, str(group.n))
    stdout.print(table)
