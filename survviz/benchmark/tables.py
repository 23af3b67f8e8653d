"""A leaderboard as JSON, CSV and Markdown."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from survviz.benchmark.board import REFERENCES, Board, CohortBoard, Comparison, Row
from survviz.benchmark.content import write_bytes
from survviz.benchmark.published import Published
from survviz.benchmark.scores import Score

SCORES = {
    "harrell_c": "C",
    "pooled_harrell_c": "pooled C",
    "pooled_within_c": "C within type",
    "uno_c": "Uno C",
    "iauc": "iAUC",
    "auc_12": "AUC 1 y",
    "auc_36": "AUC 3 y",
    "auc_60": "AUC 5 y",
    "ibs": "IBS",
    "pooled_logrank_p": "log-rank p",
    "pooled_d_calibration_p": "D-cal. p",
}
"""Score -> heading, in the order of the tables."""

WITH_INTERVAL = ("harrell_c", "pooled_harrell_c", "pooled_within_c")
READING = (
    "C: mean of Harrell's C over the test folds of all repeats, with a 95 % interval by the corrected resampled "
    "variance (Nadeau and Bengio). Pooled C: risks as z-scores among the fold's training patients, bootstrap over "
    "patients. Uno C, AUC and IBS (lower is better) are means over folds, censoring weighed by the training patients. "
    "Log-rank: high against low at the median training risk; p-values are medians over repeats. Δ: difference in fold "
    "C on the test patients that both have, corrected resampled t-test; p is Holm's over the models of the cohort, "
    "without correction (in brackets) for baselines. s: CPU seconds of one thread per fold. – : undefined or not "
    "applicable."
)


def write_tables(board: Board, out: Path) -> list[Path]:
    """Write `leaderboard.json`, `.csv` and `.md`; each appears complete or not at all."""
    document = json.dumps(_plain(board.document()), indent=1, ensure_ascii=False, allow_nan=False)
    contents = {"json": document + "\n", "csv": as_csv(board), "md": as_markdown(board)}
    for suffix, text in contents.items():
        write_bytes(out / f"leaderboard.{suffix}", text.encode())
    return [out / f"leaderboard.{suffix}" for suffix in contents]


def as_csv(board: Board) -> str:
    """One line per cohort and entry, every number in a column of its own."""
    rows = [_flat(cohort, row) for cohort in board.cohorts for row in cohort.rows]
    names = list(dict.fromkeys(name for row in rows for name in row))
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, fieldnames=names, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()


def as_markdown(board: Board) -> str:
    """A section per cohort, then over all cohorts."""
    parts = [f"# Benchmark: {board.suite}", board.description, READING]
    for cohort in board.cohorts:
        parts += _cohort_section(cohort)
    parts += _overall_section(board)
    return "\n\n".join(part for part in parts if part) + "\n"


def markdown_table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; bars in a cell are escaped."""
    lines = [heading, ["---"] * len(heading), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def number(score: Score | None, *, interval: bool = False, p: bool = False) -> str:
    """`0.712 (0.661 to 0.763)`, or a dash."""
    if score is None or score.value is None:
        return "–"
    if p:
        return p_value(score.value)
    if interval and score.low is not None and score.high is not None:
        return f"{score.value:.3f} ({score.low:.3f} to {score.high:.3f})"
    return f"{score.value:.3f}"


def p_value(p: float | None) -> str:
    """Two digits, or `<0.001`."""
    return "–" if p is None else "<0.001" if p < 0.001 else f"{p:.3f}"


def difference(comparison: Comparison | None) -> str:
    """`+0.021 (0.004 to 0.038), p 0.012`; an uncorrected p stands in brackets."""
    if comparison is None or comparison.difference is None:
        return "–"
    limits = f"{comparison.low:+.3f} to {comparison.high:+.3f}"
    p = f"p {p_value(comparison.p_holm)}" if comparison.p_holm is not None else f"(p {p_value(comparison.p)})"
    return f"{comparison.difference:+.3f} ({limits}), {p}"


def shown_scores(rows: Iterable[Row]) -> list[str]:
    """Scores that at least one row has a value of: within-type C stands only where types are."""
    rows = list(rows)
    return [name for name in SCORES if any(name in row.scores and row.scores[name].value is not None for row in rows)]


def _cohort_section(cohort: CohortBoard) -> list[str]:
    names = shown_scores(cohort.rows)
    truth = any(row.attained is not None for row in cohort.rows)
    heading = [
        "entry", "n (events)", "protocol", *(SCORES[name] for name in names), *(["attained"] if truth else []),
        "Δ to clinic", f"Δ to best single ({cohort.best_single or 'none'})", "s",
        *(["**published** C (other patients and splits)", "**its** protocol"] if cohort.published else []),
    ]  # fmt: skip
    lines = [_line(cohort, row, names, truth) for row in cohort.rows]
    out = [f"## {cohort.name}", f"{cohort.title}: {cohort.n} patients, {cohort.n_events} deaths. {cohort.plan}."]
    out.append(markdown_table(heading, lines))
    problems = [f"- {row.name}: {row.status}: {row.reason}" for row in cohort.rows if row.status != "done"]
    out.append("\n".join(problems))
    own = {row.model for row in cohort.rows if row.model}
    others = [one for one in cohort.published if one.model not in own]
    if cohort.published:
        out.append(
            f"### Published for {cohort.name}, not comparable with the table above: other patients, other splits"
        )
        heading = ["system", "metric", "value", "protocol", "splits", "source"]
        out.append(markdown_table(heading, [_published(one) for one in (*own_rows(cohort), *others)]))
    return out


def own_rows(cohort: CohortBoard) -> list[Published]:
    """Published numbers of models that stand in our table."""
    own = {row.model for row in cohort.rows if row.model}
    return [one for one in cohort.published if one.model in own]


def published_of(cohort: CohortBoard, row: Row) -> list[Published]:
    """Published C-indices of a row's model."""
    return [one for one in cohort.published if row.model and one.model == row.model and row.kind == "model"]


def _line(cohort: CohortBoard, row: Row, names: Sequence[str], truth: bool) -> list[str]:
    cells = [row.name, f"{row.n} ({row.n_events})" if row.n else "–", row.protocol or row.status]
    if row.status == "failed" and row.protocol:
        cells[-1] = f"{row.protocol}, FAILED in part"
    for name in names:
        cells.append(number(row.scores.get(name), interval=name in WITH_INTERVAL, p=name.endswith("_p")))
    if truth:
        cells.append("–" if row.attained is None else f"{row.attained:.0%}")
    cells += [difference(row.against.get(key)) for key in REFERENCES]
    cells.append("–" if row.seconds is None else f"{row.seconds:.1f}")
    if cohort.published:
        found = published_of(cohort, row)
        cells.append("; ".join(with_spread(one) for one in found) or "–")
        cells.append("; ".join(dict.fromkeys(one.protocol for one in found)) or "–")
    return cells


def with_spread(one: Published) -> str:
    """`0.701 ± 0.057 (sd)`."""
    if one.spread is None:
        return f"{one.value:.3f}"
    return f"{one.value:.3f} ± {one.spread:.3f}" + (f" ({one.spread_kind})" if one.spread_kind else "")


def _published(one: Published) -> list[str]:
    return [one.system, one.metric, with_spread(one), one.protocol, one.splits or "–", one.source]


def _overall_section(board: Board) -> list[str]:
    if not board.overall:
        return []
    rows = [
        [name, *(difference(found.get(key)) for key in REFERENCES), str(max(one.folds for one in found.values()))]
        for name, found in board.overall.items()
    ]
    text = "Mean of the cohorts' mean differences, every cohort counting the same; p is Holm's over the models."
    heading = ["entry", "Δ to clinic", "Δ to the cohort's best single modality", "cohorts"]
    return ["## Over all cohorts", text, markdown_table(heading, rows)]


def _flat(cohort: CohortBoard, row: Row) -> dict[str, Any]:
    values: dict[str, Any] = {
        "cohort": cohort.name, "entry": row.name, "kind": row.kind, "model": row.model,
        "modalities": "+".join(row.modalities), "status": row.status, "reason": row.reason, "protocol": row.protocol,
        "n": row.n, "events": row.n_events, "folds": row.folds,
    }  # fmt: skip
    for name in SCORES:
        score = row.scores.get(name)
        values[name] = None if score is None else score.value
        if name in WITH_INTERVAL:
            values[f"{name}_low"] = None if score is None else score.low
            values[f"{name}_high"] = None if score is None else score.high
    values["attained"] = row.attained
    for key in REFERENCES:
        found, short = row.against.get(key), key.replace(" ", "_")
        for part in ("reference", "difference", "low", "high", "p", "p_holm"):
            values[f"vs_{short}_{part}"] = None if found is None else getattr(found, part)
    values["seconds_per_fold"] = row.seconds
    found = published_of(cohort, row)
    values["published"] = "; ".join(with_spread(one) for one in found)
    values["published_protocol"] = "; ".join(dict.fromkeys(one.protocol for one in found))
    return values


def _plain(value: Any) -> Any:
    """JSON values: no NaN, no tuples, no numpy."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return value
