"""Outcome and clinical fields per patient, from the GDC's cases and the TCGA Clinical Data Resource (CDR).

The CDR is the outcome table that the field uses: it took the latest follow-up of every form. Time and event of a
patient who is in it are both taken from it; they are never mixed from two sources.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from survviz.errors import InputError
from survviz.tcga.cases import Values, read_cases
from survviz.tcga.cdr import read_cdr
from survviz.tcga.patient_row import PatientRow, known, number, word

FIELDS = {
    "Age": "age_years",
    "Sex": "sex",
    "Stage": "stage",
    "Grade": "grade",
    "Race": "race",
    "Cancer type": "cancer_type",
}
COLUMNS = ("time", "event", *FIELDS.values())
STAGES = ("ajcc_pathologic_stage", "ajcc_clinical_stage", "figo_stage", "ann_arbor_clinical_stage", "masaoka_stage")
DAYS_PER_YEAR = 365.25


@dataclass(frozen=True, slots=True)
class Clinical:
    """Usable patients.

    Attributes:
        table: index case_id, columns `COLUMNS`; time in days > 0, event 0 or 1; an unknown field is None.
        notes: what was left out and where the rest is from; every patient without usable outcome is named.
    """

    table: pd.DataFrame
    notes: tuple[str, ...]


def read_clinical(folder: Path, projects: Collection[str], listed: Mapping[str, str] | None = None) -> Clinical:
    """Outcome and fields of the patients of some projects.

    Args:
        listed: patient -> project by the lists of files, for clinical files that do not say it.

    Raises:
        InputError: there is no clinical file, one is damaged, or no patient of the projects has a usable outcome.
    """
    cases, said = read_cases(folder)
    resource = read_cdr(folder)
    if not cases and not resource:
        raise InputError(
            f"{folder} holds no clinical data. Expected the cases as JSON, clinical.tsv of the cart's button Clinical, "
            "or the TCGA-CDR table (*CDR*.xlsx or .csv)."
        )
    rows = {case: row_of(value) for case, value in cases.items()}
    unsaid = {case for case, row in rows.items() if not row.project}
    rows |= {case: replace(rows[case], project=(listed or {}).get(case, "")) for case in unsaid}
    everybody = rows.keys() | resource.keys()
    rows, resource = _of(projects, rows), _of(projects, resource)
    merged = {case: _merged(rows.get(case), resource.get(case)) for case in sorted(rows.keys() | resource.keys())}
    if not merged:
        raise InputError(
            f"None of the {len(everybody)} patients in the clinical files of {folder} is of {', '.join(projects)}. "
            "Give the project that was downloaded."
        )
    if rows and resource:
        only = len(rows.keys() - resource.keys())
        said = (*said, f"outcome of {len(resource)} patients by the TCGA-CDR, of {only} others by the GDC's cases")
    clinical = _usable(merged, _stages(resource) | _stages(rows), said)
    if clinical.table.empty:
        raise InputError(f"No patient of {', '.join(projects)} has a usable outcome: {'; '.join(clinical.notes)}.")
    return clinical


def row_of(case: Values) -> PatientRow:
    """One patient of the GDC's cases."""
    demographic, diagnoses = case.get("demographic") or {}, case.get("diagnoses") or []
    primary = primary_diagnoses(diagnoses)

    def field(name: str) -> str | None:
        return next((value for one in primary if (value := known(one.get(name))) is not None), None)

    age, whole = number(field("age_at_diagnosis")), number(demographic.get("age_at_index"))
    time, event, reason = outcome_of(case)
    return PatientRow(
        time=time,
        event=event,
        reason=reason,
        age_years=whole if age is None else round(age / DAYS_PER_YEAR, 2),
        sex=word(demographic.get("sex_at_birth")) or word(demographic.get("gender")),
        grade=field("tumor_grade"),
        race=word(demographic.get("race")),
        project=known((case.get("project") or {}).get("project_id")) or "",
        stages={name: stage for name in STAGES if (stage := field(name)) is not None},
    )


def outcome_of(case: Values) -> tuple[float | None, bool | None, str]:
    """Days, event, and why they cannot be used ("" if they may be).

    The dead have days_to_death; the living the last of days_to_last_follow_up and days_to_follow_up.
    """
    diagnoses = case.get("diagnoses") or []
    entities = [case.get("demographic") or {}, *diagnoses]
    status = next((text for one in entities if (text := word(one.get("vital_status"))) is not None), "")
    died = next((days for one in entities if (days := number(one.get("days_to_death"))) is not None), None)
    seen = [number(one.get("days_to_last_follow_up")) for one in diagnoses]
    seen += [number(one.get("days_to_follow_up")) for one in case.get("follow_ups") or []]
    if status not in ("dead", "alive"):
        return None, None, "no vital status"
    if status == "dead":
        return died, True, ""
    if died is not None:
        return None, None, "alive, yet with a day of death"
    return max((days for days in seen if days is not None), default=None), False, ""


def primary_diagnoses(diagnoses: list[Values]) -> list[Values]:
    """The diagnoses of the disease that the project is about; the first one where none is marked."""
    marked = [one for one in diagnoses if str(one.get("diagnosis_is_primary_disease")).lower() == "true"]
    marked = marked or [one for one in diagnoses if str(one.get("classification_of_tumor")).lower() == "primary"]
    return marked or diagnoses[:1]


def _of(projects: Collection[str], rows: Mapping[str, PatientRow]) -> dict[str, PatientRow]:
    return {case: row for case, row in rows.items() if row.project in projects}


def _merged(case: PatientRow | None, resource: PatientRow | None) -> PatientRow:
    """Outcome from the CDR where it has the patient, fields from the GDC, gaps filled from the CDR."""
    if case is None or resource is None:
        only = case or resource
        assert only is not None
        return only
    gaps: dict[str, Any] = {
        name: getattr(resource, name) for name in ("age_years", "sex", "grade", "race") if getattr(case, name) is None
    }
    return replace(case, time=resource.time, event=resource.event, reason=resource.reason, **gaps)


def _stages(rows: Mapping[str, PatientRow]) -> dict[str, str]:
    """Patient -> stage, in the one staging system that most patients of the project have."""
    found: dict[str, str] = {}
    for project in {row.project for row in rows.values()}:
        of_project = {case: row.stages for case, row in rows.items() if row.project == project}
        counts = Counter(name for stages in of_project.values() for name in stages)
        if counts:
            system = max(counts, key=lambda name: counts[name])
            found |= {case: stages[system] for case, stages in of_project.items() if system in stages}
    return found


def _usable(rows: Mapping[str, PatientRow], stages: Mapping[str, str], notes: tuple[str, ...]) -> Clinical:
    """The patients with an outcome and follow-up above 0; the others are named in the notes, by reason."""
    lost: dict[str, list[str]] = {}
    kept: dict[str, dict[str, Any]] = {}
    for case, row in rows.items():
        reason = row.reason or ("no follow-up time" if row.time is None else "0 or fewer days of follow-up")
        if not row.reason and row.time is not None and row.event is not None and row.time > 0:
            values = {"age_years": row.age_years, "sex": row.sex, "stage": stages.get(case), "grade": row.grade}
            values |= {"race": row.race, "cancer_type": row.project}
            kept[case] = {"time": row.time, "event": int(row.event), **values}
        else:
            lost.setdefault(reason, []).append(case)
    left_out = tuple(f"{len(ids)} patients left out, {why}: {', '.join(ids)}" for why, ids in sorted(lost.items()))
    ids = pd.Index(list(kept), name="case_id", dtype=object)
    table = pd.DataFrame({name: [row[name] for row in kept.values()] for name in COLUMNS}, index=ids)
    return Clinical(table, (*notes, *left_out))
