"""The 19 goals of docs/performance.md: what must be reached, and what the committed results say of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

Groups: TypeAlias = Mapping[str, Mapping[str, Any]]

SURVPGC, SURVPGC_BOTH, SURVPGC_BOTH_50K = 75.3 / 30.6, 219 / 30.6, 1260 / 30.6
TRANSMIL, SURVPATH_CASE = 1035 / 30.6, 1000 / 2.06 / 30.6
"""Official code, published, over the linear layer of its machine (30.6 ms); SurvPath: 2.06 cases a second, its best."""
SURVPGC_MB, SURVPATH_MB = {"10,000": 191, "50,000": 882}, 3300


@dataclass(frozen=True, slots=True)
class Measured:
    """What a row says.

    Attributes:
        met: whether every part of the *must* is reached; None = not measured.
    """

    text: str
    met: bool | None


@dataclass(frozen=True, slots=True)
class Goal:
    """One row of the table."""

    number: int
    what: str
    must: str
    stretch: str
    measure: Callable[[Groups], Measured]


class NotMeasuredError(Exception):
    """The results lack a cell."""


def cell(groups: Groups, group: str, name: str) -> Mapping[str, Any]:
    """A result that a number can be taken from."""
    found = groups.get(group, {}).get("cells", {}).get(name)
    if found is None or found["kind"] == "skip":
        raise NotMeasuredError(f"{group}: {name}" + (f" ({found['why']})" if found else ""))
    return found


def faster(one: Mapping[str, Any], peer: str) -> float:
    """How many times as fast as a peer, by CPU time, median of the rounds' own ratios."""
    return one["times_as_fast_as_cpu"][peer]


def forward(groups: Groups) -> Measured:
    one = cell(groups, "goals/survpgc", "forward with attention, 10,000 patches")
    official, transmil = one["yardsticks_cpu"] / SURVPGC, one["yardsticks_cpu"] / TRANSMIL
    apart = one["facts"]["largest difference of logits"]
    plain = faster(one, "standard layers, forward, 10,000 patches")
    return Measured(
        f"{one['yardsticks_cpu']:.2f} x linear: {official:.2f} x official, 1/{1 / transmil:.0f} of TransMIL; logits "
        f"{apart:.0e} from standard layers in the same run, {1 / plain:.2f} x their time",
        official <= 0.72 and transmil <= 1 / 15 and apart <= 1e-5,
    )


def backward(groups: Groups) -> Measured:
    said, met = [], True
    for size, official in (("10,000", SURVPGC_BOTH), ("50,000", SURVPGC_BOTH_50K)):
        one = cell(groups, "goals/survpgc", f"forward and backward, {size} patches")
        peer = cell(groups, "goals/survpgc", f"standard layers, forward and backward, {size} patches")
        time, memory = one["yardsticks_cpu"] / official, one["peak_mb"] / SURVPGC_MB[size]
        said.append(f"{size}: {time:.2f} x time, {memory:.2f} x memory of the official ({one['peak_mb']:.0f} MB; "
                    f"standard layers here {peer['peak_mb']:.0f})")  # fmt: skip
        met = met and time <= 0.70 and memory <= 0.85
    return Measured("; ".join(said), met)


def survpath(groups: Groups) -> Measured:
    facts = cell(groups, "training/survpath", "SurvPath, a step per case")["facts"]
    ratio = SURVPATH_CASE / facts["yardsticks per case"]
    peak = facts["peak RSS in MB, with pages of the mapped file"]
    growth = facts["growth of anonymous memory after case 20, percent"]
    return Measured(
        f"{ratio:.1f} x ({facts['yardsticks per case']:.1f} x linear per case, {facts['steps']} steps of one case); "
        f"peak RSS {peak:.0f} MB, {peak / SURVPATH_MB:.2f} x; growth {growth:.1f} %",
        ratio >= 3.5 and peak <= 0.4 * SURVPATH_MB and growth <= 5,
    )


def harrell(groups: Groups) -> Measured:
    one = cell(groups, "evaluation/100000", "Harrell's C")
    large = groups.get("evaluation/1000000", {}).get("cells", {}).get("Harrell's C")
    seconds = large["cpu_seconds"]["median"] if large else None
    a, b = (faster(one, f"Harrell's C, {peer}") for peer in ("lifelines", "scikit-survival"))
    apart = one["facts"]["difference from lifelines"]
    return Measured(
        f"{a:.1f} x lifelines, {b:.0f} x scikit-survival, difference {apart:.0e}; 10^6 "
        + ("not measured" if seconds is None else f"in {seconds:.2f} s"),
        False if min(a / 10, b / 200) < 1 or apart > 1e-12 else None if seconds is None else seconds <= 1.5,
    )


def bootstrap(groups: Groups) -> Measured:
    one = cell(groups, "evaluation/bootstrap", "interval of C")
    a, b = (faster(one, f"interval of C, {peer} in a loop") for peer in ("lifelines", "scikit-survival"))
    return Measured(f"{a:.0f} x lifelines, {b:.0f} x scikit-survival", a >= 30 and b >= 60)


def panel(groups: Groups) -> Measured:
    group = "evaluation/10000"
    ratio = faster(cell(groups, group, "panel of six"), "panel of six, scikit-survival")
    names = ("Uno's C", "AUC(t)", "integrated Brier score")
    apart = max(cell(groups, group, name)["facts"]["difference from scikit-survival"] for name in names)
    return Measured(f"{ratio:.1f} x; largest difference {apart:.0e}", ratio >= 12 and apart <= 1e-9)


def gradients(groups: Groups) -> Measured:
    one = cell(groups, "explain/gradients", "integrated gradients, 50 steps")
    default, single = (faster(one, f"captum, {how}") for how in ("its default", "one step at a time"))
    peer = cell(groups, "explain/gradients", "captum, its default")["peak_mb"]
    gap = one["facts"]["completeness error"]
    return Measured(
        f"{default:.1f} x captum's default, {single:.1f} x one step at a time; memory 1/{peer / one['peak_mb']:.0f}; "
        f"completeness error {gap:.0e} (captum's at the same points {one['facts']['of captum']:.0e})",
        default >= 7 and single >= 3.5 and peer >= 15 * one["peak_mb"] and gap <= 1e-4,
    )


def cox(groups: Groups) -> Measured:
    name = "100,000 patients, 300 covariates"
    one = cell(groups, "evaluation/cox-300-large", name)
    a, b = (faster(one, f"{name}, {peer}") for peer in ("lifelines", "scikit-survival"))
    apart = [one["facts"][f"largest difference of coefficients, {peer}"] for peer in ("lifelines", "scikit-survival")]
    return Measured(
        f"{a:.0f} x lifelines, {b:.0f} x scikit-survival (which has no standard errors), "
        f"{one['cpu_seconds']['median']:.1f} s; coefficients {apart[0]:.0e} and {apart[1]:.0e} apart",
        a >= 30 and b >= 30 and min(apart) <= 1e-6,
    )


def private(groups: Groups) -> Measured:
    name = "8 bags of 4,000"
    one = cell(groups, "private/bags", name)
    plain, opacus = 1 / faster(one, f"{name}, no privacy"), faster(one, f"{name}, Opacus' hooks")
    memory = one["peak_mb"] / cell(groups, "private/bags", f"{name}, Opacus' hooks")["peak_mb"]
    return Measured(
        f"{plain:.2f} x a step without privacy, {opacus:.2f} x as fast as Opacus, {memory:.2f} x its memory",
        plain <= 1.05 and opacus >= 1.35 and memory <= 0.25,
    )


def transmil(groups: Groups) -> Measured:
    one = cell(groups, "models/transmil", "forward, 10,000 patches")
    ratio = one["yardsticks_cpu"] / TRANSMIL
    return Measured(
        f"{ratio:.2f} x ({one['yardsticks_cpu']:.1f} x linear; peak {one['peak_mb']:.0f} MB)", ratio <= 0.25
    )


def masked(groups: Groups) -> Measured:
    one = cell(groups, "explain/masks", "100 masked forwards")
    ratio = 1 / faster(one, "one forward")
    return Measured(f"{ratio:.1f} x one forward", ratio <= 15)


def growth(groups: Groups) -> Measured:
    said, met = [], True
    for name in ("survpgc, forward", "survpgc, forward and backward"):
        one = cell(groups, "growth/patches", name)
        facts, power = one["facts"], one["facts"]["power of the upper half"]
        said.append(
            f"{name}: {one['value']['median']:.2f} us and {facts['kB per patch']:.1f} kB per patch, power {power:.2f}"
        )
        met = met and 0.85 <= power <= 1.15
    cases = groups.get("growth/cases", {}).get("cells", {}).get("an epoch, by cases")
    if cases is None:
        return Measured("; ".join(said) + "; by cases not measured", None if met else False)
    power = cases["facts"]["power of the upper half"]
    said.append(f"training: {cases['value']['median'] / 1000:.0f} ms per case, power {power:.2f}")
    return Measured("; ".join(said), met and 0.85 <= power <= 1.15)


def not_measured(_: Groups) -> Measured:
    return Measured("not measured: no GPU was lent", None)
