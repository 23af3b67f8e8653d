from __future__ import annotations

import dataclasses
import io

import numpy as np
import pandas as pd
import pytest

from survviz.errors import InputError
from survviz.figures.patch_map import PatchMap
from survviz.figures.table import attention_csv, csv_chunks, ranks
from survviz.types import PatchScores


def test_table_has_one_row_per_patch_and_two_columns_per_attention_map(
    patch_map: PatchMap, signed_map: PatchMap
) -> None:
    other = [dataclasses.replace(one, slide_id="slide-2") for one in (patch_map, signed_map)]
    table = pd.read_csv(io.BytesIO(attention_csv([patch_map, other[0], signed_map, other[1]])))
    assert len(table) == 12
    assert list(table.columns) == [
        *("slide_id", "x", "y", "patch_size_level0"),
        *("clinical_to_pathology:Stage", "clinical_to_pathology:Stage:times_uniform"),
        "contribution:risk_to_pathology:all",
    ]
    np.testing.assert_allclose(table["clinical_to_pathology:Stage"], np.tile(patch_map.values / 6, 2), rtol=1e-7)
    np.testing.assert_allclose(table["contribution:risk_to_pathology:all"], np.tile(signed_map.values, 2), rtol=1e-7)
    np.testing.assert_array_equal(table[["x", "y"]], np.tile(patch_map.coords, (2, 1)))


def test_missing_values_and_missing_maps_are_empty_fields(patch_map: PatchMap, signed_map: PatchMap) -> None:
    values = np.where(np.arange(6) == 3, np.nan, patch_map.values).astype(np.float32)
    other = dataclasses.replace(signed_map, slide_id="slide-2")
    table = pd.read_csv(io.BytesIO(attention_csv([dataclasses.replace(patch_map, values=values), other])))
    assert table["clinical_to_pathology:Stage"].isna().tolist() == [False] * 3 + [True] + [False] * 2 + [True] * 6
    assert table["contribution:risk_to_pathology:all"].isna().sum() == 6


def test_table_comes_in_pieces_and_keeps_nine_digits() -> None:
    n = 5000
    coords = np.stack([np.arange(n), np.zeros(n, int)], axis=1).astype(np.int32)
    values = np.random.default_rng(0).random(n).astype(np.float32)
    large = PatchMap("attention", "a", "pathology", "all", "s", values, coords, 1)
    pieces = list(csv_chunks([large]))
    assert len(pieces) == 4
    table = pd.read_csv(io.BytesIO(b"".join(pieces)))
    np.testing.assert_allclose(table["a_to_pathology:all:times_uniform"], values, rtol=1e-8)


def test_a_name_with_a_comma_stays_one_field(patch_map: PatchMap) -> None:
    named = dataclasses.replace(patch_map, token='T, "N" and M')
    assert 'clinical_to_pathology:T, "N" and M' in pd.read_csv(io.BytesIO(attention_csv([named]))).columns


def test_maps_on_different_patches_do_not_share_a_table(patch_map: PatchMap) -> None:
    with pytest.raises(InputError, match="different patches"):
        attention_csv([patch_map, dataclasses.replace(patch_map, coords=patch_map.coords + 1)])
    with pytest.raises(InputError, match="No map"):
        attention_csv([])


def test_rank_one_is_the_highest_and_ties_keep_patch_order(scores: PatchScores) -> None:
    assert ranks(scores.values).tolist() == [5, 2, 6, 1, 3, 4]
