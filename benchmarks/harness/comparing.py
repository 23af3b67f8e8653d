"""A run beside the committed one: ratio of ratios."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SLOWER = 1.25


def slower(new: Mapping[str, Any], old: Mapping[str, Any] | None) -> float | None:
    """How many times worse than before, in yardsticks where there is one; None = cannot be compared.

    Of a timed cell the smaller of the ratios by wall clock and by CPU time: another load on the machine moves one of
    them, a slower program both.
    """
    if old is None or old["kind"] != new["kind"] or new["kind"] == "skip" or new["unit"] != old["unit"]:
        return None
    if new["kind"] == "reading":
        one, other = new["value"]["median"], old["value"]["median"]
        if not one or not other:
            return None
        return one / other if new["better"] == "lower" else other / one
    if new["yardstick"] is None or new["yardstick"] != old["yardstick"]:
        return min(
            new[kind]["median"] / old[kind]["median"] for kind in ("seconds", "cpu_seconds") if old[kind]["median"]
        )
    return min(new[kind] / old[kind] for kind in ("yardsticks", "yardsticks_cpu") if old[kind])


def line(name: str, cell: Mapping[str, Any], old: Mapping[str, Any] | None) -> str:
    """One cell in words and numbers."""
    if cell["kind"] == "skip":
        return f"  {name}: skipped, {cell['why']}"
    if cell["kind"] == "reading":
        said = f"  {name}: {cell['value']['median']:.4g} {cell['unit']}"
    else:
        said = f"  {name}: {1000 * cell['seconds']['median']:.4g} ms ({cell['unit'].removeprefix('s ')})"
        if cell["yardsticks"] is not None:
            said += f", {cell['yardsticks']:.3g} x {cell['yardstick']}"
        for peer, times in cell["times_as_fast_as"].items():
            said += f", {times:.3g} times as fast as {peer}"
        said += f", peak {cell['peak_mb']:.0f} MB"
    for fact, value in cell["facts"].items():
        said += f", {fact} {value:.4g}" if isinstance(value, float) else f", {fact} {value}"
    change = slower(cell, old)
    if change is None:
        return said + (" [new]" if old is None else "")
    return said + (f"  SLOWER: {change:.2f} x before" if change > SLOWER else f"  [{change:.2f} x before]")
