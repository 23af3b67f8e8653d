"""A comparison of groups as tables, and as the paragraph that a paper needs: what was really done, nothing else."""

from __future__ import annotations

import pandas as pd

from survviz import __version__
from survviz.pipeline.cohort.stratification import FEWEST_EVENTS, FEWEST_PATIENTS, Group, Stratification

UNDEFINED = "–"


def p_text(p_value: float | None) -> str:
    """For example "p = 0.032" or "p < 0.001"."""
    if p_value is None:
        return "p undefined"
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.2g}" if p_value < 0.1 else f"p = {p_value:.2f}"


def with_limits(value: float | None, low: float | None, high: float | None, digits: int = 1) -> str:
    """For example "20.3 (15.1 to 26.0)"; a limit that is not reached is said so."""
    if value is None:
        return "not reached" if low is None else f"not reached (from {low:.{digits}f})"
    ends = ["not reached" if end is None else f"{end:.{digits}f}" for end in (low, high)]
    return f"{value:.{digits}f} ({ends[0]} to {ends[1]})".replace("-", "−")


def group_table(found: Stratification) -> pd.DataFrame:
    """One row per group, for reading."""
    rows = []
    for one in found.groups:
        lived, gained, ratio = one.restricted, one.gained, one.hazard_ratio
        rows.append({
            "Group": one.name,
            "Patients": f"{one.n:,}",
            "Events": f"{one.n_events:,}",
            "Median, months": with_limits(one.curve.median, *one.curve.median_limits),
            "Hazard ratio": _ratio(found, one) if ratio is None else with_limits(*ratio[:3], digits=2),
            "p (Cox)": "" if ratio is None or found.best else p_text(ratio[3]).removeprefix("p = ").removeprefix("p "),
            f"Mean until {found.until:.3g} months":
                UNDEFINED if lived is None else with_limits(lived.value, lived.low, lived.high),
            "Difference": "" if gained is None else with_limits(gained.difference, gained.low, gained.high),
        })  # fmt: skip
    return pd.DataFrame(rows)


def pair_table(found: Stratification) -> pd.DataFrame:
    """One row per pair of groups, with both p-values."""
    rows = [
        {"Groups": f"{one.first} – {one.second}", "p": _p(one.p_value), "p, Holm": _p(one.adjusted), "": one.reason}
        for one in found.pairs
    ]
    table = pd.DataFrame(rows)
    return table if any(one.reason for one in found.pairs) else table.drop(columns="", errors="ignore")


def curve_table(found: Stratification) -> pd.DataFrame:
    """Every step of every curve, for a CSV file."""
    parts = [
        pd.DataFrame({
            "group": one.name, "months": one.curve.times, "survival": one.curve.survival, "low": one.curve.ci_low,
            "high": one.curve.ci_high, "at_risk": one.curve.at_risk, "events": one.curve.n_events,
            "censored": one.curve.n_censored,
        })
        for one in found.groups
    ]  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def risk_counts(found: Stratification) -> pd.DataFrame:
    """The table under the figure, for a CSV file."""
    parts = [
        pd.DataFrame({
            "group": one.name, "months": one.counts.times, "at_risk": one.counts.at_risk,
            "events_until": one.counts.n_events, "censored_until": one.counts.n_censored,
        })
        for one in found.groups
    ]  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def member_table(found: Stratification) -> pd.DataFrame:
    """Which patient is in which group, and why the others are in none."""
    rows = [(case, one.name, "") for one in found.groups for case in one.cases]
    rows += [(case, "", reason) for case, reason in found.left_out.items()]
    return pd.DataFrame(rows, columns=pd.Index(["case_id", "group", "left_out_because"]))


def headline(found: Stratification) -> str:
    """The lines in the corner of the figure."""
    if found.p_value is None:
        return ""
    name = "corrected for the choice of cut-off" if found.best else "log-rank"
    lines = [f"{p_text(found.p_value)} ({name})"]
    if len(found.groups) == 2 and found.groups[1].hazard_ratio:
        value, low, high, _ = found.groups[1].hazard_ratio
        lines.append(f"HR {value:.2f} ({found.plan.level:.0%} CI {low:.2f} to {high:.2f})")
    return "\n".join(lines)


def title(found: Stratification) -> str:
    """What stands above the figure where no page says it."""
    return f"{found.cohort} · {found.checkpoint}"


def methods(found: Stratification, *, tried: int = 0) -> str:
    """The methods paragraph.

    Args:
        tried: cut-offs that were looked at in the session, this one included.
    """
    plan, level = found.plan, f"{found.plan.level:.0%}"
    parts = [
        f"Patients of {found.cohort} (n = {found.n:,}; {found.n_events:,} events, endpoint {found.endpoint}"
        + (f"; median follow-up {found.follow_up:.1f} months, reverse Kaplan–Meier" if found.follow_up else "")
        + f") were grouped by {found.words}.",
    ]
    if found.left_out:
        parts.append(f"{len(found.left_out):,} patients were left out, each with a recorded reason.")
    parts += _model_words(found)
    if plan.landmark:
        parts.append(f"Landmark analysis: patients under observation at {plan.landmark:g} months, from then on.")
    if plan.entry_column:
        parts.append(f"Left truncation: patients were at risk from {plan.entry_column} ({plan.entry_unit}) on.")
    parts.append(
        f"Survival was estimated by Kaplan–Meier with {level} limits (Greenwood, log-log); numbers at risk are counts "
        "at the start of each interval."
    )
    parts += _test_words(found, tried)
    parts.append(f"Computed with survviz {__version__}.")
    return " ".join(parts)


def _model_words(found: Stratification) -> list[str]:
    if found.plan.groups == "clinical":
        return []
    whole = f"The risk is that of the checkpoint {found.checkpoint}, "
    if not found.n_out_of_fold:
        return [whole + "none of whose models was trained on these patients (by case id)."]
    return [
        whole + f"for {found.n_out_of_fold:,} patients of its training cohort each by the models that did not train on "
        "them (out of fold); this is no external validation."
    ]


def _test_words(found: Stratification, tried: int) -> list[str]:
    if found.hidden:
        return [f"No p-value is given: groups need at least {FEWEST_PATIENTS} patients and {FEWEST_EVENTS} events."]
    parts = []
    if found.best:
        parts.append(
            f"The cut-off maximises the standardised log-rank statistic over {len(found.best.cutoffs):,} cut-offs that "
            f"leave a tenth of the patients on each side; {p_text(found.p_value)} is corrected for that "
            f"({found.best.n_permutations:,} permutations)."
        )
    elif found.logrank:
        parts.append(f"Groups were compared by the log-rank test ({p_text(found.p_value)}).")
    if found.pairs:
        parts.append("Pairs of groups were compared by the log-rank test, p-values adjusted by Holm.")
    if any(one.hazard_ratio for one in found.groups):
        changing = found.proportional_p
        test = "" if changing is None else f"; proportional hazards: {p_text(changing)} (Grambsch–Therneau)"
        parts.append(f"Hazard ratios are Cox's (Efron's ties) against {found.reference}{test}.")
    if any(one.gained for one in found.groups):
        parts.append(f"Restricted mean survival times are areas under the curves until {found.until:.3g} months.")
    if tried > 1:
        parts.append(f"{tried} cut-offs of the risk were looked at in this session; p-values do not account for that.")
    return parts


def _ratio(found: Stratification, group: Group) -> str:
    return "1 (reference)" if group is found.groups[0] else "hidden" if found.hidden else UNDEFINED


def _p(value: float | None) -> str:
    return UNDEFINED if value is None else p_text(value).removeprefix("p = ").removeprefix("p ")
