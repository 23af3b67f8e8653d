"""The words of which headers are made: of case ids, times, events and endpoints."""

from __future__ import annotations

import re

ID_NAMES = (
    "case_id", "bcr_patient_barcode", "patient_id", "_patient", "patient", "submitter_id", "case_submitter_id",
    "subject_id", "subjid", "usubjid", "patientid", "tcga_id", "case", "barcode", "sample", "sample_id",
    "sampleid", "sample_barcode", "id",
)  # fmt: skip
"""Patients before samples."""

SURVIVAL = r"(_surv(ival)?)?"
PHRASES = (
    (r"overall_surv(ival)?", "os"),
    (r"disease_specific" + SURVIVAL, "dss"),
    (r"cancer_specific" + SURVIVAL, "css"),
    (r"progress(ion)?_free_interval", "pfi"),
    (r"progress(ion)?_free" + SURVIVAL, "pfs"),
    (r"disease_free_interval", "dfi"),
    (r"disease_free" + SURVIVAL, "dfs"),
    (r"(recurrence|relapse)_free" + SURVIVAL, "rfs"),
    (r"event_free" + SURVIVAL, "efs"),
    (r"metastasis_free" + SURVIVAL, "mfs"),
    (r"vital_status", "vital"),
    (r"follow_?up", "followup"),
    (r"time_to_(event|death|censoring)", "time"),
)
ENDPOINTS = (
    "os", "dss", "css", "pfi", "pfs", "dfi", "dfs", "rfs", "efs", "mfs", "dmfs", "ttp", "bcr",
)  # fmt: skip
TIME_WORDS = (
    "time", "aval", "survival", "surv", "duration", "followup", "futime", "months", "month", "days", "day", "years",
    "year", "mo", "mos", "yrs", "survtime",
)  # fmt: skip
EVENT_WORDS = (
    "event", "censorship", "censoring", "censored", "censor", "cens", "cnsr", "dead", "death", "deceased", "died",
    "status", "fustat", "indicator", "observed", "outcome", "state", "vital",
)  # fmt: skip
"""The plainest first."""
FILLERS = frozenset(["of", "the", "in", "at", "is", "last", "yn", "bin", "flag"])
ENTRIES = frozenset([
    "entry", "entry_time", "time_entry", "left_truncation", "delayed_entry", "start_time", "tstart", "entry_days",
    "entry_months", "entry_years", "time_at_entry",
])  # fmt: skip


def plain(header: str) -> str:
    """`Overall Survival (Months)` as `overall_survival_months`; a leading `_` stays."""
    spaced = re.sub(r"([a-z])([A-Z])", r"\1_\2", str(header).strip())
    text = re.sub(r"[^a-z0-9]+", "_", spaced.lower())
    return text.rstrip("_") if text.startswith("_") else text.strip("_")


def words_of(header: str) -> list[str]:
    """The words of a header, endpoints in their short form: `["os", "months"]`."""
    text = plain(header)
    for phrase, short in PHRASES:
        text = re.sub(rf"(^|_){phrase}(?=_|$)", rf"\1{short}", text)
    return [word for word in text.split("_") if word]
