"""Where a patient was treated, or on what machine measured, should not tell who died: batch against outcome."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
from scipy.stats import chi2_contingency

from survviz.data.barcodes import case_of
from survviz.data.tables import is_missing
from survviz.intake.endpoint_view import EndpointView, column
from survviz.intake.findings import Finding
from survviz.intake.tables import Matrix, Tables

BATCH = re.compile(r"^(batch|plate|machine|platform|scanner|site|tissue_source_site|centre|center|hospital)$")
SMALLEST = 10
"""Cases that a batch must have to count."""
CERTAIN = 0.001


def check_batches(tables: Tables) -> Iterator[Finding]:
    """A warning per column of batches whose shares of events differ beyond chance."""
    outcome = tables.outcome
    if outcome is None:
        return
    view = EndpointView(tables, outcome, outcome.main)
    events = pd.Series(view.events.to_numpy(), index=column(view.cells, outcome.id).str.strip()).dropna()
    events = pd.Series(events[~events.index.duplicated()])
    for name in view.cells.columns:
        if BATCH.match(str(name).strip().lower()):
            labels = dict(zip(column(view.cells, outcome.id).str.strip(), column(view.cells, name), strict=True))
            yield from _compare(outcome.table, str(name), labels, events)
    for table, matrix in tables.matrices.items():
        for name in matrix.about.columns:
            if BATCH.match(str(name).strip().lower()):
                yield from _compare(table, str(name), _by_case(matrix, str(name), events), events)


def _by_case(matrix: Matrix, name: str, events: pd.Series) -> dict[str, str]:
    ids = frozenset(str(one) for one in events.index)
    owners = [case_of(str(sample), ids) for sample in matrix.values.index]
    return {owner: str(label) for owner, label in zip(owners, matrix.about[name], strict=True) if owner}


def _compare(table: str, name: str, labels: Mapping[str, str], events: pd.Series) -> Iterator[Finding]:
    known = {case: label for case, label in labels.items() if case in events.index and not is_missing(label)}
    counts = pd.crosstab(pd.Series(known, dtype=object), events.loc[list(known)]) if known else pd.DataFrame()
    counts = counts[counts.sum(axis=1) >= SMALLEST] if len(counts) else counts
    if counts.shape[0] < 2 or counts.shape[1] < 2 or (counts.sum(axis=0) == 0).any():
        return
    p = float(np.asarray(chi2_contingency(counts.to_numpy())[1]))
    if p >= CERTAIN:
        return
    shares = (counts[1.0] / counts.sum(axis=1)).sort_values()
    text = (
        f"The share of events differs between the {len(counts)} values of {name} far beyond chance (from "
        f"{shares.iloc[0]:.0%} in {shares.index[0]} to {shares.iloc[-1]:.0%} in {shares.index[-1]}; chi-squared "
        f"p = {p:.1g}). A model may learn the batch instead of the disease: split by it, and report results within it."
    )
    yield Finding("batch-outcome", "warning", table, text, (), (name,))
