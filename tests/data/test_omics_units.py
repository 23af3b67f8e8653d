"""Declared units are converted where that is exact, and left alone where it would be a guess."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from survviz.data.omics_units import convert

VALUES = st.lists(st.floats(0, 1e6, allow_nan=False), min_size=1, max_size=8)


@given(VALUES)
def test_there_and_back_is_the_same(values: list[float]) -> None:
    table = pd.DataFrame({"hsa-mir-21": values})
    logged = convert(table, "RPM", "log2(RPM + 1)")
    assert logged is not None
    np.testing.assert_allclose(logged["hsa-mir-21"], np.log2(np.array(values) + 1))
    back = convert(logged, "log2(rpm+1)", "RPM")
    assert back is not None
    np.testing.assert_allclose(back, table, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("unit", "wanted"),
    [
        ("RPM", "RPM"), ("log2(TPM + 1)", "log2(tpm+1)"), ("", "log2(RPM+1)"), ("RPM", ""), ("z-score", "log2(RPM+1)"),
        ("TPM", "log2(RPM+1)"), ("counts", "log2(TPM+1)"), ("log2(TPM+0.001)", "TPM"), ("log2(RPM+1)", "z-score"),
    ],
)  # fmt: skip
def test_nothing_is_guessed(unit: str, wanted: str) -> None:
    assert convert(pd.DataFrame({"A": [1.0, 2.0]}), unit, wanted) is None


def test_what_is_said_to_be_linear_and_is_not_stays_for_the_checks_to_find() -> None:
    assert convert(pd.DataFrame({"A": [1.0, -2.0]}), "RPM", "log2(RPM+1)") is None


def test_missing_values_stay_missing() -> None:
    found = convert(pd.DataFrame({"A": [3.0, np.nan]}), "RPM", "log2(RPM+1)")
    assert found is not None
    assert found["A"].tolist()[0] == 2.0
    assert np.isnan(found["A"].tolist()[1])
