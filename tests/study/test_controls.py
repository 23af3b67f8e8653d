"""The control maps hold the real values, and the shuffled one looks like a map without being the real one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial import KDTree
from scipy.stats import spearmanr

from survviz.errors import InputError
from survviz.study import Study, StudyMap, map_of, read_map, write_map

Make = Callable[..., Study]
CASE = "TCGA-AA-0002"


def moran(one: StudyMap) -> float:
    """Moran's I over touching patches: 1 = smooth, 0 = noise."""
    pairs = KDTree(one.coords).query_pairs(one.patch * 1.1, output_type="ndarray")
    z: NDArray[np.float64] = one.values - one.values.mean()
    return float((z[pairs[:, 0]] * z[pairs[:, 1]]).mean() / (z**2).mean())


@pytest.mark.parametrize("shuffle", ["shift", "plain"])
def test_shuffled_map_is_a_permutation_and_not_the_real_map(make_study: Make, shuffle: str) -> None:
    study = make_study(shuffle=shuffle)
    for case in study.cases:
        real, control = map_of(study, case.name, "real"), map_of(study, case.name, "shuffled")
        assert np.array_equal(np.sort(real.values), np.sort(control.values))
        assert np.array_equal(real.coords, control.coords)
        assert abs(spearmanr(real.values, control.values).statistic) < 0.2


def test_shift_keeps_smoothness_and_plain_does_not(make_study: Make) -> None:
    real = moran(map_of(make_study(), CASE, "real"))
    assert real > 0.9
    assert moran(map_of(make_study(), CASE, "shuffled")) > 0.7
    assert abs(moran(map_of(make_study(shuffle="plain"), CASE, "shuffled"))) < 0.15


def test_uniform_map_is_the_mean_everywhere(make_study: Make) -> None:
    study = make_study()
    real, control = map_of(study, CASE, "real"), map_of(study, CASE, "uniform")
    assert np.ptp(control.values) == 0
    assert control.values.sum() == pytest.approx(real.values.sum())


def test_control_is_the_same_for_all_readers_and_another_with_another_seed(make_study: Make) -> None:
    first = map_of(make_study(), CASE, "shuffled").values
    assert np.array_equal(first, map_of(make_study(), CASE, "shuffled").values)
    assert not np.array_equal(first, map_of(make_study(seed=5), CASE, "shuffled").values)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_tiny_and_flat_maps_have_controls_too(make_study: Make, tmp_path: Path, n: int) -> None:
    study = make_study()
    flat = StudyMap(np.arange(2 * n).reshape(n, 2) * 256, np.ones(n), 256)
    write_map(tmp_path / study.case(CASE).map, flat)
    assert np.array_equal(map_of(study, CASE, "shuffled").values, np.ones(n))


def test_map_survives_the_file(tmp_path: Path) -> None:
    given = StudyMap(np.array([[0, 0], [256, 512]]), np.array([0.5, 1.5]), 256, "what it means")
    write_map(tmp_path / "one.safetensors", given)
    found = read_map(tmp_path / "one.safetensors")
    assert np.array_equal(found.coords, given.coords)
    assert np.array_equal(found.values, given.values)
    assert (found.patch, found.words) == (256, "what it means")


def test_a_file_that_is_no_map_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "bad.safetensors").write_bytes(b"not a map")
    with pytest.raises(InputError, match="survviz study init"):
        read_map(tmp_path / "bad.safetensors")
    with pytest.raises(InputError, match="not there"):
        read_map(tmp_path / "none.safetensors")
    with pytest.raises(InputError, match="missing or negative"):
        write_map(tmp_path / "nan.safetensors", StudyMap(np.zeros((1, 2)), np.array([np.nan]), 256))
