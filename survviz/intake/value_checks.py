"""The numbers of a molecular table: no numbers, infinite, absurd, in another unit than said, in two units at once."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from survviz.data.genes import shorten
from survviz.data.omics import is_linear
from survviz.intake.expression_unit import LARGEST_LOG2, UnitGuess, contradicts, guess_unit
from survviz.intake.findings import Finding
from survviz.intake.fixes import DropSamples, EmptyUnread, Fix, LimitValues, SetUnit
from survviz.intake.tables import Matrix
from survviz.intake.text_fixes import COMMA_NUMBER
from survviz.intake.wording import many

ABSURD_Z = 100.0
ABSURD_LINEAR = 1e10
PLACEHOLDERS = (-9999.0, -999.0, -99.0)
MANY = 20
"""Fewer samples than this say nothing about a scale."""
SHIFT = 6.0


def check_values(name: str, matrix: Matrix) -> Iterator[Finding]:
    """Findings about the cells of one matrix."""
    yield from _unread(name, matrix)
    values = matrix.values.to_numpy(dtype=np.float32)
    yield from _infinite(name, matrix, values)
    placeholder = _placeholder(values)
    if placeholder is not None:
        yield _placeholders(name, matrix, values, placeholder)
        values = np.where(values == placeholder, np.nan, values)
    if matrix.role in ("rna", "mirna"):
        guess = guess_unit(values, per_million="RPM" if matrix.role == "mirna" else "TPM")
        yield from _unit(name, matrix, guess)
        yield from _two_scales(name, matrix, values)
        yield from _negative(name, matrix, values, guess)
    yield from _absurd(name, matrix, values)
    yield from _outliers(name, matrix, values)


def _unread(name: str, matrix: Matrix) -> Iterator[Finding]:
    if not matrix.unread:
        return
    commas = sum(bool(COMMA_NUMBER.match(cell.text.strip())) for cell in matrix.unread)
    shown = shorten(f"{cell.sample}, {cell.column}: {cell.text[:40]!r}" for cell in matrix.unread)
    advice = "Write decimals with a point." if commas else "Empty them, or write the numbers that they should be."
    text = f"{many(matrix.unread, 'cell is', 'cells are')} no numbers ({shown}). {advice}"
    rows = tuple(dict.fromkeys(cell.sample for cell in matrix.unread))
    columns = tuple(dict.fromkeys(cell.column for cell in matrix.unread))
    yield Finding("not-numbers", "error", name, text, rows, columns, (EmptyUnread(table=name),))


def _infinite(name: str, matrix: Matrix, values: NDArray[np.float32]) -> Iterator[Finding]:
    cells = np.argwhere(np.isinf(values))
    if len(cells):
        text = (
            f"{many(cells, 'cell is', 'cells are')} infinite ({_shown(matrix, values, cells)}). Was a "
            f"zero logged? Empty them."
        )
        reach = float(np.finfo(np.float32).max)
        fix = LimitValues(table=name, low=-reach, high=reach)
        yield Finding("infinite-values", "error", name, text, *_names(matrix, cells), fixes=(fix,))


def _placeholder(values: NDArray[np.float32]) -> float | None:
    """A number that stands for "missing": far below every other, and more than once."""
    low = np.nanmin(values, initial=np.inf)
    if low not in PLACEHOLDERS or (values == low).sum() < 2:
        return None
    others = values[(values != low) & np.isfinite(values)]
    return float(low) if others.size and others.min() > low / 3 else None


def _placeholders(name: str, matrix: Matrix, values: NDArray[np.float32], number: float) -> Finding:
    cells = np.argwhere(values == number)
    text = (
        f"{many(cells, 'cell is', 'cells are')} {number:g}, far below every other value "
        f"({_shown(matrix, values, cells)}): a number that stands for a missing value. Empty them."
    )
    fix = LimitValues(table=name, low=float(np.nextafter(np.float32(number), np.float32(0))))
    return Finding("placeholder-values", "error", name, text, *_names(matrix, cells), fixes=(fix,))


def _unit(name: str, matrix: Matrix, guess: UnitGuess) -> Iterator[Finding]:
    if guess.kind == "unknown":
        return
    fix = SetUnit(table=name, unit=guess.unit)
    if not matrix.unit:
        text = (
            f"Nothing says in which unit the values are. They look like {guess.unit} ({guess.why}). Linear values are "
            "logged before a model sees them, others are not: say which they are."
        )
        yield Finding("unit-unknown", "error", name, text, fixes=(fix,))
    elif contradicts(matrix.unit, guess):
        what = "linear values, to be logged" if is_linear(matrix.unit) else "logged or scaled already"
        text = (
            f"The unit is said to be {matrix.unit} ({what}), but the values look like {guess.unit} ({guess.why}). "
            "Logged twice, or not at all, every risk would be wrong. Correct the unit."
        )
        yield Finding("unit-contradiction", "error", name, text, fixes=(fix,))


def _two_scales(name: str, matrix: Matrix, values: NDArray[np.float32]) -> Iterator[Finding]:
    """Some samples logged, the others not."""
    if len(values) < MANY:
        return
    top = np.fmax.reduce(values, axis=1)
    small = top <= LARGEST_LOG2
    share = small.mean()
    if not 0 < share < 1 or np.median(top[~small]) < 20 * LARGEST_LOG2 or (values < 0).any():
        return
    odd = small if share <= 0.5 else ~small
    rows = tuple(dict.fromkeys(matrix.values.index[odd].astype(str)))
    which = (
        "never pass 32, as if they were logged" if share <= 0.5 else "reach far above 32, as if they were not logged"
    )
    text = (
        f"{len(rows):,} of {len(values):,} samples {which}, the others are different ({shorten(rows)}): two tables in "
        "two units were put together. Bring them to one unit at the source, or leave these out."
    )
    fix = DropSamples(table=name, samples=rows, reason="in another unit than the others")
    yield Finding("mixed-units", "error", name, text, rows, fixes=(fix,))


def _negative(name: str, matrix: Matrix, values: NDArray[np.float32], guess: UnitGuess) -> Iterator[Finding]:
    """A few negative cells among linear values."""
    unit_is_linear = is_linear(matrix.unit) if matrix.unit else guess.logs
    below = values < 0
    known = np.isfinite(values).sum()
    if not below.any() or not unit_is_linear or below.sum() > 0.01 * known:
        return
    cells = np.argwhere(below)
    text = (
        f"{len(cells):,} of {known:,} values are negative ({_shown(matrix, values, cells)}), which "
        f"{matrix.unit or 'a count'} never is. Empty them, or write 0 if the machine subtracted a background."
    )
    fixes: tuple[Fix, ...] = (
        LimitValues(table=name, low=0.0),
        LimitValues(table=name, low=0.0, become="the limit"),
    )
    yield Finding("negative-values", "error", name, text, *_names(matrix, cells), fixes=fixes)


def _absurd(name: str, matrix: Matrix, values: NDArray[np.float32]) -> Iterator[Finding]:
    """Cells that no measurement gives, which flatten everything else: z-scores of 36,893."""
    finite = np.isfinite(values)
    if matrix.role == "features" or not finite.any():
        return
    scaled = False
    if is_linear(matrix.unit) if matrix.unit else float(np.nanmin(values)) >= 0:
        limit, why = ABSURD_LINEAR, "no machine counts so many"
    elif "log2(" in matrix.unit.replace(" ", "").lower():
        limit, why = 2 * LARGEST_LOG2, "2 to this power is no number of reads"
    else:
        limit, scaled = ABSURD_Z, True
        why = f"a z-score within {len(values):,} samples cannot pass {(len(values) - 1) / len(values) ** 0.5:.0f}"
    cells = np.argwhere(finite & (np.abs(values) > limit))
    if not len(cells):
        return
    order = np.argsort(-np.abs(values[cells[:, 0], cells[:, 1]]), kind="stable")
    text = (
        f"{many(cells, 'cell lies', 'cells lie')} beyond ±{limit:,.0f} ({_shown(matrix, values, cells[order])}); "
        f"{why}. One such cell flattens its gene for everybody. "
        f"{'Pull them in to the limit, or empty them.' if scaled else 'Empty them.'}"
    )
    empty = LimitValues(table=name, low=-limit, high=limit)
    fixes = (empty.model_copy(update={"become": "the limit"}), empty) if scaled else (empty,)
    yield Finding("absurd-z" if scaled else "absurd-values", "warning", name, text, *_names(matrix, cells), fixes=fixes)


def _outliers(name: str, matrix: Matrix, values: NDArray[np.float32]) -> Iterator[Finding]:
    """Samples whose middle lies far from all others': another unit, a failed run, another organism."""
    if len(values) < MANY or values.shape[1] < MANY:
        return
    filled = np.where(np.isfinite(values), values, 0)
    linear = bool((filled >= 0).all()) and float(filled.max()) > LARGEST_LOG2
    level = np.log2(1 + filled.mean(axis=1)) if linear else np.median(filled, axis=1)
    distance = np.abs(level - np.median(level))
    spread = 1.4826 * np.median(distance)
    far = distance > max(2 * SHIFT * spread, SHIFT / 2)
    if 0 < far.sum() <= len(values) // 5:
        rows = tuple(dict.fromkeys(matrix.values.index[far].astype(str)))
        text = (
            f"{many(rows, 'sample lies', 'samples lie')} far from all others as a whole ({shorten(rows)}): another "
            "unit, a failed run or another tissue. Look at them; leave them out if they are wrong."
        )
        fix = DropSamples(table=name, samples=rows, reason="far from all others as a whole")
        yield Finding("outlier-samples", "warning", name, text, rows, fixes=(fix,))


def _shown(matrix: Matrix, values: NDArray[np.float32], cells: NDArray[np.int64]) -> str:
    rows, columns = matrix.values.index, matrix.values.columns
    few = [f"{rows[i]}, {columns[j]}: {values[i, j]:,.6g}" for i, j in cells[:5]]
    return "; ".join(few) + (f" and {len(cells) - 5:,} more" if len(cells) > 5 else "")


def _names(matrix: Matrix, cells: NDArray[np.int64]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Samples and columns that cells are in."""
    rows, columns = matrix.values.index.astype(str), matrix.values.columns.astype(str)
    return tuple(dict.fromkeys(rows[cells[:, 0]])), tuple(dict.fromkeys(columns[cells[:, 1]]))
