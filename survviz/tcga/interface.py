"""Questions to the GDC's public interface: which files and which cases a project has (standard library only).

https://docs.gdc.cancer.gov/API/Users_Guide/Search_and_Retrieval: a POST with filters and fields answers one page of
`data.hits`, and in `data.pagination` how many there are.
"""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from survviz import __version__
from survviz.errors import InputError
from survviz.tcga.projects import KINDS, Kind

API = "https://api.gdc.cancer.gov"
PAGE = 1000
TIMEOUT = 60.0
AGENT = {"User-Agent": f"survviz/{__version__}"}
BROKEN = (OSError, http.client.HTTPException)
"""What a broken or missing connection raises; urllib's URLError is an OSError."""

FILE_FIELDS = (
    "file_id", "file_name", "file_size", "md5sum", "data_type", "access", "cases.submitter_id",
    "cases.project.project_id", "cases.samples.submitter_id", "associated_entities.entity_submitter_id",
    "associated_entities.entity_type",
)  # fmt: skip
CASE_FIELDS = (
    "submitter_id", "project.project_id", "demographic.vital_status", "demographic.days_to_death",
    "demographic.sex_at_birth", "demographic.gender", "demographic.race", "demographic.age_at_index",
    "diagnoses.submitter_id", "diagnoses.diagnosis_is_primary_disease", "diagnoses.classification_of_tumor",
    "diagnoses.age_at_diagnosis", "diagnoses.days_to_last_follow_up", "diagnoses.ajcc_pathologic_stage",
    "diagnoses.ajcc_clinical_stage", "diagnoses.figo_stage", "diagnoses.ann_arbor_clinical_stage",
    "diagnoses.masaoka_stage", "diagnoses.tumor_grade", "follow_ups.days_to_follow_up",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Gdc:
    """The interface at one address."""

    api: str = API
    page: int = PAGE
    timeout: float = TIMEOUT

    def __post_init__(self) -> None:
        if not self.api.startswith(("https://", "http://")):
            raise InputError(f"The address {self.api!r} was given; expected one that starts with https:// as {API}.")

    def files(self, projects: Sequence[str], kind: Kind) -> list[Mapping[str, Any]]:
        """All open-access files of one kind, by UUID."""
        wanted = {"access": "open", **KINDS[kind].fields}
        return self.ask("files", "file_id", FILE_FIELDS, [_one("cases.project.project_id", projects), *_all(wanted)])

    def cases(self, projects: Sequence[str]) -> list[Mapping[str, Any]]:
        """All cases with their outcome and clinical fields, by barcode."""
        return self.ask("cases", "submitter_id", CASE_FIELDS, [_one("project.project_id", projects)])

    def ask(self, endpoint: str, key: str, fields: Sequence[str], filters: Sequence[Any]) -> list[Mapping[str, Any]]:
        """Every hit of a question, page by page.

        Args:
            key: the field that names a hit; the pages are sorted by it.

        Raises:
            InputError: the interface cannot be reached, refuses the question, or its pages do not fit together.
        """
        hits: dict[str, Mapping[str, Any]] = {}
        start = 0
        while True:
            question = {
                "filters": {"op": "and", "content": list(filters)}, "fields": ",".join(fields), "format": "JSON",
                "size": self.page, "from": start, "sort": f"{key}:asc",
            }  # fmt: skip
            found, total = _page(self._post(endpoint, question), self.api)
            hits |= {str(hit.get(key)): hit for hit in found}
            start += len(found)
            if start >= total or not found:
                break
        if len(hits) != total:
            raise InputError(
                f"{self.api} announced {total:,} {endpoint} and gave {len(hits):,} different ones. Its data changed "
                "while it was read, or an answer was cut; try again."
            )
        return list(hits.values())

    def _post(self, endpoint: str, question: Mapping[str, Any]) -> Any:
        headers = {"Content-Type": "application/json", **AGENT}
        body = json.dumps(question).encode()
        request = urllib.request.Request(f"{self.api.rstrip('/')}/{endpoint}", body, headers)
        try:
            with urllib.request.urlopen(request, timeout=self.timeout) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise InputError(refused(error, self.api)) from error
        except BROKEN as error:
            raise InputError(unreachable(error, self.api)) from error
        except ValueError as error:
            text = f"{self.api} did not answer with JSON ({error}). Is there a login page or a proxy in between?"
            raise InputError(text) from error


def refused(error: urllib.error.HTTPError, api: str) -> str:
    """What the interface says of a question that it refuses."""
    with error:
        try:
            said = str(json.load(error).get("message", ""))
        except (*BROKEN, ValueError, AttributeError):
            said = ""
    return f"{api} refused the request ({error.code} {error.reason}{': ' + said if said else ''})."


def unreachable(error: Exception, api: str) -> str:
    """What to do without a network."""
    reason = getattr(error, "reason", None) or error
    return (
        f"{api} cannot be reached ({reason}). Without a network, download the files elsewhere and give their folder "
        "with --from; survviz itself needs none."
    )


def _page(answer: Any, api: str) -> tuple[list[Mapping[str, Any]], int]:
    try:
        return list(answer["data"]["hits"]), int(answer["data"]["pagination"]["total"])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{api} answered in another form than the GDC: {str(answer)[:200]}") from error


def _one(field: str, values: Sequence[str]) -> dict[str, Any]:
    return {"op": "in", "content": {"field": field, "value": list(values)}}


def _all(wanted: Mapping[str, str]) -> list[dict[str, Any]]:
    return [_one(field, [value]) for field, value in wanted.items()]
