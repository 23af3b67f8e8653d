"""Numbers in sentences."""

from __future__ import annotations

from collections.abc import Sized


def short(number: float) -> str:
    """Four digits of a small number, all of a large one: "0.3071", "12.3", "14,740"."""
    return f"{number:,.0f}" if abs(number) >= 1000 else f"{number:.4g}"


def many(found: Sized | int, one: str, several: str) -> str:
    """`many(rows, "row is", "rows are")`: "1 row is", "2,114 rows are"."""
    count = found if isinstance(found, int) else len(found)
    return f"{count:,} {one if count == 1 else several}"
