"""A table in the unit that a model expects, where both units are declared and one follows from the other exactly."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from survviz.data.cohort import Cohort
from survviz.data.omics import OmicsName, is_linear
from survviz.data.omics_reference import WORDS, OmicsReference

LOGGED = re.compile(r"^log2\((\w+)\+1\)$")


def convert(table: pd.DataFrame, given: str, wanted: str) -> pd.DataFrame | None:
    """RPM to log2(RPM+1) or back (TPM, FPKM, counts alike); None where nothing is to be done or it would be a guess."""
    source, target = (unit.strip().lower().replace(" ", "") for unit in (given, wanted))
    if source == target:
        return None
    values = table.to_numpy(dtype=np.float64)
    to_log, to_linear = LOGGED.match(target), LOGGED.match(source)
    if to_log and is_linear(source) and to_log.group(1) == source and not (values < 0).any():
        return pd.DataFrame(np.log2(values + 1), index=table.index, columns=table.columns)
    if to_linear and is_linear(target) and to_linear.group(1) == target:
        return pd.DataFrame((np.exp2(values) - 1).clip(min=0), index=table.index, columns=table.columns)
    return None


def in_units_of(
    cohort: Cohort, references: Mapping[OmicsName, OmicsReference]
) -> tuple[Cohort, tuple[tuple[str, str, str], ...]]:
    """The cohort with its tables in the units of these references; as `in_units`."""
    return in_units(cohort, {name: reference.unit for name, reference in references.items()})


def in_units(cohort: Cohort, units: Mapping[OmicsName, str]) -> tuple[Cohort, tuple[tuple[str, str, str], ...]]:
    """The cohort with its tables in these units, as far as that is exact.

    Returns:
        The cohort, and (table in words, unit before, unit after) of every table that was converted.
    """
    converted = []
    for name, wanted in units.items():
        found = cohort.omics(name)
        if found is None:
            continue
        table, unit = found
        other = convert(table, unit, wanted)
        if other is not None:
            changes = {name: other, f"{name}_unit": wanted}
            cohort = replace(cohort, **changes)  # type: ignore[arg-type]
            converted.append((WORDS[name][0], unit, wanted))
    return cohort, tuple(converted)
