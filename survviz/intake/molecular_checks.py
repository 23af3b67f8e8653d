"""All that is looked for in the molecular tables of a cohort."""

from __future__ import annotations

from collections.abc import Iterator

from survviz.intake.findings import Finding
from survviz.intake.gene_checks import check_genes
from survviz.intake.sample_checks import check_samples
from survviz.intake.tables import Tables
from survviz.intake.value_checks import check_values


def check_molecular(tables: Tables) -> tuple[Finding, ...]:
    """Findings of every matrix, table by table; nothing is changed."""
    return tuple(_all(tables))


def _all(tables: Tables) -> Iterator[Finding]:
    for name, matrix in tables.matrices.items():
        if matrix.values.empty:
            text = f"{len(matrix.values):,} samples and {matrix.values.shape[1]:,} columns of numbers: nothing to read."
            yield Finding("empty-matrix", "error", name, text)
            continue
        yield from check_samples(name, matrix)
        yield from check_genes(name, matrix)
        yield from check_values(name, matrix)
