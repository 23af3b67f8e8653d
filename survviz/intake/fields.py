"""Which columns hold age, sex, stage and the other clinical fields, under the names that other people give them."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd

from survviz.data.clinical import load_templates
from survviz.data.tables import is_missing
from survviz.intake.endpoint_view import column as column_of
from survviz.intake.tables import FieldSource

OTHER_NAMES: Mapping[str, tuple[str, ...]] = {
    "Age": ("diagnosis_age", "age_at_index", "age_at_dx", "age_yrs", "alter"),
    "Sex": ("is_female", "is_male", "female", "male", "geschlecht"),
    "Stage": (
        "neoplasm_disease_stage_american_joint_committee_on_cancer_code", "ajcc_pathologic_tumor_stage_code",
        "pathological_stage", "clinical_stage", "tumor_stage_diagnoses", "tumor_stage_2009",
        "uicc_stage", "uicc", "stadium",
    ),
    "Grade": ("neoplasm_histologic_grade_1", "histology_grade"),
    "Histology": ("cancer_type_detailed", "tumor_type", "histologic_subtype"),
    "Race": ("race_category", "ethnicity_race"),
    "Cancer type": ("tcga_pancanatlas_cancer_type_acronym", "cancer_type_acronym"),
    "Tumour extent": ("path_t_stage", "american_joint_committee_on_cancer_tumor_stage_code"),
    "Lymph nodes": ("path_n_stage", "neoplasm_disease_lymph_node_stage_american_joint_committee_on_cancer_code"),
    "Metastasis": ("path_m_stage", "american_joint_committee_on_cancer_metastasis_stage_code"),
}  # fmt: skip
OLDEST = 150.0


def guess_fields(text: Mapping[str, pd.DataFrame], first: str, used: Collection[str | None]) -> dict[str, FieldSource]:
    """Clinical token -> column; the outcome table is looked at first, then the others in their order.

    Args:
        first: name of the outcome table.
        used: its columns that hold the case or the outcome.
    """
    templates = load_templates()
    found: dict[str, FieldSource] = {}
    for name in (first, *(name for name in text if name != first)):
        cells = text[name]
        columns = [str(column) for column in cells.columns if name != first or column not in used]
        plain = {re.sub(r"[^a-z0-9]+", "_", column.lower()).strip("_"): column for column in reversed(columns)}
        for token, column in {**_others(plain), **templates.find_columns(columns)}.items():
            if token not in found and _says_something(token, column_of(cells, column)):
                unit = _unit_of_age(column_of(cells, column)) if token == "Age" else ""
                found[token] = FieldSource(table=name, column=column, unit=unit)  # type: ignore[arg-type]
    order = [field.token for field in templates.known]
    return dict(sorted(found.items(), key=lambda item: order.index(item[0])))


def _says_something(token: str, cells: pd.Series) -> bool:
    """Whether a column has cells; TCGA's codes of hospitals (`A2`) are no sites of a tumour."""
    given = [cell.strip() for cell in cells if not is_missing(cell)]
    return bool(given) and not (token == "Site" and max(map(len, given)) <= 2)


def _others(plain: Mapping[str, str]) -> dict[str, str]:
    return {
        token: next(plain[name] for name in names if name in plain)
        for token, names in OTHER_NAMES.items()
        if any(name in plain for name in names)
    }


def _unit_of_age(cells: pd.Series) -> str:
    """Days, where nobody could be so old in years or months."""
    numbers = np.asarray(pd.to_numeric(cells, errors="coerce"), dtype=float)
    numbers = np.abs(numbers[np.isfinite(numbers)])
    median = float(np.median(numbers)) if len(numbers) else 0.0
    return "days" if median > OLDEST * 12 else "months" if median > OLDEST else ""
