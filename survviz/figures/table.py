"""Maps as a table: one row per patch, level-0 coordinates, one pair of columns per map."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from survviz.errors import InputError
from survviz.types import PatchScores


def ranks(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """(N,) rank of each patch, 1 = highest; equal values keep the order of the patches."""
    rank = np.empty(len(values), dtype=np.int64)
    rank[np.argsort(-values, kind="stable")] = np.arange(1, len(values) + 1)
    return rank


def map_name(scores: PatchScores) -> str:
    """Column name of a map, for example `clinical_to_pathology:Stage`."""
    return f"{scores.query}_to_{scores.key}:{scores.token}"


def attention_table(maps: Sequence[PatchScores]) -> pd.DataFrame:
    """All maps of a case: rows are patches of all its slides, columns are the maps.

    Columns: slide_id, x, y, patch_size_level0, then per map its value and, with the suffix `:times_uniform`, the value
    divided by what a uniform map would give.

    Raises:
        InputError: there is no map, or two maps of one slide lie on different patches.
    """
    if not maps:
        raise InputError("No map was given; compute at least one before exporting.")
    frames: dict[str, pd.DataFrame] = {}
    for scores in maps:
        frame = frames.setdefault(
            scores.slide_id,
            pd.DataFrame(
                {
                    "slide_id": scores.slide_id,
                    "x": scores.coords[:, 0],
                    "y": scores.coords[:, 1],
                    "patch_size_level0": scores.patch_size_level0,
                }
            ),
        )
        if not np.array_equal(frame[["x", "y"]].to_numpy(), scores.coords):
            raise InputError(f"The maps of slide {scores.slide_id} lie on different patches; export them separately.")
        frame[map_name(scores)] = scores.values
        frame[f"{map_name(scores)}:times_uniform"] = scores.fold_over_uniform
    return pd.concat(frames.values(), ignore_index=True)


def attention_csv(maps: Sequence[PatchScores]) -> bytes:
    """The table as UTF-8 CSV with nine significant digits."""
    return attention_table(maps).to_csv(index=False, float_format="%.9g").encode()
