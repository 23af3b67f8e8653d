"""A leaderboard as headed tables of text, the same for Markdown and for the page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from survviz.benchmark.board import REFERENCES, Board, CohortBoard, Comparison, Row
from survviz.benchmark.published import Published
from survviz.benchmark.scores import Score
from survviz.figures.html_page import Section, Table

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
"""Score -> heading, in the order of the columns."""

WITH_INTERVAL = ("harrell_c", "pooled_harrell_c", "pooled_within_c")
READING = (
    "C: mean of Harrell's C over the test folds of all repeats, with a 95 % interval by the corrected resampled "
    "variance (Nadeau and Bengio). Pooled C: risks as z-scores among the fold's training patients, bootstrap over "
    "patients. Uno C, AUC and IBS (lower is better) are means over folds, censoring weighed by the training patients. "
    "Log-rank: high against low at the median training risk; p-values are medians over repeats. Δ: difference in fold "
    "C on the test patients that both have, corrected resampled t-test; p is Holm's over the models of the cohort, "
    "without correction (in brackets) for baselines. s: CPU seconds of one thread per fold. – : undefined or not "
    "applicable. Protocol: nested = the epoch or penalty was chosen on inner validation patients, never on tested ones."
)
ELSEWHERE = "other patients, other splits: not comparable with ours"


def sections(board: Board) -> list[Section]:
    """An overview, the comparison over all cohorts, and one section per cohort."""
    several = [_overview(board)] if len(board.cohorts) > 1 else []
    return [*several, *_overall(board), *(_cohort(one) for one in board.cohorts)]


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
    """Three digits, or `<0.001`."""
    return "–" if p is None else "<0.001" if p < 0.001 else f"{p:.3f}"


def difference(comparison: Comparison | None) -> str:
    """`+0.021 (+0.004 to +0.038), p 0.012`; an uncorrected p stands in brackets."""
    if comparison is None or comparison.difference is None:
        return "–"
    limits = f"{comparison.low:+.3f} to {comparison.high:+.3f}"
    p = f"p {p_value(comparison.p_holm)}" if comparison.p_holm is not None else f"(p {p_value(comparison.p)})"
    return f"{comparison.difference:+.3f} ({limits}), {p}"


def published_of(cohort: CohortBoard, row: Row) -> list[Published]:
    """Published numbers of a row's model."""
    return [one for one in cohort.published if row.model and one.model == row.model and row.kind == "model"]


def with_spread(one: Published) -> str:
    """`0.701 ± 0.057 (sd over folds)`."""
    if one.spread is None:
        return f"{one.value:.3f}"
    return f"{one.value:.3f} ± {one.spread:.3f}" + (f" ({one.spread_kind})" if one.spread_kind else "")


def _overview(board: Board) -> Section:
    names = dict.fromkeys(row.name for cohort in board.cohorts for row in cohort.rows)
    scores = {(cohort.name, row.name): row.scores.get("harrell_c") for cohort in board.cohorts for row in cohort.rows}
    cohorts = [cohort.name for cohort in board.cohorts]
    rows = [[name, *(number(scores.get((cohort, name))) for cohort in cohorts)] for name in names]
    return Section("Overview", "Mean C over the test folds.", (Table("", ["entry", *cohorts], rows),))


def _overall(board: Board) -> list[Section]:
    if not board.overall:
        return []
    rows = [
        [name, *(difference(found.get(key)) for key in REFERENCES), str(max(one.folds for one in found.values()))]
        for name, found in board.overall.items()
    ]
    facts = (
        "Mean of the cohorts' mean differences, every cohort counting the same, and one whose patients stand in "
        "another not at all; p is Holm's over the models."
    )
    heading = ["entry", "Δ to clinic", "Δ to the cohort's best single modality", "cohorts"]
    return [Section("Over all cohorts", facts, (Table("", heading, rows),))]


def _cohort(cohort: CohortBoard) -> Section:
    names = [name for name in SCORES if any(name in row.scores and row.scores[name].n for row in cohort.rows)]
    truth = any(row.attained is not None for row in cohort.rows)
    heading = [
        "entry", "n (events)", "protocol", *(SCORES[name] for name in names), *(["attained"] if truth else []),
        "Δ to clinic", f"Δ to best single ({cohort.best_single or 'none'})", "s",
        *(["PUBLISHED value (elsewhere)", "PUBLISHED: its protocol"] if cohort.published else []),
    ]  # fmt: skip
    tables = [Table("Ours", heading, [_line(cohort, row, names, truth) for row in cohort.rows])]
    if cohort.published:
        columns = ["system", "metric", "value", "protocol", "splits", "source"]
        tables.append(Table(f"Published; {ELSEWHERE}", columns, [_published(one) for one in cohort.published]))
    facts = f"{cohort.title}: {cohort.n} patients, {cohort.n_events} deaths. {cohort.plan}."
    notes = tuple(f"{row.name}: {row.status}: {row.reason}" for row in cohort.rows if row.status != "done")
    return Section(cohort.name, facts, tuple(tables), notes)


def _line(cohort: CohortBoard, row: Row, names: Iterable[str], truth: bool) -> Sequence[str]:
    state = row.protocol or row.status
    cells = [row.name, f"{row.n} ({row.n_events})" if row.n else "–"]
    cells.append(f"{state}, FAILED in part" if row.status == "failed" and row.protocol else state)
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


def _published(one: Published) -> list[str]:
    return [one.system, one.metric, with_spread(one), one.protocol, one.splits or "–", one.source]
