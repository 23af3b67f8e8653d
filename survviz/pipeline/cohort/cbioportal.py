"""A scored cohort as files that cBioPortal imports: clinical attributes, a Generic Assay, links to the case pages.

Formats: cBioPortal's File-Formats.md. Patients and samples share one id: models estimate patients.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping
from urllib.parse import urlsplit

import pandas as pd

from survviz.errors import InputError
from survviz.pipeline.cohort.results import SURVIVAL_AT, CohortResults
from survviz.types import RESEARCH_USE

STABLE_ID = re.compile(r"[A-Za-z0-9._-]+")
ATTRIBUTES: Mapping[str, tuple[str, str, str, int]] = {
    "SURVVIZ_RISK": ("risk", "Model risk", "Risk by {checkpoint}; higher = worse. {use}", 90),
    "SURVVIZ_PERCENTILE": ("percentile", "Risk percentile", "Among the training cohort of {checkpoint}", 80),
    "SURVVIZ_GROUP": ("group", "Risk group", "By the cut-off frozen in {checkpoint}", 100),
    "SURVVIZ_STANDING": ("standing", "Scored", "unseen, or out of fold: of the training cohort of {checkpoint}", 1),
}
"""Attribute -> column of the results, display name, description, priority."""
RESOURCE = "SURVVIZ_CASE"


def cbioportal_files(
    results: CohortResults, study: str, *, links: Mapping[str, str] | None = None, endpoint: str | None = None
) -> dict[str, str]:
    """File name -> text of a study's additional files.

    Args:
        study: cancer_study_identifier of the study that they are loaded into.
        links: case id -> address of its page in this app; None leaves the links out.
        endpoint: whose outcome goes along, of the results'; None = the cohort's own. Times are months, as there.

    Raises:
        InputError: an id that cBioPortal does not take, a link that is none, or no such endpoint.
    """
    _check(results, study, links or {})
    name = endpoint or next(iter(results.outcomes))
    if name not in results.outcomes:
        raise InputError(f"There is no endpoint {name!r}; there is {', '.join(results.outcomes)}.")
    files = {
        "meta_clinical_patient.txt": _meta(
            cancer_study_identifier=study, genetic_alteration_type="CLINICAL", datatype="PATIENT_ATTRIBUTES",
            data_filename="data_clinical_patient.txt",
        ),
        "data_clinical_patient.txt": _clinical(results, name),
        "meta_clinical_sample.txt": _meta(
            cancer_study_identifier=study, genetic_alteration_type="CLINICAL", datatype="SAMPLE_ATTRIBUTES",
            data_filename="data_clinical_sample.txt",
        ),
        "data_clinical_sample.txt": _samples(results),
        "meta_survviz_assay.txt": _meta(
            cancer_study_identifier=study, genetic_alteration_type="GENERIC_ASSAY",
            generic_assay_type="SURVVIZ_ESTIMATE", datatype="LIMIT-VALUE", stable_id="survviz_estimate",
            profile_name="Survival model estimates", profile_description=f"{results.checkpoint}. {RESEARCH_USE}",
            data_filename="data_survviz_assay.txt", show_profile_in_analysis_tab="true",
            generic_entity_meta_properties="NAME,DESCRIPTION", value_sort_order="DESC", patient_level="true",
        ),
        "data_survviz_assay.txt": _assay(results),
    }  # fmt: skip
    if links:
        files |= _resources(study, links)
    return files


def cbioportal_zip(files: Mapping[str, str]) -> bytes:
    """The files as one zip; the same files give the same bytes."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), files[name], zipfile.ZIP_DEFLATED)
    return target.getvalue()


def _check(results: CohortResults, study: str, links: Mapping[str, str]) -> None:
    wrong = [name for name in (study, *results.table.index) if not STABLE_ID.fullmatch(str(name))]
    if wrong:
        raise InputError(
            f"cBioPortal takes ids of letters, digits, points, underscores and hyphens only; {len(wrong)} are not, for "
            f"example {wrong[0]!r}. Rename them in the cohort."
        )
    for link in links.values():
        if urlsplit(link).scheme not in ("http", "https") or not urlsplit(link).netloc:
            raise InputError(f"A link is {link!r}; expected one as https://survviz.example.org/...")


def _clinical(results: CohortResults, endpoint: str) -> str:
    """Patient attributes: four lines of header with #, names, one row per patient."""
    prefix = re.sub(r"\W", "_", endpoint.upper())
    words = {"checkpoint": results.checkpoint, "use": RESEARCH_USE}
    columns: dict[str, tuple[str, str, str, int, list[str]]] = {
        name: (title, text.format(**words), _kind(_column(results, column)), priority, _cells(_column(results, column)))
        for name, (column, title, text, priority) in ATTRIBUTES.items()
    }
    for months, column in SURVIVAL_AT.items():
        text = f"Estimated share alive at {months:.0f} months by {results.checkpoint}"
        title = f"Estimated survival, {months:.0f} months"
        columns[f"SURVVIZ_S_{months:.0f}"] = (title, text, "NUMBER", 1, _cells(_column(results, column)))
    outcome = results.outcomes[endpoint].reindex(results.table.index)
    words_of = ("0:LIVING", "1:DECEASED") if prefix == "OS" else ("0:CENSORED", "1:EVENT")
    known = outcome["event"].notna()
    states = ["" if not there else words_of[bool(event)] for event, there in zip(outcome["event"], known, strict=True)]
    columns[f"{prefix}_STATUS"] = (f"{endpoint} status", f"{endpoint}: 1 = event", "STRING", 1, states)
    columns[f"{prefix}_MONTHS"] = (f"{endpoint} months", "Follow-up", "NUMBER", 1, _cells(pd.Series(outcome["time"])))
    head = [("Patient", "Patient", "STRING", 1), *((one[:4]) for one in columns.values())]
    lines = ["#" + "\t".join(str(one[i]) for one in head) for i in range(4)]
    lines.append("\t".join(["PATIENT_ID", *columns]))
    cells = [list(map(str, results.table.index)), *(one[4] for one in columns.values())]
    return "\n".join([*lines, *("\t".join(row) for row in zip(*cells, strict=True))]) + "\n"


def _samples(results: CohortResults) -> str:
    """One sample per patient, of the same id, so that the assay finds its columns."""
    lines = ["#Patient\tSample", "#Patient\tSample", "#STRING\tSTRING", "#1\t1", "PATIENT_ID\tSAMPLE_ID"]
    return "\n".join([*lines, *(f"{case}\t{case}" for case in results.table.index)]) + "\n"


def _assay(results: CohortResults) -> str:
    """Rows: risk, its spread over models, estimated survival; columns: patients. NA = not there."""
    rows = [("survviz_risk", "Risk", "Higher = worse", "risk")]
    rows += [("survviz_risk_sd", "Spread of the risk", "Standard deviation over models", "risk_sd")]
    rows += [
        (f"survviz_s_{months:.0f}", f"Survival at {months:.0f} months", "Estimated share alive", column)
        for months, column in SURVIVAL_AT.items()
    ]
    lines = ["\t".join(["ENTITY_STABLE_ID", "NAME", "DESCRIPTION", *map(str, results.table.index)])]
    for name, title, text, column in rows:
        lines.append("\t".join([name, title, text, *_cells(_column(results, column), missing="NA")]))
    return "\n".join(lines) + "\n"


def _resources(study: str, links: Mapping[str, str]) -> dict[str, str]:
    """Links from patients to their case pages here."""
    rows = "\n".join(f"{case}\t{RESOURCE}\t{link}" for case, link in links.items())
    return {
        "meta_resource_definition.txt": _meta(
            cancer_study_identifier=study, resource_type="DEFINITION", data_filename="data_resource_definition.txt"
        ),
        "data_resource_definition.txt": "RESOURCE_ID\tDISPLAY_NAME\tRESOURCE_TYPE\tDESCRIPTION\tOPEN_BY_DEFAULT\t"
        f"PRIORITY\n{RESOURCE}\tsurvviz\tPATIENT\tThe case in survviz\tfalse\t1\n",
        "meta_resource_patient.txt": _meta(
            cancer_study_identifier=study, resource_type="PATIENT", data_filename="data_resource_patient.txt"
        ),
        "data_resource_patient.txt": f"PATIENT_ID\tRESOURCE_ID\tURL\n{rows}\n",
    }


def _meta(**entries: str) -> str:
    return "".join(f"{name}: {value}\n" for name, value in entries.items())


def _column(results: CohortResults, name: str) -> pd.Series:
    return pd.Series(results.table[name])


def _kind(column: pd.Series) -> str:
    return "NUMBER" if pd.api.types.is_numeric_dtype(column) else "STRING"


def _cells(values: pd.Series, *, missing: str = "") -> list[str]:
    return [missing if value != value or value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
            for value in values]  # fmt: skip
