"""A cohort folder of ours as an intake: `cohort.toml` says what its tables hold, so nothing is guessed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from survviz.data.cohort_file import CohortFile, FieldColumn
from survviz.errors import InputError
from survviz.intake.fields import guess_fields
from survviz.intake.findings import Finding
from survviz.intake.header_words import ENDPOINTS
from survviz.intake.layout import TableUse, propose
from survviz.intake.outcome import find_endpoints
from survviz.intake.source import Source
from survviz.intake.tables import Coding, Endpoint, FieldSource, Outcome

SAID = "as cohort.toml says"


def uses_of(cohort: CohortFile, sources: Sequence[Source]) -> tuple[TableUse, ...]:
    """What `cohort.toml` says of each table; tables that it does not name are not used.

    Raises:
        InputError: a table that it names is not there.
    """
    proposed = {use.source: use for use in propose(sources)}
    uses: list[TableUse] = []
    clinical = _source(sources, cohort.clinical.file)
    uses.append(TableUse(source=clinical.name, role="clinical", names=cohort.clinical.id, reason=SAID))
    for role, section in (("rna", cohort.rna), ("mirna", cohort.mirna), ("cnv", cohort.cnv)):
        if section is None:
            continue
        source = _source(sources, section.file)
        like = proposed[source.name]
        update: dict[str, object] = {"role": role, "unit": section.unit, "reason": SAID}
        if like.role == "ignored":
            update["names"] = source.columns[0]
        if section.orientation != "auto":
            update["orientation"] = section.orientation
        uses.append(like.model_copy(update=update))
    if cohort.pathology is not None:
        source, section = _source(sources, cohort.pathology.file), cohort.pathology
        about = dict.fromkeys([section.name_column or section.case_column, *section.drop])
        uses.append(
            TableUse(
                source=source.name, role="features", names=section.case_column, unit=section.encoder, reason=SAID,
                about=tuple(name for name in about if name != section.case_column),
            )
        )  # fmt: skip
    if cohort.slides is not None:
        source = _source(sources, cohort.slides.file)
        uses.append(TableUse(source=source.name, role="slides", names="case_id", reason=SAID))
    named = {use.source for use in uses}
    rest = [source.name for source in sources if source.name not in named]
    return *uses, *(TableUse(source=name, role="ignored", reason="cohort.toml does not name it") for name in rest)


def outcome_of(cohort: CohortFile, sources: Sequence[Source]) -> Outcome:
    """The outcome as `cohort.toml` codes it, and other endpoints in columns NAME and NAME.time."""
    section = cohort.clinical
    source = _source(sources, section.file)
    cells = source.text()
    coding = Coding(
        observed=tuple(str(value) for value in section.event_coding.observed),
        censored=tuple(str(value) for value in section.event_coding.censored),
    )
    name = section.event.upper() if section.event.lower() in ENDPOINTS else "OS"
    unit = section.time_unit
    main = Endpoint(name=name, time=section.time, event=section.event, time_unit=unit, coding=coding)
    found, _ = find_endpoints(source.name, cells.drop(columns=[section.time, section.event], errors="ignore"))
    others = tuple(
        one.model_copy(update={"time_unit": unit, "coding": coding})
        for one in found
        if one.name != name and one.time.lower() == f"{one.name.lower()}.time"
    )
    fields = {token: _field(source.name, item) for token, item in section.fields.items()}
    fields = fields or guess_fields({source.name: cells}, source.name, {section.id, section.time, section.event})
    entry = "entry" if "entry" in source.columns else None
    return Outcome(table=source.name, id=section.id, endpoints=(main, *others), entry=entry, fields=fields)


def left_behind(cohort: CohortFile) -> Iterator[Finding]:
    """What of a cohort folder is checked nowhere here, and would not be in a cohort that is written of it."""
    lost = [
        ("packed features", bool(cohort.features and cohort.features.packed)),
        ("precomputed genomic tokens", cohort.genomic_tokens is not None),
        ("the holdout", bool(cohort.split.holdout)),
    ]
    names = [name for name, there in lost if there]
    if names:
        text = f"{' and '.join(names)} of this cohort folder are not looked at, and a cohort written of it lacks them."
        yield Finding("not-carried", "note", "cohort.toml", text)


def _field(table: str, item: str | FieldColumn) -> FieldSource:
    column, unit = (item.column, item.unit) if isinstance(item, FieldColumn) else (item, "")
    return FieldSource(table=table, column=column, unit="" if unit == "years" else unit)


def _source(sources: Sequence[Source], file: str) -> Source:
    """The table of this path, wherever the cohort folder lies in what was brought."""
    path = PurePosixPath(file)
    for source in sources:
        if PurePosixPath(source.name) == path or source.name.endswith(f"/{path}"):
            return source
    raise InputError(f"cohort.toml names {file}, which was not brought, or cannot be read.")
