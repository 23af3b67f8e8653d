"""All that is looked for in the outcome table and in every other table of text."""

from __future__ import annotations

from survviz.intake.batch_checks import check_batches
from survviz.intake.column_checks import check_columns
from survviz.intake.field_checks import check_fields
from survviz.intake.findings import Finding
from survviz.intake.outcome_checks import check_outcome
from survviz.intake.tables import Tables


def check_clinical(tables: Tables) -> tuple[Finding, ...]:
    """Findings of the outcome, the clinical fields and the columns; nothing is changed."""
    return (*check_outcome(tables), *check_fields(tables), *check_columns(tables), *check_batches(tables))
