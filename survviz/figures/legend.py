"""Words and numbers beside the colours, as in the browser (survviz/server/web/scales.js)."""

from __future__ import annotations

from dataclasses import dataclass

from survviz.figures.patch_map import PatchMap
from survviz.figures.scaling import Look, Summary

MINUS = "\N{MINUS SIGN}"
QUARTERS = (0.0, 0.25, 0.5, 0.75, 1.0)
UNITS = {
    "risk": "Change of the risk score",
    "rank": "Difference of percentile ranks",
    "log2": "log₂ A ÷ B",
}
ENDS = {
    "risk": "Violet patches push the estimate down, orange ones push it up.",
    "rank": "Violet: ranks lower by what it adds to the risk than by attention; orange: higher.",
    "log2": "Violet: B looks more; orange: A looks more.",
}
RANK_ONLY = "Rank only: always shows 10 % of the patches as top, even where all are alike."
KINDS = {
    "attention": "Attention",
    "contribution": "Contribution",
    "perturbation": "Perturbation",
    "disagreement": "Disagreement",
}
GROUPS = {"clinical": "clinic", "genomic": "genomic", "pathology": "pathology", "case": "model", "risk": "risk"}


@dataclass(frozen=True, slots=True)
class Tick:
    """A number beside the colour bar, at a place from 0 to 1."""

    at: float
    text: str


def two_digits(value: float) -> str:
    """Two significant digits, without an exponent: 0.012, 9.8, 120."""
    return f"{float(f'{value:.2g}'):.10f}".rstrip("0").rstrip(".")


def exponential(value: float) -> str:
    """One digit after the point: 1.2e-5."""
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{mantissa}e{int(exponent):+d}"


def times(fold: float) -> str:
    """A multiple of uniform: "8.4×"."""
    if fold == 0:
        return "0×"
    if fold >= 100:
        return f"{round(fold):,}×"
    return f"{two_digits(fold)}×" if fold >= 0.01 else f"{exponential(fold)}×"


def weight(value: float) -> str:
    """A share of the attention: "0.0012"."""
    if value == 0:
        return "0"
    return f"{value:#.2g}".rstrip(".") if value >= 0.01 else exponential(value)


def signed(value: float) -> str:
    """A number with its sign: "+0.012"."""
    size = abs(value)
    if size == 0:
        return "0"
    text = two_digits(size) if 0.001 <= size < 1000 else exponential(size)
    return (MINUS if value < 0 else "+") + text


def value_text(patch_map: PatchMap, value: float) -> str:
    """A value in words: "8.4×", "+0.012", "SD 0.3×"."""
    if value != value:
        return "no value"
    if patch_map.nature == "signed":
        return signed(value)
    if patch_map.nature == "spread":
        return f"SD {times(value) if patch_map.unit == 'share' else signed(value)[1:] or '0'}"
    return times(value)


def bar_title(patch_map: PatchMap, look: Look) -> str:
    """What the colour bar measures."""
    scale = look.scale_of(patch_map.nature)
    unit = UNITS.get(patch_map.unit, patch_map.unit)
    if patch_map.nature == "signed":
        return unit if scale == "linear" else f"{unit}, rank of its size"
    if scale == "rank":
        return "Rank among the patches of the case"
    if patch_map.nature == "spread":
        return "SD over the folds (low: they agree)"
    return {"fold": "Attention ÷ uniform", "raw": "Attention weight"}[scale]


def ends_note(patch_map: PatchMap) -> str:
    """What the two colours of a signed map mean; empty for others."""
    return ENDS.get(patch_map.unit, "") if patch_map.nature == "signed" else ""


def scale_note(patch_map: PatchMap, look: Look, summary: Summary) -> str:
    """What to know about the scale; may be empty."""
    scale = look.scale_of(patch_map.nature)
    if scale == "rank":
        return RANK_ONLY
    if scale == "linear":
        sign = "of the sizes, ± " if patch_map.nature == "signed" else ""
        return f"Ends at the 99th percentile {sign}{two_or_exponent(summary.clip)}."
    return ""


def two_or_exponent(value: float) -> str:
    """A size without its sign."""
    return signed(abs(value)).lstrip("+")


def bar_ticks(patch_map: PatchMap, look: Look, summary: Summary) -> list[Tick]:
    """Numbers beside the colour bar."""
    scale = look.scale_of(patch_map.nature)
    if scale == "rank":
        if patch_map.nature == "signed":
            return [Tick(0.0, f"{MINUS} most"), Tick(0.5, "0"), Tick(1.0, "+ most")]
        return [Tick(at, f"{100 * at:g} %") for at in QUARTERS]
    if scale == "fold":
        return [Tick(at, _bounded(at, _power_of_two((2 * at - 1) * look.range))) for at in QUARTERS]
    if scale == "raw":
        return [Tick(at, weight(at * summary.max * patch_map.uniform)) for at in (0.0, 0.5, 1.0)]
    if patch_map.nature == "signed":
        return [Tick(at, _bounded(at, signed((2 * at - 1) * summary.clip))) for at in QUARTERS]
    texts = {at: value_text(patch_map, at * summary.clip)[3:] for at in (0.0, 0.5, 1.0)}
    return [Tick(at, ("≥ " if at == 1 else "") + text) for at, text in texts.items()]


def _bounded(at: float, text: str) -> str:
    return f"≤ {text}" if at == 0 else f"≥ {text}" if at == 1 else text


def _power_of_two(log2: float) -> str:
    if not float(log2).is_integer():
        return times(2**log2)
    return f"1/{2**-log2:g}×" if log2 < 0 else f"{2**log2:g}×"


def threshold_text(patch_map: PatchMap, look: Look, summary: Summary) -> str:
    """Which patches the threshold hides, in words; empty where it hides none."""
    at, scale = look.threshold, look.scale_of(patch_map.nature)
    if at == 0:
        return ""
    if scale == "rank":
        what = "% of largest size" if patch_map.nature == "signed" else "%"
        return f"Only the top {round(100 * (1 - at))} {what} are drawn."
    if patch_map.nature == "signed":
        return f"Patches within ± {two_or_exponent(at * summary.clip)} are not drawn."
    if scale == "fold":
        return f"Patches below {times(2 ** ((2 * at - 1) * look.range))} are not drawn."
    if scale == "raw":
        return f"Patches below {weight(at * summary.max * patch_map.uniform)} are not drawn."
    return f"Patches below {value_text(patch_map, at * summary.clip)} are not drawn."


def direction(patch_map: PatchMap) -> str:
    """For example "clinic → pathology"."""
    return f"{GROUPS.get(patch_map.query, patch_map.query)} → {GROUPS.get(patch_map.key, patch_map.key)}"


def map_title(patch_map: PatchMap) -> str:
    """For example "Attention · clinic → pathology · Stage"."""
    parts = [KINDS.get(patch_map.kind, patch_map.kind), direction(patch_map), patch_map.token_words]
    parts += [part for part in (patch_map.provenance.head, patch_map.provenance.fold) if part]
    return " · ".join(parts)
