"""Maps as a table: one row per patch, level-0 coordinates, one column per map (two for attention)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from survviz.figures.patch_map import PatchMap, same_patches
from survviz.spreadsheets import as_cell

ROWS_AT_ONCE = 2000


def ranks(values: NDArray[np.floating]) -> NDArray[np.int64]:
    """(N,) rank of each patch, 1 = highest; equal values keep the order of the patches, those without come last."""
    rank = np.empty(len(values), dtype=np.int64)
    rank[np.argsort(-values, kind="stable")] = np.arange(1, len(values) + 1)
    return rank


def column_name(patch_map: PatchMap) -> str:
    """For example `clinical_to_pathology:Stage`, or `contribution:risk_to_pathology:all`."""
    prefix = "" if patch_map.kind == "attention" else f"{patch_map.kind}:"
    chosen = [part for part in (patch_map.provenance.head, patch_map.provenance.fold) if part]
    return ":".join([f"{prefix}{patch_map.query}_to_{patch_map.key}", patch_map.token, *chosen])


def csv_chunks(maps: Sequence[PatchMap]) -> Iterator[bytes]:
    """All maps as UTF-8 CSV with nine significant digits, some rows at a time.

    Rows are the patches of every slide. Columns: slide_id, x, y, patch_size_level0, then each map's value; of
    attention its share and, with the suffix `:times_uniform`, the multiple of a uniform map. A patch without a value,
    or of a slide without that map, has an empty field.

    Raises:
        InputError: there is no map, or two maps of one slide lie on different patches.
    """
    slides: dict[str, list[PatchMap]] = {}
    for one in maps:
        slides.setdefault(one.slide_id, []).append(one)
    for group in slides.values() or [[]]:
        same_patches(group)
    names = list(dict.fromkeys(column_name(one) for one in maps))
    doubled = {column_name(one) for one in maps if one.nature != "signed"}
    columns = [part for name in names for part in ((name, f"{name}:times_uniform") if name in doubled else (name,))]
    yield _csv_rows([["slide_id", "x", "y", "patch_size_level0", *columns]])
    for group in slides.values():
        values = _columns_of(group)
        for start in range(0, len(group[0]), ROWS_AT_ONCE):
            yield _csv_rows(_rows(group[0], [values.get(name) for name in columns], start))


def _columns_of(group: Sequence[PatchMap]) -> dict[str, NDArray[np.float64]]:
    found: dict[str, NDArray[np.float64]] = {}
    for one in group:
        values, name = one.values.astype(np.float64), column_name(one)
        if one.nature == "signed":
            found[name] = values
        else:
            found |= {name: values * one.uniform, f"{name}:times_uniform": values}
    return found


def _rows(first: PatchMap, columns: list[NDArray[np.float64] | None], start: int) -> list[list[object]]:
    rows: list[list[object]] = []
    for index in range(start, min(start + ROWS_AT_ONCE, len(first))):
        x, y = first.coords[index].tolist()
        numbers = ["" if one is None or np.isnan(one[index]) else f"{one[index]:.9g}" for one in columns]
        rows.append([first.slide_id, x, y, first.patch_size_level0, *numbers])
    return rows


def _csv_rows(rows: Sequence[Sequence[object]]) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([as_cell(cell) for cell in row] for row in rows)
    return out.getvalue().encode()


def attention_csv(maps: Sequence[PatchMap]) -> bytes:
    """The whole table at once."""
    return b"".join(csv_chunks(maps))
